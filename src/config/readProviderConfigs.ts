/**
 * Reads `catalog.providers.bitbucketServer`: a single provider or a map of providers.
 * Used by the module when the backend starts and by the command line. Refuses everything
 * that it does not know, so that no setting silently has no effect.
 */

import { Config, ConfigReader } from '@backstage/config';
import { InputError } from '@backstage/errors';
import { BitbucketServerIntegrationConfig } from '@backstage/integration';
import { JsonObject, JsonValue } from '@backstage/types';
import {
  ConfigFindings,
  ConfigSection,
  describeKind,
  describeValue,
} from './ConfigSection';
import { DEFAULT_PROVIDER_ID, listKeys } from './configurationKeys';
import {
  checkIntegration,
  openIntegrations,
  toIntegrationConfigs,
} from './readIntegrations';
import { readProviderConfig } from './readProviderConfig';
import { DiscoveryConfig, ProviderConfig, ProviderCredentials } from './types';
import { isFields } from '../util/fields';
import { sha256 } from '../util/text';

/** The key of all providers in the configuration. */
export const PROVIDERS_KEY = 'catalog.providers.bitbucketServer';

/** One provider as written in the configuration. */
interface ProviderEntry {
  readonly id: string;
  readonly path: string;
  readonly data: JsonObject;
}

/**
 * Reads every provider of the configuration and fills in the defaults.
 *
 * @param config - the root configuration of the backend
 * @returns the providers in the order of the configuration; empty when there are none
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
  const hosts = integrations.map(({ host }) => host);
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
    // Of several integrations with the same host, Backstage takes the first.
    ({ host }, index) =>
      hosts.indexOf(host) === index && providers.some(provider => provider.host === host),
  );
  used.forEach(integration => checkIntegration(integration, providers));
  refuse(problems);
  const byHost = new Map(
    toIntegrationConfigs(used).map(integration => [integration.host, integration]),
  );
  return {
    providers: providers.flatMap(provider => {
      const integration = byHost.get(provider.host);
      return integration
        ? {
            config: provider,
            integration: withOwnCredentials(integration, provider.credentials),
            catalogIntegration: integration,
            written: writtenById.get(provider.id) ?? {},
          }
        : [];
    }),
    warnings,
  };
}

/** No other key holds a secret. */
function withoutSecrets({
  token: _token,
  username: _username,
  password: _password,
  ...rest
}: JsonObject): JsonObject {
  return rest;
}

/** Replaces all credentials: a remaining token would win over the user. */
function withOwnCredentials(
  integration: BitbucketServerIntegrationConfig,
  credentials: ProviderCredentials | undefined,
): BitbucketServerIntegrationConfig {
  const none = { token: undefined, username: undefined, password: undefined };
  return credentials ? { ...integration, ...none, ...credentials } : integration;
}

function listProviders(value: JsonValue, problems: string[]): ProviderEntry[] {
  if (!isFields(value)) {
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

/** Any word may be an id, also the name of a key; its value shows which of the two it is. */
function isProviderKeyWithoutProvider(
  key: string,
  entry: JsonValue | undefined,
): boolean {
  return listKeys().includes(key) && !(isFields(entry) && 'host' in entry);
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
  if (!isFields(entry)) {
    problems.push(
      `${path} must be a provider, an object with at least a host, but is ${describeKind(entry)}; a single provider has its host directly below ${PROVIDERS_KEY}`,
    );
    return [];
  }
  return [{ id, path, data: entry }];
}

/** Entity names are compared case-insensitively. */
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

/** @throws InputError that lists every fault, if there is any */
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

const ANCHOR_PREFIX = 'bitbucket-server-';

/** Backstage accepts no longer entity names (catalog-model, `isValidObjectName`). */
const MAX_NAME_LENGTH = 63;
const HASH_LENGTH = 8;

/**
 * Returns the entity name of the anchor, the Location that represents a provider in the catalog
 * and lets users start a run: `bitbucket-server-<id>`.
 *
 * @remarks Characters that entity names cannot contain become `-`. An id that is too long, or
 * has no allowed character, is identified by eight digits of its SHA-256. The same id
 * always yields the same name. Entity names are compared case-insensitively.
 *
 * @param id - the id of the provider
 */
export function anchorEntityName(id: string): string {
  const readable = id.replace(/[^A-Za-z0-9_.-]+/g, '-').replace(/[^A-Za-z0-9]+$/, '');
  if (readable !== '' && ANCHOR_PREFIX.length + readable.length <= MAX_NAME_LENGTH) {
    return ANCHOR_PREFIX + readable;
  }
  const hash = sha256(id).slice(0, HASH_LENGTH);
  const room = MAX_NAME_LENGTH - ANCHOR_PREFIX.length - HASH_LENGTH - 1;
  const start = readable.slice(0, room);
  return start === '' ? ANCHOR_PREFIX + hash : `${ANCHOR_PREFIX}${start}-${hash}`;
}
