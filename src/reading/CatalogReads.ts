/**
 * The catalog's reads: asks Bitbucket only where that is worth a request, and lets what was
 * read before stand where there is no answer. Order of effects only.
 */

import { NotModifiedError } from '@backstage/errors';
import { ReadingConfig } from '../config/readReadingConfig';
import { ReadResult } from '../metrics/observers';
import { Lookup, RepositoryAddress } from '../model';
import { AbsentReads } from '../provider/absentReads';
import { RepositoryStamps } from '../store/RepositoryStamps';
import { sha256 } from '../store/tables';
import { Clock } from '../util/clock';
import { assessRead, decideRead } from './decideRead';
import { ReadFailures, unreadable } from './ReadFailures';

/** What was read, whichever way. */
export interface FilesRead<F> {
  readonly files: readonly F[];
  /** Of all of it, hexadecimal. */
  readonly contentHash: string;
}

/** What the catalog's reads are decided with. */
export interface CatalogReadsOptions {
  readonly host: string;
  /** As they are at the moment. */
  readonly settings: () => ReadingConfig;
  readonly stamps: Pick<RepositoryStamps, 'load'>;
  readonly failures: ReadFailures;
  readonly onRead: (result: ReadResult) => void;
  /** Told of what is proven not to be there. */
  readonly absentReads: Pick<AbsentReads, 'tell'>;
  readonly clock: Clock;
}

/** One question of the catalog. */
export interface CatalogQuestion {
  readonly url: string;
  readonly address: RepositoryAddress;
  /** As the catalog has it. */
  readonly etag: string | undefined;
}

/** Decides about the reads of one host. */
export class CatalogReads {
  readonly #options: CatalogReadsOptions;

  constructor(options: CatalogReadsOptions) {
    this.#options = options;
  }

  /**
   * Reads, or finds that there is no need to.
   *
   * @param ask - asks Bitbucket
   * @returns the files and the etag to come back with; no files where it is proven that
   * there are none
   * @throws NotModifiedError where what the catalog has is still to be used
   * @throws Error where it has nothing, or nothing that is young enough, and there is no
   * answer
   */
  async read<F>(
    { url, address, etag }: CatalogQuestion,
    ask: () => Promise<Lookup<FilesRead<F>>>,
  ): Promise<{ readonly files: readonly F[]; readonly etag: string }> {
    const { absentReads, clock, failures, host, onRead, settings } = this.#options;
    const { maxAgeMs, staleIfUnavailableMs } = settings();
    const stamp = await this.#loadStamp(address);
    const question = { etag, urlHash: sha256(url), nowMs: clock.now() };
    if (decideRead(question, stamp, maxAgeMs).kind === 'not-modified') {
      onRead('not-modified');
      throw new NotModifiedError();
    }
    const lookup = await ask();
    const outcome =
      lookup.kind === 'found'
        ? { kind: lookup.kind, contentHash: lookup.value.contentHash }
        : lookup;
    const verdict = assessRead(question, stamp, outcome, staleIfUnavailableMs);
    if (verdict.kind !== 'news') {
      const { kind, problem } = verdict;
      onRead(kind === 'stands' ? 'stale' : 'failed');
      failures.note(url, problem, kind === 'stands');
      throw kind === 'stands' ? new NotModifiedError() : unreadable(url, problem);
    }
    if (lookup.kind === 'found') {
      onRead('read');
      return { files: lookup.value.files, etag: verdict.etag };
    }
    onRead('absent');
    absentReads.tell({ host, address, url });
    return { files: [], etag: verdict.etag };
  }

  async #loadStamp(address: RepositoryAddress): Promise<string | undefined> {
    const { failures, host, stamps } = this.#options;
    try {
      return await stamps.load(host, address);
    } catch (error) {
      failures.noteStampError(error);
      return undefined;
    }
  }
}
