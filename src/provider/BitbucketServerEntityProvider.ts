/**
 * The entity provider: order of effects only. What is found out and decided comes from
 * the engine; this file loads, applies, remembers and reports.
 */

import { stringifyEntityRef } from '@backstage/catalog-model';
import { Config } from '@backstage/config';
import { ScmIntegrations } from '@backstage/integration';
import { EntityProvider, EntityProviderConnection } from '@backstage/plugin-catalog-node';
import { readProviderConfigs } from '../config/readProviderConfigs';
import { performRun, Run } from '../discovery/performRun';
import { locationsOf, withoutFiles } from '../discovery/locations';
import { choosePass } from '../discovery/resume';
import { CatalogLocation, ProviderMemory } from '../discovery/types';
import { LimiterRegistry } from '../http/limiters';
import { anySignal } from '../util/anySignal';
import { systemClock } from '../util/clock';
import { CatalogWriter } from './CatalogWriter';
import { Checkpoints } from './Checkpoints';
import { createClientFactory } from './createClient';
import { DiscoveryRunError } from './DiscoveryRunError';
import { anchorEntity, providerName, taskIdOf } from './locationEntities';
import { RequestMeter } from './RequestMeter';
import { BitbucketServerEntityProviderOptions, FromConfigOptions } from './options';
import { RunLog } from './RunLog';
import { toRunRecord } from './runRecord';

/**
 * Discovers catalog files in a Bitbucket Server or Data Center and keeps one Location
 * per file in the catalog.
 *
 * @public
 */
export class BitbucketServerEntityProvider implements EntityProvider {
  readonly #options: BitbucketServerEntityProviderOptions;
  readonly #log: RunLog;
  #catalog: CatalogWriter | undefined;

  /**
   * Makes the providers that `catalog.providers.bitbucketServer` describes; those of one
   * host and credential share a limiter.
   *
   * @throws InputError for a configuration that cannot work, naming each key and remedy
   */
  static fromConfig(
    config: Config,
    options: FromConfigOptions,
  ): BitbucketServerEntityProvider[] {
    const { logger, scheduler, clock = systemClock } = options;
    const integrations = ScmIntegrations.fromConfig(config).bitbucketServer;
    const limiters = new LimiterRegistry();
    const providers: BitbucketServerEntityProvider[] = readProviderConfigs(
      config,
    ).flatMap(provider => {
      // The reader has made sure that there is one.
      const integration = integrations.byHost(provider.host)?.config;
      return integration === undefined
        ? []
        : new BitbucketServerEntityProvider({
            ...options,
            clock,
            config: provider,
            siblings: () => providers,
            clients: createClientFactory({
              ...provider,
              providerId: provider.id,
              integration,
              limiters,
              clock,
              fetch: options.fetch,
              onLimiterConflict: message => logger.warn(message),
            }),
            schedule: refresh =>
              scheduler.scheduleTask({
                ...provider.schedule,
                id: taskIdOf(provider.id),
                fn: refresh,
              }),
          });
    });
    return providers;
  }

  constructor(options: BitbucketServerEntityProviderOptions) {
    this.#options = options;
    this.#log = new RunLog(options.logger, options.config, options.clock);
  }

