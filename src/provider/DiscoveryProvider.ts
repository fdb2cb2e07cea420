/**
 * The entity provider. The engine finds files and decides; this file only puts the effects
 * in order: it loads, applies, stores and reports.
 */

import { EntityProviderConnection } from '@backstage/plugin-catalog-node';
import { durationToMilliseconds } from '@backstage/types';
import { ProviderConfig } from '../config/types';
import {
  concludeRun,
  discover,
  ConcurrentChanges,
  Run,
  RunRequest,
} from '../discovery/performRun';
import { changedAddresses } from '../discovery/reconcile';
import { indexKnown } from '../discovery/identify';
import { getEntryKey, toLocations, withoutFiles } from '../discovery/locations';
import {
  planRecheck,
  readLately,
  RecheckPlan,
  toRecheckRule,
  stateAfterRun,
} from '../discovery/recheck';
import { resumeOrStart } from '../discovery/resume';
import {
  CatalogLocation,
  DiscoveryScope,
  KnownRepositories,
  ProviderState,
} from '../discovery/types';
import { BegunRun, RunEnd, RunTrigger } from '../store/records';
import { planStateChanges } from '../store/repositoryRows';
import { anySignal } from '../util/abort';
import { startTimer } from '../util/clock';
import { Checkpoints } from './Checkpoints';
import { DiscoveryRunError } from './RunLog';
import { anchorRef, providerName } from './locationEntities';
import { ProviderContext, knowsCredentials, getRemovalPolicy } from './ProviderContext';
import { RequestMeter } from './createClient';

/** A run that has started with known content of the catalog. */
interface Begun extends BegunRun {
  readonly known: KnownRepositories;
  readonly checkpoints: Checkpoints;
}

/**
 * Discovers catalog files in a Bitbucket Server or Data Center and keeps one Location
 * per file in the catalog.
 */
export class DiscoveryProvider {
  #isAccessChecked = false;

  constructor(private readonly context: ProviderContext) {}

  /** {@inheritdoc @backstage/plugin-catalog-node#EntityProvider.getProviderName} */
  getProviderName(): string {
    return providerName(this.context.config.id);
  }

  /** `default`, or its key under `catalog.providers.bitbucketServer`. */
  get id(): string {
    return this.context.config.id;
  }

  /** The host of the integration that it reads from. */
  get host(): string {
    return this.context.config.host;
  }

  /** The id of its task in the scheduler. */
  get taskId(): string {
    return `${this.getProviderName()}:refresh`;
  }

  /** The entity ref of its anchor in the catalog: refreshing that starts a run. */
  get anchorRef(): string {
    return anchorRef(this.context.config.id);
  }

  /**
   * Announces the discovery in the catalog and uses this connection from now on.
   *
   * @remarks Sends no request to Bitbucket: a server that is down must not keep the backend
   * from starting.
   */
  async connect(connection: EntityProviderConnection): Promise<void> {
    this.context.catalog.connect(connection);
    await this.context.catalog.announce();
  }

  /**
   * Runs discovery once and brings the catalog up to date.
   *
   * @param taskSignal - ends the run early; results obtained until then are kept
   * @throws DiscoveryRunError if the listing could not be read, the credentials do not
   * work or the run was aborted, so that the scheduler sees it; nothing is removed then
   */
  async refresh(taskSignal?: AbortSignal): Promise<void> {
    const { config, recorder, log, shutdownSignal, webhooks } = this.context;
    const meter = new RequestMeter();
    const before = await webhooks?.beforeRun();
    const trigger = await recorder.begin();
    let run: Run;
    try {
      run = await this.#run(meter, trigger, anySignal(taskSignal, shutdownSignal));
    } catch (error) {
      await recorder.failed(error);
      throw error;
    }
    await log.finished(run, meter.counts());
    await webhooks?.afterRun(run, before);
    await this.context.conflicts?.afterRun(run);
    await this.context.catalogErrors?.afterRun(run);
    if (run.failure && !shutdownSignal?.aborted) {
      throw new DiscoveryRunError(run.failure, config.host);
    }
  }

