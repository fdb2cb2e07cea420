/** Makes the limiters of a backend, and finds them where no service can be asked for. Wiring only. */

import {
  coreServices,
  createServiceFactory,
  createServiceRef,
} from '@backstage/backend-plugin-api';
import { Config } from '@backstage/config';
import { DEFAULTS } from '../config/configurationKeys';
import { readDiscoveryConfig } from '../config/readProviderConfigs';
import { ConfiguredProvider } from '../config/types';
import { AgreedLimits, agreeOnLimits } from '../http/agreeOnLimits';
import { getCredentialKey, LimiterRegistry } from '../http/LimiterRegistry';
import { Clock, systemClock } from '../util/clock';

/** For {@link createLimiters}. */
export interface CreateLimitersOptions {
  /** The machine's when left out. */
  readonly clock?: Clock;
  /** Told in a sentence where providers differ, and of what the server tells in error. */
  readonly onWarning: (message: string) => void;
}

/** Makes limiters that keep to what all providers have agreed on. */
export function createLimiters(
  providers: readonly ConfiguredProvider[],
  { clock = systemClock, onWarning }: CreateLimitersOptions,
): LimiterRegistry {
  return new LimiterRegistry({
    agreed: agreedBy(providers, onWarning),
    defaultConcurrency: DEFAULTS.concurrency,
    clock,
    onWarning,
  });
}

/** @param onWarning - told in a sentence where providers differ */
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

/** The limiters of the backend with this configuration, made where it has none yet. */
export function getLimiters(
  config: Config,
  onWarning: (message: string) => void,
): LimiterRegistry {
  const limiters =
    byConfig.get(config) ?? createLimiters(readProviders(config), { onWarning });
  byConfig.set(config, limiters);
  latest = limiters;
  return limiters;
}

/** What cannot be read keeps discovery from starting, which says why; others may go on. */
function readProviders(config: Config): readonly ConfiguredProvider[] {
  try {
    return readDiscoveryConfig(config).providers;
  } catch {
    return [];
  }
}

/**
 * The limiters of the backend in this process, for who cannot ask for the service: those
 * of the one that was started last, or some of their own where there is none (yet).
 */
export function limitersOfProcess(): LimiterRegistry {
  latest ??= createLimiters([], { onWarning: () => {} });
  return latest;
}

/**
 * The limiters of a backend, one per host and credential, shared by all plugins.
 *
 * @remarks Nobody needs to install a factory.
 */
export const limitersServiceRef = createServiceRef<LimiterRegistry>({
  id: 'bitbucket-server.limiters',
  scope: 'root',
  defaultFactory: async service =>
    createServiceFactory({
      service,
      deps: { config: coreServices.rootConfig, logger: coreServices.rootLogger },
      factory: ({ config, logger }) =>
        getLimiters(config, warning => logger.warn(warning)),
    }),
});
