/**
 * Keeps what a run learns while it goes on: results go to the store and new Locations to
 * the catalog in batches, so that a crash loses seconds and a first run shows early.
 *
 * What the catalog is given is remembered first: a Location that the catalog has and the
 * memory lacks would be removed by the next run whatever is known about it.
 */

import { isNews, keyOf } from '../discovery/locations';
import { rememberEarly } from '../discovery/remember';
import { CatalogLocation, KnownRepository, RepositoryResult } from '../discovery/types';

/** Results are kept in batches of so many. */
const RESULTS_PER_BATCH = 200;

/** Where batches go. */
export interface CheckpointSink {
  saveProgress(repositories: readonly KnownRepository[]): Promise<void>;
  /** Adds Locations to the catalog; never removes. */
  add(locations: readonly CatalogLocation[]): Promise<void>;
  /** Told when a batch could not be kept; it is tried again at the end of the run. */
  onError(error: unknown): void;
}

/** Collects the results of one run. */
export class Checkpoints {
  readonly #known: ReadonlyMap<number, KnownRepository>;
  readonly #sink: CheckpointSink;
  #batch: RepositoryResult[] = [];
  #written: Promise<void> = Promise.resolve();

  constructor(known: readonly KnownRepository[], sink: CheckpointSink) {
    this.#known = new Map(known.map(one => [one.repositoryId, one]));
    this.#sink = sink;
  }

  /** Takes a result; batches are written one after the other, without holding up the run. */
  note(result: RepositoryResult): void {
    this.#batch.push(result);
    if (this.#batch.length >= RESULTS_PER_BATCH) {
      const batch = this.#batch;
      this.#batch = [];
      this.#written = this.#written.then(() => this.#write(batch));
    }
  }

  /**
   * Saves what no batch has taken yet. What is new in it, the end of the run gives to the
   * catalog.
   *
   * @throws what the store throws: then the catalog must not be told either
   */
  async saveRest(): Promise<void> {
    await this.#written;
    await this.#save(this.#batch);
    this.#batch = [];
  }

  async #write(batch: readonly RepositoryResult[]): Promise<void> {
    try {
      await this.#save(batch);
      await this.#sink.add(batch.flatMap(result => this.#newLocations(result)));
    } catch (error) {
      this.#batch.push(...batch);
      this.#sink.onError(error);
    }
  }

  async #save(results: readonly RepositoryResult[]): Promise<void> {
    await this.#sink.saveProgress(
      results.map(result => rememberEarly(result, this.#known.get(result.repository.id))),
    );
  }

  #newLocations({ repository, outcome }: RepositoryResult): CatalogLocation[] {
    if (outcome.kind !== 'registered') {
      return [];
    }
    const before = this.#known.get(repository.id)?.files ?? [];
    const had = new Map(before.map(file => [keyOf(file), file]));
    return outcome.files
      .filter(file => isNews(file, had.get(keyOf(file))))
      .map(file => ({ repository, file }));
  }
}
