/**
 * Creates the limiters of a backend, and finds them for code that has no access to services.
 * Wiring only.
 */

import {
  coreServices,
  createServiceFactory,
  createServiceRef,
  LoggerService,
} from '@backstage/backend-plugin-api';
import { Config } from '@backstage/config';
import { DEFAULTS } from '../config/configurationKeys';
import { readDiscoveryConfig } from '../config/readProviderConfigs';
import { ConfiguredProvider } from '../config/types';
import { AgreedLimits, agreeOnLimits } from '../http/agreeOnLimits';
import { getCredentialKey, LimiterRegistry } from '../http/LimiterRegistry';
import { countUnansweredBudget } from '../metrics/observers';
import { Clock, systemClock } from '../util/clock';

/** Options for {@link createLimiters}. */
export interface CreateLimitersOptions {
  /** Default: the system clock. */
  readonly clock?: Clock;
  /** Receives a sentence about different settings of providers, or an implausible limit of the server. */
  readonly onWarning: (message: string) => void;
  /** Receives a sentence once what was warned of is over. */
  readonly onRelief?: (message: string) => void;
}

/** Creates limiters that keep to the limits on which all providers agree. */
export function createLimiters(
  providers: readonly ConfiguredProvider[],
  { clock = systemClock, onRelief, onWarning }: CreateLimitersOptions,
): LimiterRegistry {
  return new LimiterRegistry({
    agreed: agreedBy(providers, onWarning),
    defaultConcurrency: DEFAULTS.concurrency,
    clock,
    onWarning,
    onRelief,
    onUnanswered: countUnansweredBudget,
  });
}

/**
 * Returns the limits on which all providers agree.
 *
 * @param onWarning - receives a sentence about different settings of providers
 */
export function agreedBy(
  providers: readonly ConfiguredProvider[],
  onWarning: (message: string) => void,
): readonly AgreedLimits[] {
  const { agreed, warnings } = agreeOnLimits(
    providers.map(({ config, integration }) => ({
      ...config,
      providerId: config.id,
      credentialKey: getCredentialKey(integration),
    })),
  );
  warnings.forEach(warning => onWarning(warning));
  return agreed;
}

const byConfig = new WeakMap<Config, LimiterRegistry>();
let latest: LimiterRegistry | undefined;

/** Returns the limiters of the backend with this configuration, and creates them at first. */
export function getLimiters(
  config: Config,
  logger: Pick<LoggerService, 'info' | 'warn'>,
): LimiterRegistry {
  const limiters =
    byConfig.get(config) ??
    createLimiters(readProviders(config), {
      onWarning: warning => logger.warn(warning),
      onRelief: message => logger.info(message),
    });
  byConfig.set(config, limiters);
  latest = limiters;
  return limiters;
}

/**
 * Returns no provider for an invalid configuration: discovery refuses to start then and reports
 * the reason, while other modules may work.
 */
function readProviders(config: Config): readonly ConfiguredProvider[] {
  try {
    return readDiscoveryConfig(config).providers;
  } catch {
    return [];
  }
}

/**
 * Returns the limiters of the backend in this process, for code that has no access to the
 * service: those of the backend that was started last, or new ones if there is none (yet).
 */
export function limitersOfProcess(): LimiterRegistry {
  latest ??= createLimiters([], { onWarning: () => {} });
  return latest;
}

/**
 * The limiters of a backend, one per host and credential, shared by all plugins.
 *
 * @remarks It has a default factory, so none needs to be installed.
 */
export const limitersServiceRef = createServiceRef<LimiterRegistry>({
  id: 'bitbucket-server.limiters',
  scope: 'root',
  defaultFactory: async service =>
    createServiceFactory({
      service,
      deps: { config: coreServices.rootConfig, logger: coreServices.rootLogger },
      factory: ({ config, logger }) => getLimiters(config, logger),
    }),
});
