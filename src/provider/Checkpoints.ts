/**
 * Saves the results of a run while it is in progress: results go to the store and new
 * Locations to the catalog in batches, so that a crash loses only seconds of work and the
 * results of a first run appear early.
 *
 * Locations are stored before the catalog receives them: the next run would remove a Location
 * that the catalog holds and the store does not, whatever the run found out about it.
 */

import { differsFrom, getRegisteredFiles, getEntryKey } from '../discovery/locations';
import { knownAfterCheck } from '../discovery/difference';
import {
  CatalogLocation,
  KnownRepositories,
  KnownRepository,
  RepositoryResult,
} from '../discovery/types';
import { InterimRecord } from '../store/records';
import { isStored, StoredRepositories } from '../store/repositoryRows';

/** Number of changed repositories after which a batch is written. */
const CHANGES_PER_BATCH = 200;

/**
 * Number of results, changed or not, after which a batch is written. Unchanged ones are
 * stored as nothing but a list of ids.
 */
const RESULTS_PER_BATCH = 1_000;

/**
 * Largest batch, in changed and in unchanged repositories each. Results that come faster than
 * they are written are written in fewer, larger batches.
 */
const MAX_BATCH = 1_000;

/** Receives the batches. */
export interface CheckpointSink {
  /** @returns the revision for requests from now on */
  recordInterim(record: InterimRecord): Promise<number | undefined>;
  /** Adds Locations to the catalog; never removes. */
  add(locations: readonly CatalogLocation[]): Promise<void>;
  /** Called when a batch could not be saved; it is retried at the end of the run. */
  onError(error: unknown): void;
}

/** A change that the store does not hold yet. */
interface Change {
  readonly known: KnownRepository;
  readonly result: RepositoryResult;
  /** What the store held before. */
  readonly before: KnownRepository | undefined;
}

/** Results that are saved together. */
interface Batch {
  readonly changes: Change[];
  /** Results that match the stored state. */
  readonly unchanged: RepositoryResult[];
}

/** Collects and saves the results of one run; shows what the store holds meanwhile. */
export class Checkpoints implements StoredRepositories {
  #revision: number;
  readonly #saved = new Map<number, KnownRepository>();
  #batch: Batch = { changes: [], unchanged: [] };
  /** Settles once the batches that were full have been written; never rejects. */
  #writing: Promise<void> | undefined;

  /**
   * @param loaded - the content of the store at the start of the run
   * @param revision - the revision at the start of the run
   */
  constructor(
    private readonly loaded: KnownRepositories,
    revision: number,
    private readonly sink: CheckpointSink,
  ) {
    this.#revision = revision;
  }

  /** The revision for requests from now on. */
  get revision(): number {
    return this.#revision;
  }

  get(id: number): KnownRepository | undefined {
    return this.#saved.get(id) ?? this.loaded.get(id);
  }

  get size(): number {
    return this.loaded.size + this.#addedIds().length;
  }

  keys(): number[] {
    return [...this.loaded.keys(), ...this.#addedIds()];
  }

  #addedIds(): number[] {
    return [...this.#saved.keys()].filter(id => !this.loaded.has(id));
  }

  /** Takes a result; batches are written one after the other, without delaying the run. */
  note(result: RepositoryResult): void {
    const { changes, unchanged } = this.#batch;
    const before = this.get(result.repository.id);
    const known = knownAfterCheck(result, before);
    if (!isStored(known, before)) {
      changes.push({ known, result, before });
    } else if (result.outcome.kind !== 'unknown') {
      unchanged.push(result);
    }
    if (this.#isFull()) {
      this.#writing ??= this.#writeFull().finally(() => {
        this.#writing = undefined;
      });
    }
  }

  #isFull(): boolean {
    const { changes, unchanged } = this.#batch;
    return (
      changes.length >= CHANGES_PER_BATCH ||
      changes.length + unchanged.length >= RESULTS_PER_BATCH
    );
  }

  /**
   * Saves the results that no batch contained. The catalog receives the new Locations among
   * them at the end of the run.
   *
   * @param isInterrupted - whether the run stopped early: unchanged results are saved as well
   * then, so that the next run does not have to check those repositories again
   * @throws whatever the store throws: the catalog must not be changed then
   */
  async saveRest(isInterrupted: boolean): Promise<void> {
    await this.#writing;
    const { changes, unchanged } = this.#batch;
    if (changes.length > 0 || isInterrupted) {
      await this.#save({ changes, unchanged: isInterrupted ? unchanged : [] });
    }
    this.#batch = { changes: [], unchanged: [] };
  }

  /** Writes batches until what is left fills none; after an error, until the next result. */
  async #writeFull(): Promise<void> {
    while (this.#isFull()) {
      const batch = {
        changes: this.#batch.changes.splice(0, MAX_BATCH),
        unchanged: this.#batch.unchanged.splice(0, MAX_BATCH),
      };
      try {
        await this.#save(batch);
        await this.sink.add(batch.changes.flatMap(getAdded));
      } catch (error) {
        this.#batch.changes.push(...batch.changes);
        this.#batch.unchanged.push(...batch.unchanged);
        this.sink.onError(error);
        return;
      }
    }
  }

  async #save({ changes, unchanged }: Batch): Promise<void> {
    const revisions = unchanged.map(result => result.revision ?? 0);
    const checkTimesMs = unchanged.map(result => result.checkedAtMs ?? 0);
    const repositories = changes.map(({ known }) => known);
    const revision = await this.sink.recordInterim({
      repositories,
      ...(unchanged.length > 0 && {
        unchanged: {
          repositoryIds: unchanged.map(({ repository }) => repository.id),
          revision: Math.min(...revisions),
          checkedAtMs: Math.min(...checkTimesMs),
        },
      }),
    });
    repositories.forEach(known => this.#saved.set(known.repositoryId, known));
    this.#revision = Math.max(this.#revision, revision ?? 0);
  }
}

/** Returns the Locations that a change adds to the catalog. */
function getAdded({ result, before }: Change): CatalogLocation[] {
  const { repository, outcome } = result;
  const filesBefore = new Map(before?.files.map(file => [getEntryKey(file), file]));
  return getRegisteredFiles(outcome)
    .filter(file => differsFrom(file, filesBefore.get(getEntryKey(file))))
    .map(file => ({ repository, file }));
}
