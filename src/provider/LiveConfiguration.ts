/**
 * Has a changed configuration take effect while the backend runs. One that cannot work
 * changes nothing: the one before stays until it is mended.
 */

import { isDeepStrictEqual } from 'node:util';
import { LoggerService, RootConfigService } from '@backstage/backend-plugin-api';
import { isError } from '@backstage/errors';
import pLimit from 'p-limit';
import { readDiscoveryConfig } from '../config/readProviderConfigs';
import { ConfiguredProvider, DiscoveryConfig } from '../config/types';
import { LimiterRegistry } from '../http/LimiterRegistry';
import { onAbort } from '../util/abort';
import { ProviderFactory } from './createProviders';
import { agreedBy } from './limiters';
import { LiveProvider } from './LiveProvider';

const PROVIDERS_KEY = 'catalog.providers.bitbucketServer';

/** What a change is carried out with. */
export interface LiveConfigurationOptions {
  readonly config: RootConfigService;
  /** What the providers were made from. */
  readonly initial: DiscoveryConfig;
  readonly providers: readonly LiveProvider[];
  readonly createProvider: ProviderFactory;
  readonly limiters: LimiterRegistry;
  /** Starts a run of a provider where what changed is a reason for one. */
  readonly startIfNeeded: (
    provider: LiveProvider,
    change: { readonly isIntegrationChanged: boolean },
  ) => void;
  readonly logger: LoggerService;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** Follows the configuration of one backend. */
export class LiveConfiguration {
  readonly #options: LiveConfigurationOptions;
  readonly #oneAtATime = pLimit(1);
  /** What is in effect, for each provider that runs. */
  #inEffect: ReadonlyMap<string, ConfiguredProvider>;
  #problem: string | undefined;
  /** Warnings: once is enough for each. */
  readonly #told: Set<string>;

  constructor(options: LiveConfigurationOptions) {
    this.#options = options;
    this.#inEffect = byId(options.initial);
    this.#told = new Set(options.initial.warnings);
  }

  /** Why the configuration, as it stands now, is not in effect; without secrets. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Follows changes until the signal aborts; the configuration may be one that never changes. */
  follow(): void {
    const { config, signal } = this.#options;
    const subscription = config.subscribe?.(() => void this.changed());
    onAbort(signal, () => subscription?.unsubscribe());
  }

  /** To be called after a change; never rejects. */
  changed(): Promise<void> {
    return this.#oneAtATime(async () => {
      try {
        await this.#adopt();
      } catch (error) {
        this.#options.logger.warn(
          `The changed configuration could not be put into effect as a whole: ${error}`,
        );
      }
    });
  }

  async #adopt(): Promise<void> {
    const { limiters, providers, signal } = this.#options;
    const next = signal.aborted ? undefined : this.#read();
    if (next === undefined) {
      return;
    }
    const previous = this.#inEffect;
    const following = byId(next);
    const changed = providers.filter(({ id }) =>
      isOther(following.get(id), previous.get(id)),
    );
    this.#inEffect = new Map(
      [...previous].map(([id, one]) => [id, following.get(id) ?? one]),
    );
    this.#tellDifferences(next, previous);
    const agreed = agreedBy([...this.#inEffect.values()], one => this.#warnOnce(one));
    limiters.agreeAnew(agreed);
    for (const provider of changed) {
      await this.#reconfigure(provider, previous.get(provider.id));
    }
  }

  async #reconfigure(
    provider: LiveProvider,
    previous: ConfiguredProvider | undefined,
  ): Promise<void> {
    const { createProvider, logger, startIfNeeded } = this.#options;
    const next = this.#inEffect.get(provider.id);
    if (next === undefined) {
      return;
    }
    const isIntegrationChanged = !isDeepStrictEqual(
      next.integration,
      previous?.integration,
    );
    if (isIntegrationChanged) {
      provider.current.context.clients.useCredentials(next.integration);
    }
    await provider.replace(createProvider(next));
    logger.info(
      `${provider.getProviderName()} is configured anew; what begins from now on follows that`,
    );
    startIfNeeded(provider, { isIntegrationChanged });
  }

  /** @returns `undefined` where it cannot work, which is told then */
  #read(): DiscoveryConfig | undefined {
    let next: DiscoveryConfig;
    try {
      next = readDiscoveryConfig(this.#options.config);
    } catch (error) {
      const message = isError(error) ? error.message : String(error);
      if (message !== this.#problem) {
        this.#options.logger.warn(
          `The changed configuration is not used, and the one before stays in effect: ${message}`,
        );
      }
      this.#problem = message;
      return undefined;
    }
    if (this.#problem !== undefined) {
      this.#options.logger.info('The configuration can be used again');
    }
    this.#problem = undefined;
    return next;
  }

  /** What works and is worth a look, and what a change cannot bring without a restart. */
  #tellDifferences(
    { providers, warnings }: DiscoveryConfig,
    running: ReadonlyMap<string, unknown>,
  ): void {
    const ids = new Set(providers.map(one => one.config.id));
    const added = [...ids].filter(id => !running.has(id));
    const gone = [...running.keys()].filter(id => !ids.has(id));
    warnings.forEach(warning => this.#warnOnce(warning));
    if (added.length > 0) {
      this.#warnOnce(
        `New below ${PROVIDERS_KEY}: ${quoted(added)}. A new provider begins when the backend is restarted`,
      );
    }
    if (gone.length > 0) {
      this.#warnOnce(
        `Gone from ${PROVIDERS_KEY}: ${quoted(gone)}. Until the backend is restarted, each goes on as it was configured before; with the restart the catalog removes what it has of it`,
      );
    }
  }

  #warnOnce(message: string): void {
    if (!this.#told.has(message)) {
      this.#told.add(message);
      this.#options.logger.warn(message);
    }
  }
}

/** What is gone is not another one: it stays in effect. */
function isOther(
  next: ConfiguredProvider | undefined,
  previous: ConfiguredProvider | undefined,
): boolean {
  return (
    next !== undefined &&
    !(
      isDeepStrictEqual(next.integration, previous?.integration) &&
      isDeepStrictEqual(next.written, previous?.written)
    )
  );
}

function byId({ providers }: DiscoveryConfig): Map<string, ConfiguredProvider> {
  return new Map(providers.map(one => [one.config.id, one]));
}

function quoted(ids: readonly string[]): string {
  return ids.map(id => JSON.stringify(id)).join(', ');
}
