/**
 * Keeps what a run learns while it goes on: results go to the store and new Locations to
 * the catalog in batches, so that a crash loses seconds and a first run shows early.
 *
 * What the catalog is given is stored first: a Location that the catalog has and the store
 * lacks would be removed by the next run whatever is known about it.
 */

import { differsFrom, getRegisteredFiles, getEntryKey } from '../discovery/locations';
import { knownAfterLook } from '../discovery/knownAfter';
import { CatalogLocation, KnownRepository, RepositoryResult } from '../discovery/types';
import { InterimRecord } from '../store/records';
import { isStored } from '../store/repositoryRows';

/** What has changed is kept in batches of so many. */
const CHANGES_PER_BATCH = 200;

/** Results are, whatever they say: what has not changed takes no more than a line of ids. */
const RESULTS_PER_BATCH = 1_000;

/** Where batches go. */
export interface CheckpointSink {
  /** @returns the revision of what is asked from now on */
  recordInterim(record: InterimRecord): Promise<number | undefined>;
  /** Adds Locations to the catalog; never removes. */
  add(locations: readonly CatalogLocation[]): Promise<void>;
  /** Told when a batch could not be kept; it is tried again at the end of the run. */
  onError(error: unknown): void;
}

/** What the store does not hold yet. */
interface Change {
  readonly known: KnownRepository;
  /** What the catalog has to be told of it. */
  readonly added: readonly CatalogLocation[];
}

/** Results that are kept together. */
interface Batch {
  readonly changes: Change[];
  /** Of which the store says the same already. */
  readonly unchanged: RepositoryResult[];
}

/** Collects the results of one run. */
export class Checkpoints {
  readonly #stored: Map<number, KnownRepository>;
  readonly #sink: CheckpointSink;
  #revision: number;
  #batch: Batch = { changes: [], unchanged: [] };
  #written: Promise<void> = Promise.resolve();

  /**
   * @param known - as it was loaded
   * @param revision - with which the run began
   */
  constructor(known: readonly KnownRepository[], revision: number, sink: CheckpointSink) {
    this.#stored = new Map(known.map(one => [one.repositoryId, one]));
    this.#revision = revision;
    this.#sink = sink;
  }

  /** The revision of what is asked from now on. */
  get revision(): number {
    return this.#revision;
  }

  /** What the store holds, by id: as it was loaded, and what was kept since. */
  get stored(): ReadonlyMap<number, KnownRepository> {
    return this.#stored;
  }

  /** Takes a result; batches are written one after the other, without holding up the run. */
  note(result: RepositoryResult): void {
    const { changes, unchanged } = this.#batch;
    const before = this.#stored.get(result.repository.id);
    const known = knownAfterLook(result, before);
    if (!isStored(known, before)) {
      changes.push({ known, added: newLocations(result, before) });
    } else if (result.outcome.kind !== 'unknown') {
      unchanged.push(result);
    }
    if (
      changes.length >= CHANGES_PER_BATCH ||
      changes.length + unchanged.length >= RESULTS_PER_BATCH
    ) {
      const batch = this.#takeBatch();
      this.#written = this.#written.then(() => this.#write(batch));
    }
  }

  /**
   * Saves what no batch has taken yet. What is new in it, the end of the run gives to the
   * catalog.
   *
   * @param isInterrupted - the run does not reach its end: what has not changed is noted
   * too, so that the next one need not look again
   * @throws what the store throws: then the catalog must not be told either
   */
  async saveRest(isInterrupted: boolean): Promise<void> {
    await this.#written;
    const { changes, unchanged } = this.#batch;
    if (changes.length > 0 || isInterrupted) {
      await this.#save({ changes, unchanged: isInterrupted ? unchanged : [] });
    }
    this.#takeBatch();
  }

  #takeBatch(): Batch {
    const batch = this.#batch;
    this.#batch = { changes: [], unchanged: [] };
    return batch;
  }

  async #write(batch: Batch): Promise<void> {
    try {
      await this.#save(batch);
      await this.#sink.add(batch.changes.flatMap(one => one.added));
    } catch (error) {
      this.#batch.changes.push(...batch.changes);
      this.#batch.unchanged.push(...batch.unchanged);
      this.#sink.onError(error);
    }
  }

  async #save({ changes, unchanged }: Batch): Promise<void> {
    const revisions = unchanged.map(one => one.revision ?? 0);
    const moments = unchanged.map(one => one.checkedAtMs ?? 0);
    const repositories = changes.map(one => one.known);
    const revision = await this.#sink.recordInterim({
      repositories,
      ...(unchanged.length > 0 && {
        unchanged: {
          repositoryIds: unchanged.map(one => one.repository.id),
          revision: Math.min(...revisions),
          checkedAtMs: Math.min(...moments),
        },
      }),
    });
    repositories.forEach(one => this.#stored.set(one.repositoryId, one));
    this.#revision = Math.max(this.#revision, revision ?? 0);
  }
}

function newLocations(
  { repository, outcome }: RepositoryResult,
  before: KnownRepository | undefined,
): CatalogLocation[] {
  const had = new Map(before?.files.map(file => [getEntryKey(file), file]));
  return getRegisteredFiles(outcome)
    .filter(file => differsFrom(file, had.get(getEntryKey(file))))
    .map(file => ({ repository, file }));
}