  /**
   * Immediately carries out the removals that are held back at this moment.
   *
   * @returns the number of removals; 0 if none are held back
   */
  async approveRemovals(): Promise<number> {
    const { config, store, contested, log } = this.context;
    const removed = await store.exclusively(config.id, () => this.#approve());
    if (removed === undefined) {
      return 0;
    }
    await contested.release(removed.locations);
    log.approved(removed.count);
    return removed.count;
  }

  async #approve(): Promise<
    { count: number; locations: readonly CatalogLocation[] } | undefined
  > {
    const { catalog, config, store } = this.context;
    const state = await store.load(config.id);
    const unapproved = (state?.held ?? []).filter(removal => !removal.approved);
    const keys = new Set(unapproved.map(removal => removal.entryKey));
    if (state === undefined || keys.size === 0) {
      return undefined;
    }
    await store.approve(config.id, [...keys]);
    const locations = toLocations(state.repositories).filter(({ file }) =>
      keys.has(getEntryKey(file)),
    );
    await catalog.change([], locations);
    const without = withoutFiles(state.repositories, keys);
    await store.recordApproval(config.id, without, keys.size);
    return { count: keys.size, locations };
  }

  async #apply(run: Run): Promise<void> {
    const { catalog, config, stamps } = this.context;
    await stamps?.renew(config.host, await changedAddresses(run));
    const { mutation, locations } = run.reconciliation;
    if (mutation === 'full') {
      await catalog.replaceAll(locations);
    } else {
      await catalog.change(locations);
    }
  }

