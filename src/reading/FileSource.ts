/**
 * Requests files from one Bitbucket, within a time limit. Only Bitbucket's own answer counts as
 * the content of a file, or as proof that it is absent.
 */

import { BitbucketServerIntegrationConfig } from '@backstage/integration';
import { OpenContent } from '../bitbucket/contents';
import { BitbucketServerCredentialsError } from '../bitbucket/errors';
import { RestClient } from '../bitbucket/RestClient';
import { ReadingConfig } from '../config/readReadingConfig';
import { Fetch } from '../http/HttpTransport';
import { LimiterRegistry } from '../http/LimiterRegistry';
import { RequestObserver } from '../http/types';
import { Lookup, Problem } from '../model';
import { ClientFactory, createClientFactory } from '../provider/createClient';
import { Clock, TimeoutReached, withTimeout } from '../util/clock';
import { doubtContent } from './decideRead';
import { ReadTarget } from './parseReadUrl';
import { readStream } from './readStream';

/** Largest file that is read for the catalog: 32 MiB. */
const MAX_FILE_BYTES = 32 * 1024 * 1024;

/** Time limit for the headers of an answer, milliseconds: an archive may start late. */
const REQUEST_TIMEOUT_MS = 30_000;

/**
 * Time until refused credentials are tried again, milliseconds: each attempt is another failed
 * login.
 */
const LOGIN_RETRY_MS = 5 * 60_000;

/** A file that was read to its end. */
export interface FileContent {
  readonly bytes: Buffer;
  readonly headers: Headers;
}

/** For {@link FileSource}. */
export interface FileSourceOptions {
  readonly integration: BitbucketServerIntegrationConfig;
  readonly limiters: LimiterRegistry;
  /** Returns the current settings. */
  readonly settings: () => Pick<ReadingConfig, 'maxWaitMs'>;
  readonly clock: Clock;
  readonly observer: RequestObserver;
  /** The global function when left out. */
  readonly fetch?: Fetch;
}

/** What limits a read. */
export interface ReadLimits {
  readonly signal?: AbortSignal;
  /** The part of `maxWait` that the caller has used up before; 0 when left out. */
  readonly waitedMs?: number;
}

/** How a request is sent. */
interface RequestOptions {
  readonly at?: string;
  readonly signal: AbortSignal;
  readonly maxWaitMs: number;
}

/** Reads files, listings and archives of the repositories on one host. */
export class FileSource {
  readonly #options: FileSourceOptions;
  readonly #clients: ClientFactory;
  #client: RestClient | undefined;
  /** When the credentials were refused, on the monotonic clock, and why. */
  #refused: { readonly atMs: number; readonly problem: Problem } | undefined;

