/** The URL reader of one Bitbucket Server or Data Center, in Backstage's terms. */

import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  UrlReaderService,
  UrlReaderServiceReadTreeOptions,
  UrlReaderServiceReadTreeResponse,
  UrlReaderServiceReadUrlOptions,
  UrlReaderServiceReadUrlResponse,
  UrlReaderServiceSearchOptions,
  UrlReaderServiceSearchResponse,
} from '@backstage/backend-plugin-api';
import { InputError, NotFoundError, NotModifiedError } from '@backstage/errors';
import { BitbucketServerIntegration } from '@backstage/integration';
import { Minimatch } from 'minimatch';
import pLimit from 'p-limit';
import { ReadResult } from '../metrics/observers';
import { Lookup } from '../model';
import { CatalogReads, FilesRead } from './CatalogReads';
import { FileContent, FileSource } from './FileSource';
import { parseReadUrl, ReadTarget } from './parseReadUrl';
import { unreadable } from './ReadFailures';
import { readStream, toNodeStream } from './readStream';

/** The part of a commit's id by which trees are told apart, as the built-in reader has it. */
const TREE_ETAG_LENGTH = 12;

/** Files of one pattern that are read at the same time. */
const FILES_AT_ONCE = 4;

/** What Backstage makes a tree of. */
export interface TreeResponseFactory {
  fromTarArchive(options: {
    readonly stream: Readable;
    readonly subpath?: string;
    readonly etag: string;
    readonly filter?: UrlReaderServiceReadTreeOptions['filter'];
  }): Promise<UrlReaderServiceReadTreeResponse>;
}

/** What a reader reads with. */
export interface BitbucketServerUrlReaderOptions {
  readonly integration: BitbucketServerIntegration;
  readonly source: FileSource;
  /** Of the catalog; the others read whatever they ask for. */
  readonly catalogReads?: CatalogReads;
  readonly treeResponseFactory: TreeResponseFactory;
  readonly onRead: (result: ReadResult) => void;
}

type File = UrlReaderServiceSearchResponse['files'][number];

/** Reads what lies at URLs of one host. */
export class BitbucketServerUrlReader implements UrlReaderService {
  readonly #options: BitbucketServerUrlReaderOptions;

  constructor(options: BitbucketServerUrlReaderOptions) {
    this.#options = options;
  }