  /** {@inheritdoc @backstage/plugin-catalog-node#EntityProvider.getProviderName} */
  getProviderName(): string {
    return providerName(this.#options.config.id);
  }

  /** The id of its task at the scheduler. */
  get taskId(): string {
    return taskIdOf(this.#options.config.id);
  }

  /** The entity ref of its anchor in the catalog: refreshing that starts a run. */
  get anchorRef(): string {
    const { id, host } = this.#options.config;
    return stringifyEntityRef(anchorEntity(id, host).entity);
  }

  /**
   * Announces the discovery in the catalog and sets up its schedule.
   *
   * @remarks Asks Bitbucket nothing: a server that is down must not keep the backend
   * from starting.
   */
  async connect(connection: EntityProviderConnection): Promise<void> {
    this.#catalog = new CatalogWriter(connection, this.#options.config);
    await this.#catalog.announce();
    await this.#options.schedule(signal => this.refresh(signal));
  }

  /**
   * Runs discovery once and brings the catalog up to date.
   *
   * @param taskSignal - ends the run early; what was learned until then is kept
   * @throws DiscoveryRunError when the listing could not be read, the credentials do not
   * work or the run was aborted, so that the scheduler sees it; nothing is removed then
   */
  async refresh(taskSignal?: AbortSignal): Promise<void> {
    const { config, clients, clock, shutdownSignal, store } = this.#options;
    const signal = anySignal(taskSignal, shutdownSignal);
    const memory = await this.#loadMemory();
    const checkpoints = await this.#beginPass(memory);
    const meter = new RequestMeter();
    const client = clients.create(meter);
    this.#log.started();
    await clients.prepare(client, signal);
    const run = await performRun({
      scope: config,
      policy: config.removals,
      source: client,
      memory,
      clock,
      signal,
      loadApprovals: memory && (() => store.loadApprovals(config.id)),
      onProgress: progress => {
        this.#log.progressed(progress);
        if (progress.kind === 'checking') {
          checkpoints?.note(progress.result);
        }
      },
    });
    await checkpoints?.saveRest();
    await this.#apply(run);
    this.#log.finished(run, meter.counts());
    await this.#record(run, meter);
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
    const { config, store } = this.#options;
    const memory = await store.load(config.id);
    const waiting = (memory?.held ?? []).filter(one => !one.approved);
    const targets = new Set(waiting.map(one => one.targetUrl));
    if (memory === undefined || targets.size === 0) {
      return 0;
    }
    await store.approve(config.id, [...targets]);
    await store.saveProgress(config.id, withoutFiles(memory.repositories, targets));
    const held = locationsOf(memory.repositories).filter(one =>
      targets.has(one.file.targetUrl),
    );
    await this.#connected().change([], held);
    await this.#offerToSiblings(held);
    this.#log.approved(targets.size);
    return targets.size;
  }

  /** Nothing is kept on the way where it is not known what the catalog holds: it would pass for all of it. */
  async #beginPass(memory: ProviderMemory | undefined): Promise<Checkpoints | undefined> {
    const { config, clock, store } = this.#options;
    if (memory === undefined) {
      return undefined;
    }
    const pass = choosePass(config, memory.unfinishedPass, clock.now());
    await store.beginPass(config.id, memory, pass);
    return new Checkpoints(memory.repositories, {
      saveProgress: repositories => store.saveProgress(config.id, repositories),
      add: locations => this.#connected().change(locations),
      onError: error => this.#log.checkpointFailed(error),
    });
  }

  /** Only after the mutation is the new state remembered: a crash in between repeats, and loses nothing. */
  async #apply({ reconciliation }: Run): Promise<void> {
    const { config, store } = this.#options;
    const { mutation, locations, memory } = reconciliation;
    if (mutation === 'full') {
      await this.#connected().replaceAll(locations);
    } else {
      await this.#connected().change(locations);
    }
    if (memory) {
      await store.save(config.id, memory);
    }
    await this.#offerToSiblings(reconciliation.removed);
  }

  /** Gives the catalog what this provider has found and another one has just removed. */
  async reclaim(targetUrls: ReadonlySet<string>): Promise<void> {
    const memory = await this.#loadMemory();
    const own = locationsOf(memory?.repositories ?? []).filter(one =>
      targetUrls.has(one.file.targetUrl),
    );
    await this.#catalog?.change(own);
  }

  /**
   * The catalog takes a Location from one provider only: where two have found it, the one
   * that came second has to give it again once the first one lets go.
   */
  async #offerToSiblings(removed: readonly CatalogLocation[]): Promise<void> {
    const targets = new Set(removed.map(one => one.file.targetUrl));
    const siblings = (this.#options.siblings?.() ?? []).filter(one => one !== this);
    for (const sibling of targets.size > 0 ? siblings : []) {
      await sibling.reclaim(targets);
    }
  }

  /** A run counts as it went, whether its record can be kept or not. */
  async #record(run: Run, meter: RequestMeter): Promise<void> {
    const { config, store } = this.#options;
    try {
      await store.recordRun(config.id, toRunRecord(run, meter.counts(), config.host));
    } catch (error) {
      this.#log.recordFailed(error);
    }
  }

  async #loadMemory(): Promise<ProviderMemory | undefined> {
    try {
      return await this.#options.store.load(this.#options.config.id);
    } catch (error) {
      this.#log.memoryUnreadable(error);
      return undefined;
    }
  }

  #connected(): CatalogWriter {
    if (!this.#catalog) {
      throw new Error(`${this.getProviderName()} is not connected to a catalog yet`);
    }
    return this.#catalog;
  }
}
