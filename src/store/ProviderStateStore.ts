/**
 * What every provider knows, in tables of its own beside the catalog's: it survives
 * restarts and is the same for every replica. One row per repository, one per provider,
 * one transaction per run and one per event.
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

/** What the store works with. */
export interface ProviderStateStoreOptions {
  readonly readBaseline: BaselineReader;
  readonly clock: Pick<Clock, 'now' | 'monotonicMs'>;
}

/** What is stored of one provider, on a connection or in a transaction. */
interface Tables {
  readonly knex: Knex;
  readonly provider: ProviderTable;
  readonly repositories: RepositoryTable;
}

/** Stores in the catalog's database. */
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
    const { provider } = await this.#open(providerId);
    await provider.save({ next_trigger: 'manual' });
  }

  /**
   * Takes back what was noted: of runs that begin at the same time, one gets it.
   *
   * @returns `schedule` where nothing is noted
   */
  async consumeTrigger(providerId: string): Promise<RunTrigger> {
    const { provider } = await this.#open(providerId);
    return provider.consumeTrigger();
  }

  /** Shows the provider as running; how the run before ended stays to be seen. */
  async recordStart(providerId: string, start: RunStart): Promise<void> {
    const { provider } = await this.#open(providerId);
    await provider.save(startColumns(start));
  }

  /** Notes that the run that began last broke off; what is known of repositories stays. */
  async recordFailure(providerId: string, failure: AbortedRunRecord): Promise<void> {
    const { provider } = await this.#open(providerId);
    await provider.save(failureColumns(failure));
  }

  /**
   * Loads everything that is known.
   *
   * @remarks A row that cannot be read is written anew: its repository is unknown, and
   * looked at again.
   *
   * @returns `undefined` when what the catalog holds from the provider cannot be told
   */
  async load(providerId: string): Promise<ProviderState | undefined> {
    const tables = await this.#open(providerId);
    const row = await tables.provider.read();
    if (!row?.adopted) {
      return this.#options.readBaseline(providerId, []);
    }
    const { known, salvaged } = await tables.repositories.readAll(row);
    const baseline = await this.#options.readBaseline(providerId, known);
    if (baseline === undefined && salvaged.some(one => !one.hasFiles)) {
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
   * What is known of a few repositories, and of all that hold a file of theirs.
   *
   * @returns `undefined` while nothing is known: no run has begun yet
   */
  async loadRelated(
    providerId: string,
    selector: RepositorySelector,
  ): Promise<readonly KnownRepository[] | undefined> {
    const { provider, repositories } = await this.#open(providerId);
    return (await provider.isAdopted()) ? repositories.readRelated(selector) : undefined;
  }

  /** Whether repositories of one of these projects are known. */
  async isProjectKnown(
    providerId: string,
    projectKeys: readonly string[],
  ): Promise<boolean> {
    const { repositories } = await this.#open(providerId);
    return repositories.hasProject(projectKeys);
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
    const { repositories } = await this.#open(providerId);
    return repositories.readNewer(revision, seen);
  }

  /** Base URLs that the last listing showed. */
  async loadServerUrls(providerId: string): Promise<readonly string[]> {
    const { provider } = await this.#open(providerId);
    return provider.readServerUrls();
  }

  /** Keys of what is held back and whose removal was approved. */
  async loadApprovals(providerId: string): Promise<ReadonlySet<string>> {
    const { provider } = await this.#open(providerId);
    const held = await provider.readHeld();
    return new Set(held.flatMap(one => (one.approved ? [one.entryKey] : [])));
  }

  /**
   * Takes the next revision: to be called before Bitbucket is asked, so that the answer can
   * be told from those of others.
   *
   * @returns `undefined` while nothing is known: no run has begun yet
   */
  async takeRevision(providerId: string): Promise<number | undefined> {
    const { provider } = await this.#open(providerId);
    return provider.nextRevision(false);
  }

  /** How the last run with a result ended, and what it looked for. */
  async loadLastRun(providerId: string): Promise<LastRun | undefined> {
    const { provider } = await this.#open(providerId);
    const row = await provider.read();
    return row?.report
      ? { ...row.report, configuration: row.configuration ?? undefined }
      : undefined;
  }

  /** Whether a run has begun, or gone on, since this revision was taken. */
  async isOvertakenByRun(providerId: string, revision: number): Promise<boolean> {
    const { provider } = await this.#open(providerId);
    return (await provider.readRunRevision()) > revision;
  }

  /**
   * How long ago a run confirmed what is held back: by the clock of the database, or by one
   * that nobody sets. One jump of a clock is no confirmation.
   *
   * @returns milliseconds
   */
  async sinceConfirmation(providerId: string): Promise<number> {
    const { knex, provider } = await this.#open(providerId);
    const row = await provider.read();
    return this.#confirmations.since(knex, providerId, row?.confirmed_at_ms);
  }

  /**
   * Begins a run: takes its revision, and notes where it began so that one that never ends is
   * resumed by the next run.
   *
   * @param state - what `load` returned: kept where nothing was stored yet; when runs have
   * looked is forgotten where it is not in there
   */
  beginRun(
    providerId: string,
    state: ProviderState,
    resumeOrStart: (revision: number) => RunOrigin,
  ): Promise<BegunRun> {
    return this.#change(providerId, async ({ provider, repositories }) => {
      if (!(await provider.isAdopted())) {
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
   * Adds what a run learns while it goes on; what somebody knows newer stays as it is.
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

  /** Keeps how a run ended and what is known since: all of it, or nothing. */
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

  /** Keeps what looking at one repository changed. */
  recordEvaluation(providerId: string, record: EvaluationRecord): Promise<void> {
    return this.#change(providerId, async ({ provider, repositories }) => {
      await repositories.write(record.repositories);
      await repositories.delete(record.forgottenIds);
      await provider.deleteHeld(record.resolvedKeys);
      await provider.writeHeld(record.held);
    });
  }

  /** Notes that what is held back under these keys may go, so that a run that goes on does not bring it back. */
  approve(providerId: string, entryKeys: readonly string[]): Promise<void> {
    return this.#change(providerId, ({ provider }) => provider.approve(entryKeys));
  }

  /**
   * Keeps what an approval that was carried out has changed; the counts of the last run
   * show it at once.
   *
   * @param changed - those that have lost something
   * @param removed - how many Locations are gone
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

  /** All of the work takes effect, or nothing. */
  async #change<T>(providerId: string, work: (tables: Tables) => Promise<T>): Promise<T> {
    const knex = await this.#database.connect();
    return knex.transaction(transaction => work(this.#tablesOn(transaction, providerId)));
  }

  #tablesOn(knex: Knex, providerId: string): Tables {
    const provider = new ProviderTable(knex, providerId);
    const repositories = new RepositoryTable(knex, providerId, message =>
      this.#database.warn(message),
    );
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
