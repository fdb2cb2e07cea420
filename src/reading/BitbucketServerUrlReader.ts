/** Backstage's URL reader interface for one Bitbucket Server or Data Center. */

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
import { sha256 } from '../util/text';
import { CatalogReads, FilesRead } from './CatalogReads';
import { FileContent, FileSource, ReadLimits } from './FileSource';
import { parseReadUrl, ReadTarget } from './parseReadUrl';
import { unreadable } from './ReadFailures';
import { readStream, toNodeStream } from './readStream';

/** Length of the part of a commit id that is the etag of a tree, as in the built-in reader. */
const TREE_ETAG_LENGTH = 12;

/** Number of files that are read concurrently for one pattern. */
const FILES_AT_ONCE = 4;

/** The part of Backstage's factory for tree responses that is used here. */
export interface TreeResponseFactory {
  fromTarArchive(options: {
    readonly stream: Readable;
    readonly subpath?: string;
    readonly etag: string;
    readonly filter?: UrlReaderServiceReadTreeOptions['filter'];
  }): Promise<UrlReaderServiceReadTreeResponse>;
}

/** For {@link BitbucketServerUrlReader}. */
export interface BitbucketServerUrlReaderOptions {
  readonly integration: BitbucketServerIntegration;
  readonly source: FileSource;
  /** Set for the catalog only; other plugins get each file from Bitbucket. */
  readonly catalogReads?: CatalogReads;
  readonly treeResponseFactory: TreeResponseFactory;
  readonly onRead: (result: ReadResult) => void;
}

type File = UrlReaderServiceSearchResponse['files'][number];

/** Reads files and folders at URLs of one host. */
export class BitbucketServerUrlReader implements UrlReaderService {
  readonly #options: BitbucketServerUrlReaderOptions;

  constructor(options: BitbucketServerUrlReaderOptions) {
    this.#options = options;
  }

  /**
   * Reads one file.
   *
   * @throws NotFoundError only if Bitbucket itself says that there is no such file
   * @throws NotModifiedError if the headers of the answer say so
   * @throws Error if there is no usable answer
   */
  async readUrl(
    url: string,
    options: UrlReaderServiceReadUrlOptions = {},
  ): Promise<UrlReaderServiceReadUrlResponse> {
    const target = toTarget(url);
    const opened = this.#found(url, await this.#options.source.openFile(target, options));
    const { headers, stream } = opened;
    const version = describeVersion(headers);
    if (isSameVersion(version, options)) {
      await stream.cancel();
      throw new NotModifiedError();
    }
    let bytes: Promise<Buffer> | undefined;
    return {
      ...version,
      buffer: () => {
        bytes ??= readStream(stream, { maxBytes: Infinity, signal: options.signal });
        return bytes;
      },
      stream: () => toNodeStream(stream),
    };
  }

  /**
   * Reads a folder or a whole repository as one archive.
   *
   * @throws NotModifiedError if the caller already has this commit
   * @throws NotFoundError only if Bitbucket itself says that there is no such tree
   * @throws Error if there is no usable answer
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
   * @returns no files only if Bitbucket itself says that there are none
   * @throws NotModifiedError if the catalog should keep using the files that it has
   * @throws Error if there is no usable answer
   */
  async search(
    url: string,
    options: UrlReaderServiceSearchOptions = {},
  ): Promise<UrlReaderServiceSearchResponse> {
    const target = toTarget(url);
    const { signal } = options;
    const readFiles = (waitedMs: number) =>
      this.#readAll(url, target, { signal, waitedMs });
    const { catalogReads, onRead } = this.#options;
    if (!catalogReads) {
      const read = await readFiles(0);
      if (read.kind === 'absent') {
        onRead('absent');
        return { files: [], etag: '' };
      }
      return { files: [...this.#found(url, read).files], etag: '' };
    }
    const request = { url, address: target.address, etag: options.etag };
    const { files, etag } = await catalogReads.read(request, readFiles);
    return { files: [...files], etag };
  }

  toString(): string {
    const { host, token, username } = this.#options.integration.config;
    return `bitbucketServer{host=${host},authed=${Boolean(token ?? username)}}`;
  }

  async #readAll(
    url: string,
    target: ReadTarget,
    limits: ReadLimits,
  ): Promise<Lookup<FilesRead<File>>> {
    const { source } = this.#options;
    if (target.glob !== undefined) return this.#readMatching(url, target, limits);
    const read = await source.readFile(target, limits);
    if (read.kind !== 'found') return read;
    const value = {
      files: [toFile(url, read.value)],
      contentHash: sha256(read.value.bytes),
    };
    return { kind: 'found', value };
  }

  /** Reads one listing and the matching files, instead of an archive of the repository. */
  async #readMatching(
    url: string,
    target: ReadTarget,
    limits: ReadLimits,
  ): Promise<Lookup<FilesRead<File>>> {
    const { integration, source } = this.#options;
    const listing = await source.listFiles(target, limits);
    if (listing.kind !== 'found') return listing;
    const pattern = new Minimatch(target.glob ?? '');
    const paths = listing.value.filter(path => pattern.match(path)).sort();
    const limit = pLimit(FILES_AT_ONCE);
    const lookups = await Promise.all(
      paths.map(path => limit(() => source.readFile({ ...target, path }, limits))),
    );
    const files: File[] = [];
    const hashes: string[] = [];
    for (const [index, path] of paths.entries()) {
      const lookup = lookups[index];
      if (lookup?.kind === 'unknown') return lookup;
      // A file that is absent was deleted after the listing.
      if (lookup?.kind === 'found') {
        const at = integration.resolveUrl({ url: `/${path}`, base: url });
        files.push(toFile(at, lookup.value));
        hashes.push(`${path}\0${sha256(lookup.value.bytes)}`);
      }
    }
    return { kind: 'found', value: { files, contentHash: sha256(hashes.join('\n')) } };
  }

  /** @throws NotFoundError or Error if nothing was found */
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

/** @throws InputError if the URL is not that of a file or folder in a repository */
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

interface Version {
  readonly etag?: string;
  readonly lastModifiedAt?: Date;
}

/** Bitbucket does not document these headers; they are used if they are there. */
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
