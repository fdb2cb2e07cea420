/**
 * Reads `catalog.providers.bitbucketServer`: one provider directly or a map of them.
 * Used by the module when the backend starts and by the command line. Everything that
 * is not understood is refused, so that no setting is ever silently without effect.
 */

import { Config, ConfigReader } from '@backstage/config';
import { InputError } from '@backstage/errors';
import { BitbucketServerIntegrationConfig } from '@backstage/integration';
import { JsonObject, JsonValue } from '@backstage/types';
import { anchorEntityName } from './anchorEntityName';
import {
  ConfigFindings,
  ConfigSection,
  describeKind,
  describeValue,
  isJsonObject,
} from './ConfigSection';
import { DEFAULT_PROVIDER_ID, listKeys } from './configurationKeys';
import {
  checkIntegration,
  openIntegrations,
  toIntegrationConfigs,
} from './readIntegrations';
import { readProviderConfig } from './readProviderConfig';
import { DiscoveryConfig, ProviderConfig, ProviderCredentials } from './types';

const PROVIDERS_KEY = 'catalog.providers.bitbucketServer';

/** One provider as it stands in the configuration. */
interface ProviderEntry {
  readonly id: string;
  readonly path: string;
  readonly data: JsonObject;
}

/**
 * Reads every provider of the configuration, defaults filled in.
 *
 * @param config - the root configuration of the backend
 * @returns in the configuration's order; empty when there is none
 * @throws InputError naming, for every fault, the full key, the bad value and the remedy
 */
export function readDiscoveryConfig(config: Config): DiscoveryConfig {
  const value = config.getOptional(PROVIDERS_KEY);
  if (value === undefined) {
    return { providers: [], warnings: [] };
  }
  const findings: ConfigFindings = { problems: [], warnings: [] };
  const { problems, warnings } = findings;
  const entries = listProviders(value, problems);
  const integrations = entries.length > 0 ? openIntegrations(config, findings) : [];
  const hosts = integrations.map(one => one.host);
  const providers = entries.map(({ id, path, data }) =>
    readProviderConfig(
      id,
      new ConfigSection(new ConfigReader(data, 'app-config'), path, findings),
      hosts,
    ),
  );
  const writtenById = new Map(entries.map(({ id, data }) => [id, withoutSecrets(data)]));
  refuseSharedAnchors(providers, problems);
  const used = integrations.filter(
    // Of several with one host, Backstage takes the first.
    ({ host }, index) =>
      hosts.indexOf(host) === index && providers.some(one => one.host === host),
  );
  used.forEach(one => checkIntegration(one, providers));
  refuse(problems);
  const byHost = new Map(toIntegrationConfigs(used).map(one => [one.host, one]));
  return {
    providers: providers.flatMap(one => {
      const integration = byHost.get(one.host);
      return integration
        ? {
            config: one,
            integration: withOwnCredentials(integration, one.credentials),
            catalogIntegration: integration,
            written: writtenById.get(one.id) ?? {},
          }
        : [];
    }),
    warnings,
  };
}

/** Nothing below other keys is secret. */
function withoutSecrets({
  token: _token,
  username: _username,
  password: _password,
  ...rest
}: JsonObject): JsonObject {
  return rest;
}

/** All of them: a token beside a user would win over it. */
function withOwnCredentials(
  integration: BitbucketServerIntegrationConfig,
  credentials: ProviderCredentials | undefined,
): BitbucketServerIntegrationConfig {
  const none = { token: undefined, username: undefined, password: undefined };
  return credentials ? { ...integration, ...none, ...credentials } : integration;
}

function listProviders(value: JsonValue, problems: string[]): ProviderEntry[] {
  if (!isJsonObject(value)) {
    problems.push(
      `${PROVIDERS_KEY} must be a provider with a host or a map of providers, but is ${describeValue(value)}`,
    );
    return [];
  }
  if ('host' in value) {
    return [{ id: DEFAULT_PROVIDER_ID, path: PROVIDERS_KEY, data: value }];
  }
  const entries = Object.entries(value);
  const stray = entries.find(([key, entry]) => isProviderKeyWithoutProvider(key, entry));
  if (stray !== undefined) {
    problems.push(
      `${PROVIDERS_KEY}.host is missing: ${stray[0]} is a key of a provider, and a provider without an id needs its host beside it; add the host of an integration, or write ${PROVIDERS_KEY}.<id>.${stray[0]}`,
    );
    return [];
  }
  return entries.flatMap(([id, entry]) => listMapEntry(id, entry, problems));
}

/** Any word may be an id, also the name of a key; what lies below it tells which it is. */
function isProviderKeyWithoutProvider(
  key: string,
  entry: JsonValue | undefined,
): boolean {
  return listKeys().includes(key) && !(isJsonObject(entry) && 'host' in entry);
}

function listMapEntry(
  id: string,
  entry: JsonValue | undefined,
  problems: string[],
): ProviderEntry[] {
  const path = `${PROVIDERS_KEY}.${id}`;
  if (id.trim() === '') {
    problems.push(`${PROVIDERS_KEY} has a provider with an empty id; name it`);
    return [];
  }
  if (!isJsonObject(entry)) {
    problems.push(
      `${path} must be a provider, an object with at least a host, but is ${describeKind(entry)}; a single provider has its host directly below ${PROVIDERS_KEY}`,
    );
    return [];
  }
  return [{ id, path, data: entry }];
}

/** Entity names are compared without regard to case. */
function refuseSharedAnchors(
  providers: readonly ProviderConfig[],
  problems: string[],
): void {
  const idsByName = new Map<string, string>();
  for (const { id } of providers) {
    const name = anchorEntityName(id).toLowerCase();
    const other = idsByName.get(name);
    if (other !== undefined) {
      problems.push(
        `${PROVIDERS_KEY}.${id} would share the entity location:default/${name} with the provider ${describeValue(other)}; rename one of them`,
      );
    }
    idsByName.set(name, id);
  }
}

/** @throws InputError that tells of every fault, if there is any */
export function refuse(problems: readonly string[]): void {
  if (problems.length === 1) {
    throw new InputError(problems.join());
  }
  if (problems.length > 1) {
    throw new InputError(
      `The configuration has ${problems.length} faults:\n${problems.map(problem => `- ${problem}`).join('\n')}`,
    );
  }
}
