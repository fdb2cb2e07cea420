/**
 * Stores the state of every provider in separate tables in the catalog's database: it
 * survives restarts and is shared by all replicas. One row per repository, one per
 * provider, one transaction per run and one per event.
 */

import type { Knex } from 'knex';
import {
  KnownRepository,
  ProviderState,
  RepositorySelector,
  RunOrigin,
} from '../discovery/types';
import { Clock } from '../util/clock';
import { ApplyLock } from './ApplyLock';
import { Confirmations } from './Confirmations';
import { DiscoveryDatabase } from './DiscoveryDatabase';
import {
  approvalColumns,
  failureColumns,
  finishColumns,
  originColumns,
  ProviderTable,
  startColumns,
  toInterruptedRun,
} from './ProviderTable';
import { adoptFromCatalog } from './readCatalogBaseline';
import {
  AbortedRunRecord,
  BaselineReader,
  BegunRun,
  EvaluationRecord,
  InterimRecord,
  LastRun,
  RunEnd,
  RunStart,
  RunTrigger,
} from './records';
import { RepositoryTable } from './RepositoryTable';

/** Dependencies of the store. */
export interface ProviderStateStoreOptions {
  readonly readBaseline: BaselineReader;
  readonly clock: Pick<Clock, 'now' | 'monotonicMs'>;
}

/** The tables of one provider, on a connection or in a transaction. */
interface Tables {
  readonly knex: Knex;
  readonly provider: ProviderTable;
  readonly repositories: RepositoryTable;
}

/** Stores state in the catalog's database. */
export class ProviderStateStore {
  readonly #database: DiscoveryDatabase;
  readonly #options: ProviderStateStoreOptions;
  readonly #lock: ApplyLock;
  readonly #confirmations: Confirmations;

  constructor(database: DiscoveryDatabase, options: ProviderStateStoreOptions) {
    this.#database = database;
    this.#options = options;
    this.#lock = new ApplyLock(database);
    this.#confirmations = new Confirmations(options.clock);
  }

  /**
   * Runs work that compares with the stored state, updates the catalog and stores the
   * result: one at a time for each provider, across all replicas.
   *
   * @remarks Calls must not be nested.
   */
  exclusively<T>(providerId: string, work: () => Promise<T>): Promise<T> {
    return this.#lock.run(providerId, work);
  }

  /** Marks the next run, on whichever replica, as requested manually. */
  async requestManualRun(providerId: string): Promise<void> {
    const { provider } = await this.#open(providerId);
    await provider.save({ next_trigger: 'manual' });
  }

  /**
   * Removes the mark of a manual run: of runs that begin concurrently, only one gets it.
   *
   * @returns `schedule` if there is no mark
   */
  async consumeTrigger(providerId: string): Promise<RunTrigger> {
    const { provider } = await this.#open(providerId);
    return provider.consumeTrigger();
  }

  /** Marks the provider as running; the result of the previous run is kept. */
  async recordStart(providerId: string, start: RunStart): Promise<void> {
    const { provider } = await this.#open(providerId);
    await provider.save(startColumns(start));
  }

  /** Records that the current run was aborted; the state of repositories is kept. */
  async recordFailure(providerId: string, failure: AbortedRunRecord): Promise<void> {
    const { provider } = await this.#open(providerId);
    await provider.save(failureColumns(failure));
  }

