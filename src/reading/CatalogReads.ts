/**
 * The catalog's reads: sends a request to Bitbucket only if it is needed, and lets the catalog
 * keep using its files while Bitbucket does not answer. Order of effects only.
 */

import { NotModifiedError } from '@backstage/errors';
import { ReadingConfig } from '../config/readReadingConfig';
import { ReadResult } from '../metrics/observers';
import { Lookup, RepositoryAddress } from '../model';
import { AbsentReads } from '../provider/absentReads';
import { RepositoryStamps } from '../store/RepositoryStamps';
import { Clock } from '../util/clock';
import { sha256 } from '../util/text';
import { assessRead, decideRead } from './decideRead';
import { ReadFailures, unreadable } from './ReadFailures';

/** The part of `maxWait` that a read waits for the stamp; the rest is for the request. */
const STAMP_SHARE = 0.25;

/** The files of one read. */
export interface FilesRead<F> {
  readonly files: readonly F[];
  /** Hash of all contents, hexadecimal. */
  readonly contentHash: string;
}

/** For {@link CatalogReads}. */
export interface CatalogReadsOptions {
  readonly host: string;
  /** Returns the current settings. */
  readonly settings: () => ReadingConfig;
  readonly stamps: Pick<RepositoryStamps, 'load'>;
  readonly failures: ReadFailures;
  readonly onRead: (result: ReadResult) => void;
  /** Receives the files that are proven to be absent. */
  readonly absentReads: Pick<AbsentReads, 'tell'>;
  readonly clock: Clock;
}

/** One read by the catalog. */
export interface CatalogRequest {
  readonly url: string;
  readonly address: RepositoryAddress;
  /** The etag that the catalog has stored. */
  readonly etag: string | undefined;
}

/** Serves the catalog's reads of one host. */
export class CatalogReads {
  readonly #options: CatalogReadsOptions;

  constructor(options: CatalogReadsOptions) {
    this.#options = options;
  }

  /**
   * Reads files, unless those that the catalog has are current.
   *
   * @param ask - sends the request to Bitbucket, within what `waitedMs` leaves of `maxWait`
   * @returns the files and the etag for the next read; no files if it is proven that there are
   * none
   * @throws NotModifiedError if the catalog should keep using the files that it has
   * @throws Error if there is no answer and the catalog has no files, or too old ones
   */
  async read<F>(
    { url, address, etag }: CatalogRequest,
    ask: (waitedMs: number) => Promise<Lookup<FilesRead<F>>>,
  ): Promise<{ readonly files: readonly F[]; readonly etag: string }> {
    const { absentReads, clock, failures, host, onRead, settings, stamps } =
      this.#options;
    const { maxAgeMs, maxWaitMs, staleIfUnavailableMs } = settings();
    const fromMs = clock.monotonicMs();
    const stamp = await stamps.load(host, address, maxWaitMs * STAMP_SHARE);
    const question = { etag, urlHash: sha256(url), nowMs: clock.now() };
    if (decideRead(question, stamp, maxAgeMs).kind === 'not-modified') {
      onRead('not-modified');
      throw new NotModifiedError();
    }
    const lookup = await ask(clock.monotonicMs() - fromMs);
    const verdict = assessRead(question, stamp, lookup, staleIfUnavailableMs);
    if (verdict.kind !== 'answered') {
      const { kind, problem } = verdict;
      onRead(kind);
      failures.note(url, problem, kind === 'stale');
      throw kind === 'stale' ? new NotModifiedError() : unreadable(url, problem);
    }
    if (lookup.kind === 'found') {
      onRead('read');
      return { files: lookup.value.files, etag: verdict.etag };
    }
    onRead('absent');
    absentReads.tell({ host, address, url });
    return { files: [], etag: verdict.etag };
  }
}