  /**
   * Reads one file.
   *
   * @throws NotFoundError only where Bitbucket itself says that there is no such file
   * @throws NotModifiedError where the answer's own headers say so
   */
  async readUrl(
    url: string,
    options: UrlReaderServiceReadUrlOptions = {},
  ): Promise<UrlReaderServiceReadUrlResponse> {
    const target = toTarget(url);
    const opened = this.#found(
      url,
      await this.#options.source.openFile(target, options.signal),
    );
    const { headers, stream } = opened;
    const about = describeVersion(headers);
    if (isSameVersion(about, options)) {
      await stream.cancel();
      throw new NotModifiedError();
    }
    let bytes: Promise<Buffer> | undefined;
    return {
      ...about,
      buffer: () => {
        bytes ??= readStream(stream, { maxBytes: Infinity, signal: options.signal });
        return bytes;
      },
      stream: () => toNodeStream(stream),
    };
  }

  /**
   * Reads a folder, or all of a repository, as one archive.
   *
   * @throws NotModifiedError where the caller has this commit already
   * @throws NotFoundError only where Bitbucket itself says that there is nothing
   */
  async readTree(
    url: string,
    options: UrlReaderServiceReadTreeOptions = {},
  ): Promise<UrlReaderServiceReadTreeResponse> {
    const target = toTarget(url);
    const { source, treeResponseFactory, onRead } = this.#options;
    const { filter, signal } = options;
    const head = await source.getHeadCommit(target, signal);
    if (head.kind !== 'found') throw this.#failure(url, head);
    const commit = head.value;
    const etag = commit.slice(0, TREE_ETAG_LENGTH);
    if (options.etag === etag) {
      onRead('not-modified');
      throw new NotModifiedError();
    }
    const archive = this.#found(url, await source.openArchive(target, commit, signal));
    const stream = toNodeStream(archive.stream);
    const subpath = target.path;
    return treeResponseFactory.fromTarArchive({ stream, subpath, etag, filter });
  }

  /**
   * Reads one file, or all files whose path matches a pattern.
   *
   * @returns no files where Bitbucket itself says that there are none
   * @throws NotModifiedError where what the catalog has is still to be used
   */
  async search(
    url: string,
    options: UrlReaderServiceSearchOptions = {},
  ): Promise<UrlReaderServiceSearchResponse> {
    const target = toTarget(url);
    const ask = () => this.#readAll(url, target, options.signal);
    const { catalogReads, onRead } = this.#options;
    if (!catalogReads) {
      const read = await ask();
      if (read.kind === 'absent') {
        onRead('absent');
        return { files: [], etag: '' };
      }
      return { files: [...this.#found(url, read).files], etag: '' };
    }
    const question = { url, address: target.address, etag: options.etag };
    const { files, etag } = await catalogReads.read(question, ask);
    return { files: [...files], etag };
  }

  toString(): string {
    const { host, token, username } = this.#options.integration.config;
    return `bitbucketServer{host=${host},authed=${Boolean(token ?? username)}}`;
  }

  async #readAll(
    url: string,
    target: ReadTarget,
    signal: AbortSignal | undefined,
  ): Promise<Lookup<FilesRead<File>>> {
    const { source } = this.#options;
    if (target.glob !== undefined) return this.#readMatching(url, target, signal);
    const read = await source.readFile(target, signal);
    if (read.kind !== 'found') return read;
    const value = {
      files: [toFile(url, read.value)],
      contentHash: hash(read.value.bytes),
    };
    return { kind: 'found', value };
  }

  /** One listing and the files that match, in place of an archive of everything. */
  async #readMatching(
    url: string,
    target: ReadTarget,
    signal: AbortSignal | undefined,
  ): Promise<Lookup<FilesRead<File>>> {
    const { integration, source } = this.#options;
    const listing = await source.listFiles(target, signal);
    if (listing.kind !== 'found') return listing;
    const pattern = new Minimatch(target.glob ?? '');
    const paths = listing.value.filter(path => pattern.match(path)).sort();
    const inTurn = pLimit(FILES_AT_ONCE);
    const lookups = await Promise.all(
      paths.map(path => inTurn(() => source.readFile({ ...target, path }, signal))),
    );
    const files: File[] = [];
    const hashes: string[] = [];
    for (const [index, path] of paths.entries()) {
      const lookup = lookups[index];
      if (lookup?.kind === 'unknown') return lookup;
      // What is absent by now was deleted after it was listed.
      if (lookup?.kind === 'found') {
        const at = integration.resolveUrl({ url: `/${path}`, base: url });
        files.push(toFile(at, lookup.value));
        hashes.push(`${path}\0${hash(lookup.value.bytes)}`);
      }
    }
    return { kind: 'found', value: { files, contentHash: hash(hashes.join('\n')) } };
  }

  /** @throws NotFoundError or Error where nothing was found */
  #found<T>(url: string, lookup: Lookup<T>): T {
    if (lookup.kind !== 'found') throw this.#failure(url, lookup);
    this.#options.onRead('read');
    return lookup.value;
  }

  #failure(url: string, lookup: Exclude<Lookup<never>, { kind: 'found' }>): Error {
    this.#options.onRead(lookup.kind === 'absent' ? 'absent' : 'failed');
    return lookup.kind === 'absent'
      ? new NotFoundError(`${url} does not exist: ${lookup.reason}`)
      : unreadable(url, lookup.problem);
  }
}

/** @throws InputError for what is no URL of something in a repository */
function toTarget(url: string): ReadTarget {
  const target = parseReadUrl(url);
  if (target) return target;
  throw new InputError(
    `${url} is not the URL of a file or folder in Bitbucket Server, such as https://host/projects/KEY/repos/slug/browse/path`,
  );
}

function toFile(url: string, { bytes, headers }: FileContent): File {
  const { lastModifiedAt } = describeVersion(headers);
  return { url, content: async () => bytes, lastModifiedAt };
}

function hash(content: Buffer | string): string {
  return createHash('sha256').update(content).digest('hex');
}

interface Version {
  readonly etag?: string;
  readonly lastModifiedAt?: Date;
}

/** Bitbucket documents neither header; who sends them is believed. */
function describeVersion(headers: Headers): Version {
  const lastModified = Date.parse(headers.get('last-modified') ?? '');
  return {
    etag: headers.get('etag') ?? undefined,
    lastModifiedAt: Number.isNaN(lastModified) ? undefined : new Date(lastModified),
  };
}

function isSameVersion(
  { etag, lastModifiedAt }: Version,
  caller: UrlReaderServiceReadUrlOptions,
): boolean {
  const hasTag = etag !== undefined && etag === caller.etag;
  const isOld =
    caller.lastModifiedAfter !== undefined &&
    lastModifiedAt !== undefined &&
    lastModifiedAt <= caller.lastModifiedAfter;
  return hasTag || isOld;
}
