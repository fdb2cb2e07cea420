/**
 * Keeps what a run learns while it goes on: results go to the store and new Locations to
 * the catalog in batches, so that a crash loses seconds and a first run shows early.
 *
 * What the catalog is given is stored first: a Location that the catalog has and the store
 * lacks would be removed by the next run whatever is known about it.
 */

import { differsFrom, keyOf } from '../discovery/locations';
import { knownAfterLook } from '../discovery/knownAfter';
import { CatalogLocation, KnownRepository, RepositoryResult } from '../discovery/types';
import { InterimRecord } from '../store/stateRecords';
import { isStored } from '../store/stateChanges';

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

/** What a batch comes down to. */
interface Batch {
  readonly changed: readonly KnownRepository[];
  readonly unchanged: readonly RepositoryResult[];
}

/** Collects the results of one run. */
export class Checkpoints {
  readonly #stored: Map<number, KnownRepository>;
  readonly #sink: CheckpointSink;
  #revision: number;
  #batch: RepositoryResult[] = [];
  #changes = 0;
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
    this.#batch.push(result);
    if (!this.#isKept(result)) {
      this.#changes += 1;
    }
    if (this.#changes >= CHANGES_PER_BATCH || this.#batch.length >= RESULTS_PER_BATCH) {
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
    const { changed, unchanged } = this.#split(this.#batch);
    if (changed.length > 0 || isInterrupted) {
      await this.#save({ changed, unchanged: isInterrupted ? unchanged : [] });
    }
    this.#takeBatch();
  }

  #takeBatch(): RepositoryResult[] {
    const batch = this.#batch;
    this.#batch = [];
    this.#changes = 0;
    return batch;
  }

  async #write(batch: readonly RepositoryResult[]): Promise<void> {
    const news = batch.flatMap(result => this.#newLocations(result));
    try {
      await this.#save(this.#split(batch));
      await this.#sink.add(news);
    } catch (error) {
      this.#batch.push(...batch);
      this.#changes = this.#batch.filter(one => !this.#isKept(one)).length;
      this.#sink.onError(error);
    }
  }

  #split(results: readonly RepositoryResult[]): Batch {
    return {
      changed: results
        .filter(one => !this.#isKept(one))
        .map(one => knownAfterLook(one, this.#stored.get(one.repository.id))),
      unchanged: results.filter(
        one => one.outcome.kind !== 'unknown' && this.#isKept(one),
      ),
    };
  }

  async #save({ changed, unchanged }: Batch): Promise<void> {
    const revisions = unchanged.map(one => one.revision ?? 0);
    const moments = unchanged.map(one => one.checkedAtMs ?? 0);
    const revision = await this.#sink.recordInterim({
      repositories: changed,
      ...(unchanged.length > 0 && {
        unchanged: {
          repositoryIds: unchanged.map(one => one.repository.id),
          revision: Math.min(...revisions),
          checkedAtMs: Math.min(...moments),
        },
      }),
    });
    changed.forEach(one => this.#stored.set(one.repositoryId, one));
    this.#revision = Math.max(this.#revision, revision ?? 0);
  }

  /** Whether the store says the same already. */
  #isKept(result: RepositoryResult): boolean {
    const before = this.#stored.get(result.repository.id);
    return before !== undefined && isStored(knownAfterLook(result, before), before);
  }

  #newLocations({ repository, outcome }: RepositoryResult): CatalogLocation[] {
    if (outcome.kind !== 'registered') {
      return [];
    }
    const before = this.#stored.get(repository.id)?.files ?? [];
    const had = new Map(before.map(file => [keyOf(file), file]));
    return outcome.files
      .filter(file => differsFrom(file, had.get(keyOf(file))))
      .map(file => ({ repository, file }));
  }
}
