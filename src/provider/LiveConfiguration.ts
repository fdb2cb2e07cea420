/**
 * Puts a changed configuration into effect while the backend runs. An invalid one changes
 * nothing: the previous one stays in effect until it is corrected.
 */

import { isDeepStrictEqual } from 'node:util';
import {
  LoggerService,
  RootConfigService,
  SchedulerService,
} from '@backstage/backend-plugin-api';
import { isError } from '@backstage/errors';
import pLimit from 'p-limit';
import { PROVIDERS_KEY, readDiscoveryConfig } from '../config/readProviderConfigs';
import { ConfiguredProvider, DiscoveryConfig } from '../config/types';
import { LimiterRegistry } from '../http/LimiterRegistry';
import { onAbort } from '../util/abort';
import { ProviderFactory, CreatedProvider } from './createProviders';
import { agreedBy } from './limiters';
import { EntityProvider, EntityProviderConnection } from '@backstage/plugin-catalog-node';

/** Options for {@link LiveConfiguration}. */
export interface LiveConfigurationOptions {
  readonly config: RootConfigService;
  /** The configuration that the providers were created from. */
  readonly initial: DiscoveryConfig;
  readonly providers: readonly LiveProvider[];
  readonly createProvider: ProviderFactory;
  readonly limiters: LimiterRegistry;
  /** Starts a run of a provider if the change is a reason for one. */
  readonly startIfNeeded: (
    provider: LiveProvider,
    change: { readonly isIntegrationChanged: boolean },
  ) => void;
  readonly logger: LoggerService;
  /** Stops following the configuration. */
  readonly signal: AbortSignal;
}

/** Follows the configuration of one backend. */
export class LiveConfiguration {
  readonly #oneAtATime = pLimit(1);
  /** The configuration in effect, by id of each running provider. */
  #inEffect: ReadonlyMap<string, ConfiguredProvider>;
  #problem: string | undefined;
  /** Warnings that were logged: each is logged once. */
  readonly #logged: Set<string>;

  constructor(private readonly options: LiveConfigurationOptions) {
    this.#inEffect = byId(options.initial);
    this.#logged = new Set(options.initial.warnings);
  }

  /** Why the current configuration is not in effect, without secrets; `undefined` if it is. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Follows changes, if the configuration reports any, until the signal aborts. */
  follow(): void {
    const { config, signal } = this.options;
    const subscription = config.subscribe?.(() => void this.changed());
    onAbort(signal, () => subscription?.unsubscribe());
  }

  /** Adopts the current configuration. Call it after a change; never rejects. */
  changed(): Promise<void> {
    return this.#oneAtATime(async () => {
      try {
        await this.#adopt();
      } catch (error) {
        this.options.logger.warn(
          `The changed configuration could not be put into effect completely: ${error}`,
        );
      }
    });
  }

  async #adopt(): Promise<void> {
    const { limiters, providers, signal } = this.options;
    const next = signal.aborted ? undefined : this.#read();
    if (next === undefined) {
      return;
    }
    const previous = this.#inEffect;
    const following = byId(next);
    // A provider that was removed does not change: its configuration stays in effect.
    this.#inEffect = new Map(
      [...previous].map(([id, provider]) => [id, following.get(id) ?? provider]),
    );
    this.#logDifferences(next, previous);
    const agreed = agreedBy([...this.#inEffect.values()], warning =>
      this.#warnOnce(warning),
    );
    limiters.updateAgreed(agreed);
    for (const provider of providers) {
      await this.#reconfigure(provider, previous.get(provider.id));
    }
  }

  /** Does nothing if the configuration in effect is the previous one. */
  async #reconfigure(
    provider: LiveProvider,
    previous: ConfiguredProvider | undefined,
  ): Promise<void> {
    const { createProvider, logger, startIfNeeded } = this.options;
    const next = this.#inEffect.get(provider.id);
    const isIntegrationChanged = !isDeepStrictEqual(
      next?.integration,
      previous?.integration,
    );
    const isChanged =
      isIntegrationChanged || !isDeepStrictEqual(next?.written, previous?.written);
    if (next === undefined || !isChanged) {
      return;
    }
    if (isIntegrationChanged) {
      provider.current.context.clients.useCredentials(next.integration);
    }
    await provider.replace(createProvider(next));
    logger.info(
      `The new configuration of ${provider.getProviderName()} applies to everything that starts from now on`,
    );
    startIfNeeded(provider, { isIntegrationChanged });
  }

  /** @returns `undefined` if the configuration is invalid, which is logged */
  #read(): DiscoveryConfig | undefined {
    let next: DiscoveryConfig;
    try {
      next = readDiscoveryConfig(this.options.config);
    } catch (error) {
      const message = isError(error) ? error.message : String(error);
      if (message !== this.#problem) {
        this.options.logger.warn(
          `The changed configuration is not used, and the previous one stays in effect: ${message}`,
        );
      }
      this.#problem = message;
      return undefined;
    }
    if (this.#problem !== undefined) {
      this.options.logger.info('The configuration is valid again');
    }
    this.#problem = undefined;
    return next;
  }

  /** Logs warnings about the new configuration, and changes that need a restart. */
  #logDifferences(
    { providers, warnings }: DiscoveryConfig,
    running: ReadonlyMap<string, unknown>,
  ): void {
    const ids = new Set(providers.map(({ config }) => config.id));
    const added = [...ids].filter(id => !running.has(id));
    const gone = [...running.keys()].filter(id => !ids.has(id));
    warnings.forEach(warning => this.#warnOnce(warning));
    if (added.length > 0) {
      this.#warnOnce(
        `Added to ${PROVIDERS_KEY}: ${quoted(added)}. A new provider starts when the backend is restarted`,
      );
    }
    if (gone.length > 0) {
      this.#warnOnce(
        `Removed from ${PROVIDERS_KEY}: ${quoted(gone)}. Until the backend is restarted, each keeps running with its previous configuration; after the restart the catalog removes all its entities`,
      );
    }
  }

  #warnOnce(message: string): void {
    if (!this.#logged.has(message)) {
      this.#logged.add(message);
      this.options.logger.warn(message);
    }
  }
}