  constructor(options: FileSourceOptions) {
    this.#options = options;
    this.#clients = createClientFactory({
      ...options,
      providerId: 'url-reader',
      requestClass: 'read',
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
    });
  }

  /** Uses other credentials from now on; an earlier refusal does not apply to them. */
  useCredentials(integration: BitbucketServerIntegrationConfig): void {
    this.#clients.useCredentials(integration);
    this.#refused = undefined;
  }

  /** Reads a whole file; doubtful content, such as a login page, counts only once confirmed. */
  readFile(target: ReadTarget, limits: ReadLimits = {}): Promise<Lookup<FileContent>> {
    const { address, path } = target;
    // One hanging attempt may take as long as all waits together.
    const attemptMs = this.#options.settings().maxWaitMs;
    return this.#ask(target, { ...limits, attemptMs }, async (client, options) => {
      const opened = await client.openFile(address, path, options);
      return opened.kind === 'found'
        ? this.#confirmed(client, target, opened.value, options)
        : opened;
    });
  }

  /** Opens a file of any size for the caller to read; confirms it if its headers are doubtful. */
  openFile(target: ReadTarget, limits: ReadLimits = {}): Promise<Lookup<OpenContent>> {
    const { address, path } = target;
    return this.#ask(target, limits, async (client, options) => {
      const opened = await client.openFile(address, path, options);
      if (opened.kind !== 'found' || !isDoubtful(opened.value.headers)) return opened;
      const content = await this.#confirmed(client, target, opened.value, options);
      return content.kind === 'found'
        ? { kind: 'found', value: reopen(content.value) }
        : content;
    });
  }

  /** Lists all files at a branch or commit, as paths from the root. */
  listFiles(target: ReadTarget, limits: ReadLimits): Promise<Lookup<readonly string[]>> {
    return this.#ask(target, limits, (client, options) =>
      client.listFiles(target.address, options),
    );
  }

  /** Returns the id of the commit at the target's branch. */
  getHeadCommit(target: ReadTarget, signal?: AbortSignal): Promise<Lookup<string>> {
    return this.#ask(target, { signal }, (client, options) =>
      client.getHeadCommit(target.address, options),
    );
  }

  /** Opens a tarball of the files of a commit below the target's path. */
  openArchive(
    target: ReadTarget,
    commit: string,
    signal?: AbortSignal,
  ): Promise<Lookup<OpenContent>> {
    const { address, path } = target;
    const prefix = `${address.projectKey}-${address.slug}`;
    const archive = { at: commit, prefix, path: path === '' ? undefined : path };
    return this.#ask(target, { signal }, (client, { at: _, ...options }) =>
      client.openArchive(address, archive, options),
    );
  }

  /**
   * Sends a request unless the credentials are refused; never takes longer than what is left of
   * `maxWait`, and `attemptMs` for one attempt.
   */
  async #ask<T>(
    { at }: ReadTarget,
    limits: ReadLimits & { readonly attemptMs?: number },
    work: (client: RestClient, options: RequestOptions) => Promise<Lookup<T>>,
  ): Promise<Lookup<T>> {
    const { clock, settings } = this.#options;
    const { attemptMs = REQUEST_TIMEOUT_MS, signal, waitedMs = 0 } = limits;
    const maxWaitMs = Math.max(0, settings().maxWaitMs - waitedMs);
    const ms = maxWaitMs + attemptMs;
    const client = this.#open();
    if ('reason' in client) return { kind: 'unknown', problem: client };
    try {
      const ask = async (stop: AbortSignal) => {
        await this.#clients.prepare(client, stop);
        return work(client, { at, signal: stop, maxWaitMs });
      };
      return await withTimeout(ask, { clock, ms, signal });
    } catch (error) {
      if (error instanceof TimeoutReached) {
        const detail = `Bitbucket did not answer within ${ms / 1000} s`;
        return { kind: 'unknown', problem: { reason: 'timeout', detail } };
      }
      if (error instanceof BitbucketServerCredentialsError) {
        return { kind: 'unknown', problem: this.#refuse(error) };
      }
      throw error;
    }
  }

  async #confirmed(
    client: RestClient,
    { address, path }: ReadTarget,
    opened: OpenContent,
    options: RequestOptions,
  ): Promise<Lookup<FileContent>> {
    const content = await readContent(opened, options.signal);
    return content.kind === 'found'
      ? confirmContent(content.value, () => client.getFileSize(address, path, options))
      : content;
  }

  #open(): RestClient | Problem {
    const { clock, observer } = this.#options;
    if (this.#refused) {
      const { atMs, problem } = this.#refused;
      if (clock.monotonicMs() - atMs < LOGIN_RETRY_MS) return problem;
      this.#refused = undefined;
    }
    this.#client ??= this.#clients.create(observer);
    return this.#client;
  }

  #refuse({ message: detail }: BitbucketServerCredentialsError): Problem {
    const problem: Problem = { reason: 'not-permitted', detail };
    this.#client = undefined;
    this.#refused ??= { atMs: this.#options.clock.monotonicMs(), problem };
    return problem;
  }
}

function isDoubtful(headers: Headers): boolean {
  const byteLength = Number(headers.get('content-length') ?? NaN);
  const contentType = headers.get('content-type');
  return doubtContent({ byteLength, beginning: '', contentType }) !== undefined;
}

function reopen({ bytes, headers }: FileContent): OpenContent {
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  });
  return { headers, stream };
}

async function readContent(
  { headers, stream }: OpenContent,
  signal: AbortSignal,
): Promise<Lookup<FileContent>> {
  try {
    const bytes = await readStream(stream, { maxBytes: MAX_FILE_BYTES, signal });
    return { kind: 'found', value: { bytes, headers } };
  } catch (error) {
    signal.throwIfAborted();
    const isTooLarge = error instanceof RangeError;
    const detail = isTooLarge ? error.message : 'the answer was truncated';
    const reason = isTooLarge ? 'unexpected-answer' : 'server-error';
    return { kind: 'unknown', problem: { reason, detail } };
  }
}

/** Accepts content that is empty or looks like a web page only if Bitbucket confirms its size. */
async function confirmContent(
  content: FileContent,
  readSize: () => Promise<Lookup<number>>,
): Promise<Lookup<FileContent>> {
  const { bytes, headers } = content;
  const doubt = doubtContent({
    byteLength: bytes.byteLength,
    beginning: bytes.subarray(0, 256).toString('utf8'),
    contentType: headers.get('content-type'),
  });
  if (doubt === undefined) return { kind: 'found', value: content };
  const size = await readSize();
  if (size.kind === 'absent') return size;
  if (size.kind === 'found' && size.value === bytes.byteLength) {
    return { kind: 'found', value: content };
  }
  const detail = `the answer is ${doubt}, and Bitbucket does not confirm that this is the file`;
  return { kind: 'unknown', problem: { reason: 'unexpected-answer', detail } };
}