  /** Queries Bitbucket, then decides and applies, based on the state stored at that moment. */
  async #run(
    meter: RequestMeter,
    trigger: RunTrigger,
    signal: AbortSignal,
  ): Promise<Run> {
    const { clients, clock, config, contested, fileParser, recorder, log, store } =
      this.context;
    const state = await this.#loadState();
    const begun = state && (await this.#begin(state));
    const client = clients.create(meter);
    log.started();
    await this.#checkAccess(signal);
    await clients.prepare(client, signal);
    const policy = await getRemovalPolicy(this.context);
    const recheck = await this.#planRecheck(state, trigger);
    const listingMs = listingTimeMs(config.schedule.timeout);
    const timer = startTimer(clock, listingMs);
    const request: RunRequest = {
      scope: this.#scope(),
      policy,
      source: client,
      parseFiles: fileParser?.(client),
      state,
      recheck,
      clock,
      listingTime: { signal: timer.signal, ms: listingMs },
      signal,
      ...(begun && {
        origin: begun.origin,
        known: begun.known,
        getStored: id => begun.checkpoints.get(id),
        revision: () => begun.checkpoints.revision,
        loadConcurrentChanges: () => this.#loadConcurrentChanges(begun),
      }),
      onProgress: progress => {
        log.progressed(progress);
        if (progress.kind === 'checking') {
          begun?.checkpoints.note(progress.result);
        }
      },
    };
    const findings = await discover(request).finally(timer.end);
    await begun?.checkpoints.saveRest(findings.result.interruption !== undefined);
    const run = await store.exclusively(config.id, async () => {
      const concluded = await concludeRun(request, findings);
      this.#recordLogin(concluded);
      await this.#apply(concluded);
      await recorder.finish(concluded, {
        authenticated: knowsCredentials(concluded, policy, this.context),
        requests: meter.counts(),
        state: begun && (await toStateEnd(concluded, begun, recheck)),
        trigger,
      });
      return concluded;
    });
    await contested.release(run.reconciliation.removed);
    return run;
  }

  /** Checks once per process: a run cannot fix the credentials that the catalog reads with. */
  async #checkAccess(signal: AbortSignal): Promise<void> {
    if (this.#isAccessChecked) {
      return;
    }
    this.#isAccessChecked = true;
    try {
      const problem = await this.context.findAccessProblem(signal);
      if (problem) {
        this.context.log.accessProblem(problem);
      }
    } catch {
      // An abort also ends the run.
    }
  }

  /** Notes whether the credentials have worked. */
  #recordLogin({ failure }: Run): void {
    if (failure === undefined || failure.kind === 'failed') {
      this.context.clients.recordLogin(failure?.error);
    }
  }

  /**
   * Starts the run in the store.
   *
   * @remarks Only where the content of the catalog is known: otherwise interim results would
   * be taken for all of it.
   */
  async #begin(state: ProviderState): Promise<Begun> {
    const { catalog, clock, config, log, store } = this.context;
    const { revision, origin } = await store.beginRun(config.id, state, first =>
      resumeOrStart(this.#scope(), state.interruptedRun, clock.now(), first),
    );
    const known = await indexKnown(state.repositories);
    const checkpoints = new Checkpoints(known, revision, {
      recordInterim: record => store.recordInterim(config.id, record),
      add: locations => catalog.change(locations),
      onError: error => log.checkpointFailed(error),
    });
    return { revision, origin, known, checkpoints };
  }

  async #loadConcurrentChanges({
    checkpoints,
    revision,
  }: Begun): Promise<ConcurrentChanges> {
    const { config, store } = this.context;
    const seen = (id: number) => checkpoints.get(id)?.revision ?? 0;
    return {
      approved: await store.loadApprovals(config.id),
      newer: await store.loadNewer(config.id, revision, seen),
      sinceConfirmationMs: await store.sinceConfirmation(config.id),
    };
  }

  #scope(): DiscoveryScope {
    const { config, fileParser } = this.context;
    return fileParser ? { ...config, isParsed: true } : config;
  }

  async #planRecheck(
    state: ProviderState | undefined,
    trigger: RunTrigger,
  ): Promise<RecheckPlan> {
    const { clock, config, configuration } = this.context;
    const rule = toRecheckRule(this.#scope(), config.recheck);
    const plan = planRecheck(state?.recheck, {
      configuration,
      rule,
      maySearch: config.search === 'auto' && config.branch === undefined,
      isManual: trigger === 'manual',
      nowMs: clock.now(),
    });
    if (!rule) {
      return plan;
    }
    const { unreadableTargets, lastReads } = this.context;
    return {
      ...plan,
      unreadable: await this.#fromCatalog(unreadableTargets?.()),
      findRead: async urls => {
        const reads = await this.#fromCatalog(lastReads?.(urls));
        return readLately(reads ?? new Map(), rule, clock.now());
      },
    };
  }

  /**
   * Awaits data of the catalog about files, which may make checks unnecessary or necessary; a
   * run works without it.
   */
  async #fromCatalog<T>(answer: Promise<T> | undefined): Promise<T | undefined> {
    try {
      return await answer;
    } catch (error) {
      this.context.log.catalogErrorsUnreadable(error);
      return undefined;
    }
  }

  /**
   * Loads the state, without the recheck times of runs with another configuration: they must
   * not count if this run is interrupted.
   */
  async #loadState(): Promise<ProviderState | undefined> {
    const { config, configuration, store } = this.context;
    try {
      const state = await store.load(config.id);
      return state && state.recheck?.configuration !== configuration
        ? { ...state, recheck: undefined }
        : state;
    } catch (error) {
      this.context.log.stateUnreadable(error);
      return undefined;
    }
  }
}

/** Collects what is stored at the end of a run, without the unchanged rows. */
async function toStateEnd(
  run: Run,
  { origin, checkpoints }: Begun,
  recheck: RecheckPlan,
): Promise<RunEnd['state']> {
  const { reconciliation } = run;
  const { state } = reconciliation;
  return (
    state && {
      ...(await planStateChanges(checkpoints, state.repositories)),
      held: state.held,
      serverUrls: state.serverUrls,
      recheck: stateAfterRun(recheck, origin, run.result.search?.kind === 'used'),
      origin: state.interruptedRun ?? origin,
      isComplete: reconciliation.mutation === 'full',
      isUnfinished: state.interruptedRun !== undefined,
    }
  );
}

/** Returns the part of a run's time for the listing; the rest is for checking repositories. */
function listingTimeMs(timeout: ProviderConfig['schedule']['timeout']): number {
  const ms = 'toMillis' in timeout ? timeout.toMillis() : durationToMilliseconds(timeout);
  return Math.floor(ms * 0.75);
}
