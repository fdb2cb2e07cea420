/**
 * Asks one Bitbucket for files, so that nobody waits without end and nothing passes for a
 * file's content, or for its absence, that is not Bitbucket's own word.
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

/** Of what the catalog is to parse: 32 MiB. */
const MAX_FILE_BYTES = 32 * 1024 * 1024;

/** For the headers of an answer, milliseconds: an archive may take a while to begin. */
const REQUEST_TIMEOUT_MS = 30_000;

/** Refused credentials are tried again after so long, milliseconds: each attempt is one more failed login. */
const LOGIN_RETRY_MS = 5 * 60_000;

/** A file that was read to its end. */
export interface FileContent {
  readonly bytes: Buffer;
  readonly headers: Headers;
}

/** What files are asked for with. */
export interface FileSourceOptions {
  readonly integration: BitbucketServerIntegrationConfig;
  readonly limiters: LimiterRegistry;
  /** As they are at the moment. */
  readonly settings: () => Pick<ReadingConfig, 'maxWaitMs'>;
  readonly clock: Clock;
  readonly observer: RequestObserver;
  /** The global one when left out. */
  readonly fetch?: Fetch;
}

/** How one question is sent. */
interface Sent {
  readonly at?: string;
  readonly signal: AbortSignal;
  readonly maxWaitMs: number;
}

/** Files, listings and archives of the repositories on one host. */
export class FileSource {
  readonly #options: FileSourceOptions;
  readonly #clients: ClientFactory;
  #client: RestClient | undefined;
  /** Since when, on the monotonic clock, the credentials are refused, and why. */
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

  /** Asks with other credentials from now on; what was refused before does not count for them. */
  useCredentials(integration: BitbucketServerIntegrationConfig): void {
    this.#clients.useCredentials(integration);
    this.#refused = undefined;
  }

  /** Reads a file to its end; what may be somebody else's page counts only once confirmed. */
  readFile(target: ReadTarget, signal?: AbortSignal): Promise<Lookup<FileContent>> {
    const { address, path } = target;
    // One attempt that hangs may take as long as all waiting together.
    const limitMs = 2 * this.#options.settings().maxWaitMs;
    return this.#ask(target, { signal, limitMs }, async (client, sent) => {
      const opened = await client.openFile(address, path, sent);
      return opened.kind === 'found'
        ? this.#confirmed(client, target, opened.value, sent)
        : opened;
    });
  }

  /** Opens a file of any size, which the caller reads; doubts what its headers make doubtful. */
  openFile(target: ReadTarget, signal?: AbortSignal): Promise<Lookup<OpenContent>> {
    const { address, path } = target;
    return this.#ask(target, { signal }, async (client, sent) => {
      const opened = await client.openFile(address, path, sent);
      if (opened.kind !== 'found' || !isDoubtful(opened.value.headers)) return opened;
      const content = await this.#confirmed(client, target, opened.value, sent);
      return content.kind === 'found'
        ? { kind: 'found', value: reopen(content.value) }
        : content;
    });
  }

  /** All files at a branch or commit, as paths from the root. */
  listFiles(
    target: ReadTarget,
    signal?: AbortSignal,
  ): Promise<Lookup<readonly string[]>> {
    return this.#ask(target, { signal }, (client, sent) =>
      client.listFiles(target.address, sent),
    );
  }

  /** The commit that is read. */
  getHeadCommit(target: ReadTarget, signal?: AbortSignal): Promise<Lookup<string>> {
    return this.#ask(target, { signal }, (client, sent) =>
      client.getHeadCommit(target.address, sent),
    );
  }

  /** Opens a tarball of one commit, as far as it lies at the target's path. */
  openArchive(
    target: ReadTarget,
    commit: string,
    signal?: AbortSignal,
  ): Promise<Lookup<OpenContent>> {
    const { address, path } = target;
    const prefix = `${address.projectKey}-${address.slug}`;
    const what = { at: commit, prefix, path: path === '' ? undefined : path };
    return this.#ask(target, { signal }, (client, { at: _, ...sent }) =>
      client.openArchive(address, what, sent),
    );
  }

  /** Asks while the credentials work; never waits longer than `limitMs`. */
  async #ask<T>(
    { at }: ReadTarget,
    limits: { readonly signal?: AbortSignal; readonly limitMs?: number },
    work: (client: RestClient, sent: Sent) => Promise<Lookup<T>>,
  ): Promise<Lookup<T>> {
    const { clock, settings } = this.#options;
    const { maxWaitMs } = settings();
    const { signal, limitMs: ms = maxWaitMs + REQUEST_TIMEOUT_MS } = limits;
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
        const detail = `Bitbucket gave no answer within ${ms / 1000} s`;
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
    sent: Sent,
  ): Promise<Lookup<FileContent>> {
    const content = await readContent(opened, sent.signal);
    return content.kind === 'found'
      ? confirmContent(content.value, () => client.getFileSize(address, path, sent))
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
    const detail = isTooLarge ? error.message : 'the answer ended before its end';
    const reason = isTooLarge ? 'unexpected-answer' : 'server-error';
    return { kind: 'unknown', problem: { reason, detail } };
  }
}

/** What is empty, or looks like a page of something else, is the file's once Bitbucket says so. */
async function confirmContent(
  content: FileContent,
  askSize: () => Promise<Lookup<number>>,
): Promise<Lookup<FileContent>> {
  const { bytes, headers } = content;
  const doubt = doubtContent({
    byteLength: bytes.byteLength,
    beginning: bytes.subarray(0, 256).toString('utf8'),
    contentType: headers.get('content-type'),
  });
  if (doubt === undefined) return { kind: 'found', value: content };
  const size = await askSize();
  if (size.kind === 'absent') return size;
  if (size.kind === 'found' && size.value === bytes.byteLength) {
    return { kind: 'found', value: content };
  }
  const detail = `Bitbucket answered with ${doubt}, and does not confirm that this is the file`;
  return { kind: 'unknown', problem: { reason: 'unexpected-answer', detail } };
}