function byId({ providers }: DiscoveryConfig): Map<string, ConfiguredProvider> {
  return new Map(providers.map(provider => [provider.config.id, provider]));
}

function quoted(ids: readonly string[]): string {
  return ids.map(id => JSON.stringify(id)).join(', ');
}

/** One provider of a backend; its id and name never change. */
export class LiveProvider implements EntityProvider {
  #current: CreatedProvider;
  #connection: EntityProviderConnection | undefined;
  /** Ends the task that is scheduled now. */
  #schedule: AbortController | undefined;
  /** The run in progress in this process, if any; never rejects. */
  #running: Promise<unknown> = Promise.resolve();
  /** Called when a run begins in this process. */
  #onRun = () => {};

  constructor(
    created: CreatedProvider,
    private readonly scheduler: Pick<SchedulerService, 'scheduleTask'>,
  ) {
    this.#current = created;
  }

  /** The current parts; read them again for each piece of work. */
  get current(): CreatedProvider {
    return this.#current;
  }

  /** {@inheritdoc @backstage/plugin-catalog-node#EntityProvider.getProviderName} */
  getProviderName(): string {
    return this.#current.provider.getProviderName();
  }

  /** `default`, or its key under `catalog.providers.bitbucketServer`. */
  get id(): string {
    return this.#current.provider.id;
  }

  /** The host of the integration that it reads from. */
  get host(): string {
    return this.#current.provider.host;
  }

  /** {@inheritdoc DiscoveryProvider.approveRemovals} */
  approveRemovals(): Promise<number> {
    return this.#current.provider.approveRemovals();
  }

  /** {@inheritdoc @backstage/plugin-catalog-node#EntityProvider.connect} */
  async connect(connection: EntityProviderConnection): Promise<void> {
    this.#connection = connection;
    await this.#current.provider.connect(connection);
    await this.#scheduleTask();
  }

  /**
   * Continues with parts created from another configuration.
   *
   * @throws whatever the catalog or the scheduler throws; the change may then be incomplete
   * from the next run on
   */
  async replace(next: CreatedProvider): Promise<void> {
    const previous = this.#current;
    if (this.#connection) {
      await next.provider.connect(this.#connection);
    }
    this.#current = next;
    const { schedule } = next.context.config;
    if (
      this.#schedule &&
      !isDeepStrictEqual(schedule, previous.context.config.schedule)
    ) {
      await this.#scheduleTask();
    }
  }

  async #scheduleTask(): Promise<void> {
    const { context, provider } = this.#current;
    const previous = this.#schedule;
    const next = new AbortController();
    await this.scheduler.scheduleTask({
      ...context.config.schedule,
      id: provider.taskId,
      signal: next.signal,
      fn: signal => this.#run(signal),
    });
    this.#schedule = next;
    // Ending the task would abort its run in progress.
    void this.#running.then(() => previous?.abort());
  }

  /**
   * Starts the task. Does not wait for the end of the run, as the scheduler of Backstage's test
   * backend does: the caller may hold the lock that the run needs.
   *
   * @throws ConflictError while the task is running, on any replica
   */
  async startTask(scheduler: Pick<SchedulerService, 'triggerTask'>): Promise<void> {
    const begun = new Promise<void>(resolve => {
      this.#onRun = resolve;
    });
    const { taskId } = this.#current.provider;
    await Promise.race([scheduler.triggerTask(taskId), begun]);
  }

  async #run(signal: AbortSignal): Promise<void> {
    this.#onRun();
    const run = this.#current.provider.refresh(signal);
    this.#running = run.catch(() => undefined);
    await run;
  }
}
