/** Reads a provider as a backend would, for tests of the configuration. */

import { Config, ConfigReader } from '@backstage/config';
import { JsonObject, JsonValue } from '@backstage/types';
import { readDiscoveryConfig } from '../readProviderConfigs';
import { ProviderConfig } from '../types';

/** The host that is configured as an integration. */
export const HOST = 'bitbucket.example.com';

/** Reads any value of `catalog.providers.bitbucketServer`, with two integrations. */
export function readProviders(value: JsonValue): ProviderConfig[] {
  return readProviderConfigs(
    new ConfigReader({
      integrations: {
        bitbucketServer: [
          { host: HOST, username: 'backstage', password: 'hunter2' },
          { host: 'git.example.org:8443', token: 'hunter2' },
        ],
      },
      catalog: { providers: { bitbucketServer: value } },
    }),
  );
}

/** Reads the single form with a valid host and the given keys. */
export function readOneProvider(keys: JsonObject): ProviderConfig {
  const [provider] = readProviders({ host: HOST, ...keys });
  if (provider === undefined) {
    throw new Error('no provider was read');
  }
  return provider;
}

/** The message with which the configuration is refused. */
export function getRefusal(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof Error && error.name === 'InputError') {
      return error.message;
    }
    throw error;
  }
  throw new Error('the configuration was accepted');
}

/** Reads all of them, without their integrations. */
export function readProviderConfigs(config: Config): ProviderConfig[] {
  return readDiscoveryConfig(config).providers.map(provider => provider.config);
}