  /**
   * Loads the complete state.
   *
   * @remarks A row that cannot be read is replaced: its repository becomes unknown and is
   * checked again.
   *
   * @returns `undefined` if it cannot be determined what the catalog holds from the
   * provider
   */
  async load(providerId: string): Promise<ProviderState | undefined> {
    const tables = await this.#open(providerId);
    const row = await tables.provider.read();
    if (!row?.adopted) {
      return this.#options.readBaseline(providerId, []);
    }
    const { known, salvaged } = await tables.repositories.readAll(row);
    const baseline = await this.#options.readBaseline(providerId, known);
    if (baseline === undefined && salvaged.some(salvagedRow => !salvagedRow.hasFiles)) {
      return undefined;
    }
    if (salvaged.length > 0) {
      await this.#change(providerId, ({ repositories }) =>
        repositories.replaceSalvaged(salvaged),
      );
    }
    const state: ProviderState = {
      repositories: known,
      held: await tables.provider.readHeld(),
      interruptedRun: toInterruptedRun(row),
      serverUrls: row.server_urls ?? undefined,
      recheck: row.recheck ?? undefined,
    };
    return baseline ? adoptFromCatalog(state, baseline) : state;
  }

  /**
   * Loads the state of the selected repositories, and of all that hold files at their
   * addresses.
   *
   * @returns `undefined` if there is no state because no run has begun yet
   */
  async loadRelated(
    providerId: string,
    selector: RepositorySelector,
  ): Promise<readonly KnownRepository[] | undefined> {
    const { provider, repositories } = await this.#open(providerId);
    return (await provider.readColumn('adopted'))
      ? repositories.readRelated(selector)
      : undefined;
  }

  /** Returns whether repositories of one of these projects are known. */
  async isProjectKnown(
    providerId: string,
    projectKeys: readonly string[],
  ): Promise<boolean> {
    const { repositories } = await this.#open(providerId);
    return repositories.hasProject(projectKeys);
  }

  /**
   * Loads the repositories that were checked by something else since a run began.
   *
   * @param revision - of the run
   * @param seen - returns the revision of the run's own check of a repository
   */
  async loadNewer(
    providerId: string,
    revision: number,
    seen: (repositoryId: number) => number,
  ): Promise<KnownRepository[]> {
    const { repositories } = await this.#open(providerId);
    return repositories.readNewer(revision, seen);
  }

  /** Loads the base URLs in the last listing. */
  async loadServerUrls(providerId: string): Promise<readonly string[]> {
    const { provider } = await this.#open(providerId);
    return (await provider.readColumn('server_urls')) ?? [];
  }

  /** Loads the keys of the held removals that were approved. */
  async loadApprovals(providerId: string): Promise<ReadonlySet<string>> {
    const { provider } = await this.#open(providerId);
    const held = await provider.readHeld();
    return new Set(held.flatMap(removal => (removal.approved ? [removal.entryKey] : [])));
  }

  /**
   * Takes the next revision: to be called before Bitbucket is asked, so that concurrent
   * answers can be ordered.
   *
   * @returns `undefined` if there is no state because no run has begun yet
   */
  async takeRevision(providerId: string): Promise<number | undefined> {
    const { provider } = await this.#open(providerId);
    return provider.nextRevision(false);
  }

  /**
   * Loads the result of the last finished run, with the fingerprint of its configuration.
   */
  async loadLastRun(providerId: string): Promise<LastRun | undefined> {
    const { provider } = await this.#open(providerId);
    const row = await provider.read();
    return row?.report
      ? { ...row.report, configuration: row.configuration ?? undefined }
      : undefined;
  }

  /** Returns whether a run has begun, or made progress, since this revision was taken. */
  async isOvertakenByRun(providerId: string, revision: number): Promise<boolean> {
    const { provider } = await this.#open(providerId);
    return ((await provider.readColumn('run_revision')) ?? 0) > revision;
  }

  /**
   * Returns how long ago a run confirmed the held removals: measured by the clock of the
   * database, or by a monotonic one. A jump of a clock is no confirmation.
   *
   * @returns milliseconds
   */
  async sinceConfirmation(providerId: string): Promise<number> {
    const { knex, provider } = await this.#open(providerId);
    const storedMs = await provider.readColumn('confirmed_at_ms');
    return this.#confirmations.since(knex, providerId, storedMs);
  }

  /**
   * Begins a run: takes its revision and stores its start, so that the next run resumes
   * it if it never completes.
   *
   * @param state - what `load` returned: stored if there was no state yet; without
   * `recheck` in it, the stored times of checks are cleared
   */
  beginRun(
    providerId: string,
    state: ProviderState,
    resumeOrStart: (revision: number) => RunOrigin,
  ): Promise<BegunRun> {
    return this.#change(providerId, async ({ provider, repositories }) => {
      if (!(await provider.readColumn('adopted'))) {
        await provider.save({ adopted: true });
        await repositories.deleteAll();
        await repositories.write(state.repositories);
      }
      await provider.raiseRevision();
      const revision = await provider.nextRevision(true);
      if (revision === undefined) {
        throw new Error(`the row of the provider ${providerId} is gone`);
      }
      const origin = resumeOrStart(revision);
      if (origin.sinceRevision === revision) {
        await repositories.settleProgress();
      }
      await provider.save({
        ...originColumns(origin),
        ...(!state.recheck && { recheck: null }),
      });
      return { revision, origin };
    });
  }

  /**
   * Stores interim results of a run; newer results from elsewhere are not overwritten.
   *
   * @returns a revision for what the run asks from now on
   */
  recordInterim(providerId: string, interim: InterimRecord): Promise<number | undefined> {
    return this.#change(providerId, async ({ provider, repositories }) => {
      await repositories.write(interim.repositories);
      const revision = await provider.nextRevision(true);
      if (interim.unchanged && revision !== undefined) {
        await repositories.writeProgress(revision, interim.unchanged);
      }
      return revision;
    });
  }

  /** Stores the result of a run and the new state, atomically. */
  async recordRun(providerId: string, { run, state }: RunEnd): Promise<void> {
    await this.#change(providerId, async ({ knex, provider, repositories }) => {
      const columns = state ? await this.#stateColumns(knex, state) : {};
      await provider.save({ ...finishColumns(run), ...columns });
      if (state) {
        await repositories.delete(state.forgottenIds);
        await repositories.write(state.changed);
        await provider.replaceHeld(state.held);
      }
      if (state?.isComplete) {
        await repositories.deleteProgress();
      }
    });
    if (state?.isComplete) {
      this.#confirmations.note(providerId);
    }
  }

  /** Stores the changes from evaluating one repository. */
  recordEvaluation(providerId: string, record: EvaluationRecord): Promise<void> {
    return this.#change(providerId, async ({ provider, repositories }) => {
      await repositories.write(record.repositories);
      await repositories.delete(record.forgottenIds);
      await provider.deleteHeld(record.resolvedKeys);
      await provider.writeHeld(record.held);
    });
  }

  /**
   * Marks the held removals with these keys as approved, so that a run in progress does
   * not restore them.
   */
  approve(providerId: string, entryKeys: readonly string[]): Promise<void> {
    return this.#change(providerId, ({ provider }) => provider.approve(entryKeys));
  }

  /**
   * Stores the changes of an approval that was carried out; the counts of the last run
   * are updated immediately.
   *
   * @param changed - the repositories that lost files
   * @param removed - how many Locations were removed
   */
  recordApproval(
    providerId: string,
    changed: readonly KnownRepository[],
    removed: number,
  ): Promise<void> {
    return this.#change(providerId, async ({ provider, repositories }) => {
      await repositories.write(changed);
      const lastRun = (await provider.read())?.report;
      if (lastRun) {
        await provider.save(approvalColumns(lastRun, removed));
      }
    });
  }

  async #open(providerId: string): Promise<Tables> {
    return this.#tablesOn(await this.#database.connect(), providerId);
  }

  /** Runs work in a transaction. */
  async #change<T>(providerId: string, work: (tables: Tables) => Promise<T>): Promise<T> {
    const knex = await this.#database.connect();
    return knex.transaction(transaction => work(this.#tablesOn(transaction, providerId)));
  }

  #tablesOn(knex: Knex, providerId: string): Tables {
    const provider = new ProviderTable(knex, providerId);
    const repositories = new RepositoryTable(knex, providerId, this.#database);
    return { knex, provider, repositories };
  }

  async #stateColumns(knex: Knex, state: NonNullable<RunEnd['state']>) {
    const { origin, isComplete, isUnfinished, serverUrls, recheck } = state;
    return {
      ...originColumns(isUnfinished ? origin : undefined),
      server_urls: serverUrls ? JSON.stringify(serverUrls) : null,
      ...(isComplete && {
        checked_revision: origin.sinceRevision,
        checked_at_ms: origin.sinceMs,
        recheck: JSON.stringify(recheck),
        confirmed_at_ms: await this.#confirmations.now(knex),
      }),
    };
  }
}
