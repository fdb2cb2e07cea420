/**
 * The entity provider: order of effects only. What is found out and decided comes from
 * the engine; this file loads, applies, remembers and reports.
 */

import { EntityProvider, EntityProviderConnection } from '@backstage/plugin-catalog-node';
import { planCatchUp } from '../discovery/mergeNewer';
import { performRun, Run } from '../discovery/performRun';
import { keyOf, locationsOf, withoutFiles } from '../discovery/locations';
import { choosePass } from '../discovery/resume';
import { DiscoveryScope, KnownRepository, ProviderMemory } from '../discovery/types';
import { anySignal } from '../util/anySignal';
import { Checkpoints } from './Checkpoints';
import { DiscoveryRunError } from './DiscoveryRunError';
import { anchorRef, providerName, taskIdOf } from './locationEntities';
import { ProviderContext } from './ProviderContext';
import { toSource } from './toSource';
import { RequestMeter } from './RequestMeter';

/** Sets up when a provider runs; called once it is connected. */
export type Schedule = (refresh: (signal: AbortSignal) => Promise<void>) => Promise<void>;

/**
 * Discovers catalog files in a Bitbucket Server or Data Center and keeps one Location
 * per file in the catalog.
 *
 * @public
 */
export class DiscoveryProvider implements EntityProvider {
  readonly #context: ProviderContext;
  readonly #schedule: Schedule;

  constructor(context: ProviderContext, schedule: Schedule) {
    this.#context = context;
    this.#schedule = schedule;
  }

  /** {@inheritdoc @backstage/plugin-catalog-node#EntityProvider.getProviderName} */
  getProviderName(): string {
    return providerName(this.#context.config.id);
  }

  /** `default`, or its key under `catalog.providers.bitbucketServer`. */
  get id(): string {
    return this.#context.config.id;
  }

  /** Of the integration it reads from. */
  get host(): string {
    return this.#context.config.host;
  }

  /** The id of its task at the scheduler. */
  get taskId(): string {
    return taskIdOf(this.#context.config.id);
  }

  /** The entity ref of its anchor in the catalog: refreshing that starts a run. */
  get anchorRef(): string {
    return anchorRef(this.#context.config.id);
  }

  /**
   * Announces the discovery in the catalog and sets up its schedule.
   *
   * @remarks Asks Bitbucket nothing: a server that is down must not keep the backend
   * from starting.
   */
  async connect(connection: EntityProviderConnection): Promise<void> {
    this.#context.catalog.connect(connection);
    await this.#context.catalog.announce();
    await this.#schedule(signal => this.refresh(signal));
  }

  /**
   * Runs discovery once and brings the catalog up to date.
   *
   * @param taskSignal - ends the run early; what was learned until then is kept
   * @throws DiscoveryRunError when the listing could not be read, the credentials do not
   * work or the run was aborted, so that the scheduler sees it; nothing is removed then
   */
  async refresh(taskSignal?: AbortSignal): Promise<void> {
    const { config, journal, log, shutdownSignal } = this.#context;
    const meter = new RequestMeter();
    const trigger = await journal.begin();
    let run: Run;
    try {
      run = await this.#run(meter, anySignal(taskSignal, shutdownSignal));
      await this.#apply(run);
    } catch (error) {
      await journal.brokeOff(error);
      throw error;
    }
    log.finished(run, meter.counts());
    await journal.finish(run, meter.counts(), trigger);
    await this.#context.conflicts?.afterRun(run);
    if (run.failure && !shutdownSignal?.aborted) {
      throw new DiscoveryRunError(run.failure, config.host);
    }
  }

  /**
   * Carries out, at once, the removals that are held back at this moment.
   *
   * @returns how many; 0 when nothing is held back
   */
  async approveRemovals(): Promise<number> {
    const { config, store } = this.#context;
    const memory = await store.load(config.id);
    const waiting = (memory?.held ?? []).filter(one => !one.approved);
    const targets = new Set(waiting.map(one => one.targetUrl));
    if (memory === undefined || targets.size === 0) {
      return 0;
    }
    await store.approve(config.id, [...targets]);
    const held = locationsOf(memory.repositories).filter(one =>
      targets.has(keyOf(one.file)),
    );
    await this.#context.catalog.change([], held);
    await store.saveProgress(config.id, withoutFiles(memory.repositories, targets));
    await this.#context.shared.letGo(held);
    this.#context.log.approved(targets.size);
    return targets.size;
  }

  /** Nothing is kept on the way where it is not known what the catalog holds: it would pass for all of it. */
  async #beginPass(memory: ProviderMemory | undefined): Promise<Checkpoints | undefined> {
    const { config, clock, store } = this.#context;
    if (memory === undefined) {
      return undefined;
    }
    const pass = choosePass(this.#scope(), memory.unfinishedPass, clock.now());
    await store.beginPass(config.id, memory, pass);
    return new Checkpoints(memory.repositories, {
      saveProgress: repositories => store.saveProgress(config.id, repositories),
      add: locations => this.#context.catalog.change(locations),
      onError: error => this.#context.log.checkpointFailed(error),
    });
  }

  /** Only after the mutation is the new state remembered: a crash in between repeats, and loses nothing. */
  async #apply({ reconciliation, finishedAtMs }: Run): Promise<void> {
    const { catalog, config, shared, store } = this.#context;
    const { mutation, locations, memory } = reconciliation;
    if (mutation === 'full') {
      await catalog.replaceAll(locations);
    } else {
      await catalog.change(locations);
    }
    if (memory) {
      const later = await store.save(config.id, memory, finishedAtMs);
      const { added, removed } = planCatchUp(locations, later, memory.repositories);
      await catalog.change(added, removed);
    }
    await shared.letGo(reconciliation.removed);
  }

  /** Finds out and decides, and keeps what is learned on the way. */
  async #run(meter: RequestMeter, signal: AbortSignal | undefined): Promise<Run> {
    const { config, clients, clock, log, store } = this.#context;
    const memory = await this.#loadMemory();
    const checkpoints = await this.#beginPass(memory);
    const client = clients.create(meter);
    log.started();
    await clients.prepare(client, signal);
    const run = await performRun({
      scope: this.#scope(),
      policy: config.removals,
      source: toSource(client, this.#context.parseFiles),
      memory,
      clock,
      signal,
      loadApprovals: memory && (() => store.loadApprovals(config.id)),
      loadNewer: memory && (() => this.#loadNewer()),
      onProgress: progress => {
        log.progressed(progress);
        if (progress.kind === 'checking') {
          checkpoints?.note(progress.result);
        }
      },
    });
    if (run.failure === undefined || run.failure.kind === 'failed') {
      clients.noteLogin(run.failure?.error);
    }
    await checkpoints?.saveRest();
    return run;
  }

  #scope(): DiscoveryScope {
    const { config, parseFiles } = this.#context;
    return parseFiles ? { ...config, isParsed: true } : config;
  }

  async #loadNewer(): Promise<readonly KnownRepository[]> {
    const { config, store } = this.#context;
    return (await store.load(config.id))?.repositories ?? [];
  }

  async #loadMemory(): Promise<ProviderMemory | undefined> {
    try {
      return await this.#context.store.load(this.#context.config.id);
    } catch (error) {
      this.#context.log.memoryUnreadable(error);
      return undefined;
    }
  }
}
