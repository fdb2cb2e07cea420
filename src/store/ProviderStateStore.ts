/**
 * What every provider knows, in tables of its own beside the catalog's: it survives
 * restarts and is the same for every replica. One row per repository, one per provider,
 * one transaction per run and one per event.
 */

import type { Knex } from 'knex';
import {
  HeldRemoval,
  KnownRepository,
  ProviderMemory,
  RepositorySelector,
  RunOrigin,
} from '../discovery/types';
import { Clock } from '../util/clock';
import { ApplyLock } from './ApplyLock';
import { Confirmations } from './Confirmations';
import { chunksOf, DiscoveryDatabase } from './DiscoveryDatabase';
import {
  approvalColumns,
  failureColumns,
  finishColumns,
  originColumns,
  readLastRun,
  startColumns,
  toServerUrls,
  toInterruptedRun,
} from './providerRows';
import { AbortedRunRecord, LastRun, RunStart, RunTrigger } from './records';
import {
  BaselineReader,
  BegunRun,
  EvaluationRecord,
  InterimRecord,
  RunEnd,
} from './records';
import { hashOf, readHeldRow } from './stateRows';
import {
  deleteAllRepositories,
  deleteHeld,
  deleteProgress,
  deleteRepositories,
  hasProject,
  HELD,
  idsNewerThan,
  nextRevision,
  PROVIDERS,
  providerRow,
  raiseRevision,
  replaceHeld,
  REPOSITORIES,
  saveProvider,
  settleProgress,
  writeHeld,
  writeProgress,
  writeRepositories,
} from './stateTables';
import { replaceSalvaged, StoredRepositories } from './StoredRepositories';
import { withBaseline } from './readCatalogBaseline';

/** What the store works with. */
export interface ProviderStateStoreOptions {
  readonly readBaseline: BaselineReader;
  readonly clock: Pick<Clock, 'now' | 'monotonicMs'>;
}

/** Stores in the catalog's database. */
export class ProviderStateStore {
  readonly #database: DiscoveryDatabase;
  readonly #options: ProviderStateStoreOptions;
  readonly #lock: ApplyLock;
  readonly #confirmations: Confirmations;
  readonly #repositories: StoredRepositories;

  constructor(database: DiscoveryDatabase, options: ProviderStateStoreOptions) {
    this.#database = database;
    this.#options = options;
    this.#lock = new ApplyLock(database);
    this.#confirmations = new Confirmations(options.clock);
    this.#repositories = new StoredRepositories(message => database.warn(message));
  }

  /**
   * Does work that compares with what is stored, tells the catalog and stores the result:
   * for one provider one after the other, on this replica and on all others.
   *
   * @remarks Not to be nested.
   */
  exclusively<T>(providerId: string, work: () => Promise<T>): Promise<T> {
    return this.#lock.run(providerId, work);
  }

  /** Notes that the run that begins next, on whichever replica, is asked for by hand. */
  async requestManualRun(providerId: string): Promise<void> {
    const knex = await this.#database.connect();
    await saveProvider(knex, providerId, { next_trigger: 'manual' });
  }

  /**
   * Takes back what was noted: of runs that begin at the same time, one gets it.
   *
   * @returns `schedule` where nothing is noted
   */
  async consumeTrigger(providerId: string): Promise<RunTrigger> {
    const knex = await this.#database.connect();
    // One statement: of two replicas that ask at the same time only one changes the row.
    const taken = await knex(PROVIDERS)
      .where({ provider_id: providerId, next_trigger: 'manual' })
      .update({ next_trigger: null });
    return taken > 0 ? 'manual' : 'schedule';
  }

  /** Shows the provider as running; how the run before ended stays to be seen. */
  async recordStart(providerId: string, start: RunStart): Promise<void> {
    const knex = await this.#database.connect();
    await saveProvider(knex, providerId, startColumns(start));
  }

  /** Notes that the run that began last broke off; what is known of repositories stays. */
  async recordFailure(providerId: string, failure: AbortedRunRecord): Promise<void> {
    const knex = await this.#database.connect();
    await saveProvider(knex, providerId, failureColumns(failure));
  }

