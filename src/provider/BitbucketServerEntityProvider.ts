/**
 * The entity provider: order of effects only. What is found out and decided comes from
 * the engine; this file loads, applies, remembers and reports.
 */

import { LoggerService, SchedulerService } from '@backstage/backend-plugin-api';
import { Config } from '@backstage/config';
import { ScmIntegrations } from '@backstage/integration';
import { EntityProvider, EntityProviderConnection } from '@backstage/plugin-catalog-node';
import { readProviderConfigs } from '../config/readProviderConfigs';
import { ProviderConfig } from '../config/types';
import { performRun, Run } from '../discovery/performRun';
import { ProviderMemory } from '../discovery/types';
import { LimiterRegistry } from '../http/limiters';
import { ProviderMemoryStore } from '../store/ProviderMemoryStore';
import { Clock, systemClock } from '../util/clock';
import { ClientFactory, createClientFactory } from './createClient';
import { DiscoveryRunError } from './DiscoveryRunError';
import { anchorEntity, providerName, toLocationEntity } from './locationEntities';
import { RequestMeter } from './RequestMeter';
import { RunLog } from './RunLog';

/** What a provider is made of. */
export interface BitbucketServerEntityProviderOptions {
  readonly config: ProviderConfig;
  readonly clients: ClientFactory;
  readonly store: ProviderMemoryStore;
  readonly clock: Clock;
  readonly logger: LoggerService;
  /** Called once connected: sets up when `refresh` runs. */
  readonly schedule: (refresh: (signal: AbortSignal) => Promise<void>) => Promise<void>;
  /** Aborted when the backend shuts down. */
  readonly shutdownSignal?: AbortSignal;
}

/** What `fromConfig` needs besides the configuration. */
export interface FromConfigOptions {
  readonly logger: LoggerService;
  readonly scheduler: SchedulerService;
  readonly store: ProviderMemoryStore;
  readonly shutdownSignal?: AbortSignal;
  /** The machine's when left out. */
  readonly clock?: Clock;
  /** The global one when left out. */
  readonly fetch?: typeof fetch;
}

/**
 * Discovers catalog files in a Bitbucket Server or Data Center and keeps one Location
 * per file in the catalog.
 *
 * @public
 */
export class BitbucketServerEntityProvider implements EntityProvider {
  readonly #options: BitbucketServerEntityProviderOptions;
  readonly #log: RunLog;
  #connection: EntityProviderConnection | undefined;

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
    return readProviderConfigs(config).flatMap(provider => {
      // The reader has made sure that there is one.
      const integration = integrations.byHost(provider.host)?.config;
      return integration === undefined
        ? []
        : new BitbucketServerEntityProvider({
            ...options,
            clock,
            config: provider,
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
                id: `${providerName(provider.id)}:refresh`,
                fn: refresh,
              }),
          });
    });
  }

  constructor(options: BitbucketServerEntityProviderOptions) {
    this.#options = options;
    this.#log = new RunLog(options.logger, options.config, options.clock);
  }

  /** {@inheritdoc @backstage/plugin-catalog-node#EntityProvider.getProviderName} */
  getProviderName(): string {
    return providerName(this.#options.config.id);
  }

  /**
   * Announces the discovery in the catalog and sets up its schedule.
   *
   * @remarks Asks Bitbucket nothing: a server that is down must not keep the backend
   * from starting.
   */
  async connect(connection: EntityProviderConnection): Promise<void> {
    this.#connection = connection;
    await connection.applyMutation({
      type: 'delta',
      added: [this.#anchor()],
      removed: [],
    });
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
    const { config, clients, clock, shutdownSignal } = this.#options;
    const signal = anySignal(taskSignal, shutdownSignal);
    const memory = await this.#loadMemory();
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
      onProgress: progress => this.#log.progressed(progress),
    });
    await this.#apply(run);
    this.#log.finished(run, meter.counts());
    if (run.failure && !shutdownSignal?.aborted) {
      throw new DiscoveryRunError(run.failure, config.host);
    }
  }

  /** Only after the mutation is the new state remembered: a crash in between repeats, and loses nothing. */
  async #apply({ reconciliation }: Run): Promise<void> {
    const { config, store } = this.#options;
    const entities = reconciliation.locations.map(location =>
      toLocationEntity(location, config.id),
    );
    if (reconciliation.mutation === 'full') {
      await this.#connected().applyMutation({
        type: 'full',
        entities: [this.#anchor(), ...entities],
      });
    } else if (entities.length > 0) {
      await this.#connected().applyMutation({
        type: 'delta',
        added: entities,
        removed: [],
      });
    }
    await store.save(config.id, reconciliation.memory);
  }

  async #loadMemory(): Promise<ProviderMemory | undefined> {
    try {
      return await this.#options.store.load(this.#options.config.id);
    } catch (error) {
      this.#log.memoryUnreadable(error);
      return undefined;
    }
  }

  #connected(): EntityProviderConnection {
    if (!this.#connection) {
      throw new Error(`${this.getProviderName()} is not connected to a catalog yet`);
    }
    return this.#connection;
  }

  #anchor() {
    return anchorEntity(this.#options.config.id, this.#options.config.host);
  }
}

function anySignal(...signals: (AbortSignal | undefined)[]): AbortSignal {
  return AbortSignal.any(signals.flatMap(one => one ?? []));
}