  /**
   * Loads everything that is known.
   *
   * @remarks A row that cannot be read is written anew: its repository is unknown, and
   * looked at again.
   *
   * @returns `undefined` when what the catalog holds from the provider cannot be told
   */
  async load(providerId: string): Promise<ProviderMemory | undefined> {
    const knex = await this.#database.connect();
    const provider = await providerRow(knex, providerId);
    if (!provider?.adopted) {
      return this.#options.readBaseline(providerId, []);
    }
    const { known, salvaged } = await this.#repositories.readAll(knex, provider);
    const baseline = await this.#options.readBaseline(providerId, known);
    if (baseline === undefined && salvaged.some(one => !one.hasFiles)) {
      return undefined;
    }
    await replaceSalvaged(knex, providerId, salvaged);
    const memory: ProviderMemory = {
      repositories: known,
      held: await this.#loadHeld(knex, providerId),
      interruptedRun: toInterruptedRun(provider),
      serverUrls: toServerUrls(provider),
    };
    return baseline ? withBaseline(memory, baseline) : memory;
  }

  /**
   * What is known of a few repositories, and of all that hold a file of theirs.
   *
   * @returns `undefined` while nothing is known: no run has begun yet
   */
  async loadRelated(
    providerId: string,
    selector: RepositorySelector,
  ): Promise<readonly KnownRepository[] | undefined> {
    const knex = await this.#database.connect();
    const provider = await providerRow(knex, providerId);
    if (!provider?.adopted) {
      return undefined;
    }
    return this.#repositories.readRelated(knex, providerId, selector);
  }

  /** Whether repositories of one of these projects are known. */
  async isProjectKnown(
    providerId: string,
    projectKeys: readonly string[],
  ): Promise<boolean> {
    const knex = await this.#database.connect();
    return hasProject(knex, providerId, projectKeys);
  }

  /**
   * What others have looked at since a run began.
   *
   * @param revision - of the run
   * @param seen - the revision under which the run itself has looked at a repository
   */
  async loadNewer(
    providerId: string,
    revision: number,
    seen: (repositoryId: number) => number,
  ): Promise<KnownRepository[]> {
    const knex = await this.#database.connect();
    const ids = await idsNewerThan(knex, providerId, revision, seen);
    const newer: KnownRepository[] = [];
    for (const some of chunksOf(ids)) {
      const rows: unknown[] = await knex(REPOSITORIES)
        .where('provider_id', providerId)
        .whereIn('repository_id', some);
      newer.push(
        ...rows.flatMap(row => this.#repositories.read(providerId, row).known ?? []),
      );
    }
    return newer;
  }

  /** Base URLs that the last listing showed. */
  async loadServerUrls(providerId: string): Promise<readonly string[]> {
    const provider = await this.#provider(providerId);
    return (provider && toServerUrls(provider)) ?? [];
  }

  /** Keys of what is held back and whose removal was approved. */
  async loadApprovals(providerId: string): Promise<ReadonlySet<string>> {
    const knex = await this.#database.connect();
    const held = await this.#loadHeld(knex, providerId);
    return new Set(held.flatMap(one => (one.approved ? [one.targetUrl] : [])));
  }

  /**
   * Takes the next revision: to be called before Bitbucket is asked, so that the answer can
   * be told from those of others.
   *
   * @returns `undefined` while nothing is known: no run has begun yet
   */
  async takeRevision(providerId: string): Promise<number | undefined> {
    const knex = await this.#database.connect();
    return nextRevision(knex, providerId, { isRun: false });
  }

  /** How the last run with a result ended, and what it looked for. */
  async loadLastRun(providerId: string): Promise<LastRun | undefined> {
    const provider = await this.#provider(providerId);
    const lastRun = provider && readLastRun(provider);
    return lastRun && { ...lastRun, configuration: provider.configuration ?? undefined };
  }

  /** Whether a run has begun, or gone on, since this revision was taken. */
  async isOvertakenByRun(providerId: string, revision: number): Promise<boolean> {
    const provider = await this.#provider(providerId);
    return (provider?.run_revision ?? 0) > revision;
  }

  /**
   * How long ago a run confirmed what is held back: by the clock of the database, or by one
   * that nobody sets. One jump of a clock is no confirmation.
   *
   * @returns milliseconds
   */
  async sinceConfirmation(providerId: string): Promise<number> {
    const knex = await this.#database.connect();
    const provider = await providerRow(knex, providerId);
    return this.#confirmations.since(knex, providerId, provider?.confirmed_at_ms);
  }

  /**
   * Begins a run: takes its revision, and notes where it began so that one that never ends is
   * resumed by the next run.
   *
   * @param memory - what `load` returned: kept where nothing was stored yet
   */
  async beginRun(
    providerId: string,
    memory: ProviderMemory,
    resumeOrStart: (revision: number) => RunOrigin,
  ): Promise<BegunRun> {
    const knex = await this.#database.connect();
    return knex.transaction(async transaction => {
      const before = await providerRow(transaction, providerId);
      if (!before?.adopted) {
        await saveProvider(transaction, providerId, { adopted: true });
        await deleteAllRepositories(transaction, providerId);
        await writeRepositories(transaction, providerId, memory.repositories);
      }
      await raiseRevision(transaction, providerId);
      const revision = await nextRevision(transaction, providerId, { isRun: true });
      if (revision === undefined) {
        throw new Error(`the row of the provider ${providerId} is gone`);
      }
      const origin = resumeOrStart(revision);
      if (origin.sinceRevision === revision) {
        await settleProgress(transaction, providerId);
      }
      await saveProvider(transaction, providerId, originColumns(origin));
      return { revision, origin };
    });
  }

  /**
   * Adds what a run learns while it goes on; what somebody knows newer stays as it is.
   *
   * @returns a revision for what the run asks from now on
   */
  async recordInterim(
    providerId: string,
    { repositories, unchanged }: InterimRecord,
  ): Promise<number | undefined> {
    const knex = await this.#database.connect();
    return knex.transaction(async transaction => {
      await writeRepositories(transaction, providerId, repositories);
      const revision = await nextRevision(transaction, providerId, { isRun: true });
      if (unchanged && revision !== undefined) {
        await writeProgress(transaction, providerId, revision, unchanged);
      }
      return revision;
    });
  }

  /** Keeps how a run ended and what is known since: all of it, or nothing. */
  async recordRun(providerId: string, { run, state }: RunEnd): Promise<void> {
    const knex = await this.#database.connect();
    await knex.transaction(async transaction => {
      const columns = state ? await this.#stateColumns(transaction, state) : {};
      await saveProvider(transaction, providerId, { ...finishColumns(run), ...columns });
      if (state) {
        await deleteRepositories(transaction, providerId, state.forgottenIds);
        await writeRepositories(transaction, providerId, state.changed);
        await replaceHeld(transaction, providerId, state.held);
      }
      if (state?.isComplete) {
        await deleteProgress(transaction, providerId);
      }
    });
    if (state?.isComplete) {
      this.#confirmations.note(providerId);
    }
  }

  /** Keeps what looking at one repository changed. */
  async recordEvaluation(providerId: string, record: EvaluationRecord): Promise<void> {
    const knex = await this.#database.connect();
    await knex.transaction(async transaction => {
      await writeRepositories(transaction, providerId, record.repositories);
      await deleteRepositories(transaction, providerId, record.forgottenIds);
      await deleteHeld(transaction, providerId, record.resolvedKeys.map(hashOf));
      await writeHeld(transaction, providerId, record.held);
    });
  }

  /** Notes that what is held back under these keys may go, so that a run that goes on does not bring it back. */
  async approve(providerId: string, entryKeys: readonly string[]): Promise<void> {
    const knex = await this.#database.connect();
    await knex.transaction(async transaction => {
      for (const key of entryKeys) {
        await transaction(HELD)
          .where({ provider_id: providerId, target_hash: hashOf(key) })
          .update({ approved: true });
      }
    });
  }

  /**
   * Keeps what an approval that was carried out has changed; the counts of the last run
   * show it at once.
   *
   * @param repositories - those that have lost something
   * @param removed - how many Locations are gone
   */
  async recordApproval(
    providerId: string,
    repositories: readonly KnownRepository[],
    removed: number,
  ): Promise<void> {
    const knex = await this.#database.connect();
    await knex.transaction(async transaction => {
      await writeRepositories(transaction, providerId, repositories);
      const provider = await providerRow(transaction, providerId);
      const lastRun = provider && readLastRun(provider);
      if (lastRun) {
        await saveProvider(transaction, providerId, approvalColumns(lastRun, removed));
      }
    });
  }

  async #provider(providerId: string) {
    return providerRow(await this.#database.connect(), providerId);
  }

  async #stateColumns(knex: Knex, state: NonNullable<RunEnd['state']>) {
    const { origin, isComplete, isUnfinished, serverUrls } = state;
    return {
      ...originColumns(isUnfinished ? origin : undefined),
      server_urls: serverUrls ? JSON.stringify(serverUrls) : null,
      ...(isComplete && {
        checked_revision: origin.sinceRevision,
        checked_at_ms: origin.sinceMs,
        confirmed_at_ms: await this.#confirmations.now(knex),
      }),
    };
  }

  async #loadHeld(knex: Knex, providerId: string): Promise<HeldRemoval[]> {
    const rows: unknown[] = await knex(HELD).where('provider_id', providerId);
    // What cannot be read is not held: if it is still due, the next run holds it anew.
    return rows.flatMap(row => readHeldRow(row) ?? []);
  }
}
