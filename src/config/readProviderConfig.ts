/**
 * Reads one provider, defaults filled in. Faults are added to the section's problems;
 * whoever opened the section throws once everything is read.
 */

import { parseCatalogPath } from '../filters/catalogPaths';
import { CatalogPath } from '../filters/types';
import { MIN_REQUESTS_PER_SECOND, RateLimitSetting } from '../http/types';
import { ConfigSection } from './ConfigSection';
import {
  DEFAULT_CATALOG_PATH,
  DEFAULT_CONCURRENCY,
  DEFAULT_MAX_FILES_PER_REPOSITORY,
  DEFAULT_RATE_LIMIT,
  DEFAULT_REMOVALS_HOLD_FOR,
  DEFAULT_REMOVALS_MAX_PERCENTAGE,
  DEFAULT_REQUEST_TIMEOUT,
  DEFAULT_VALIDATE_LOCATIONS_EXIST,
  keysOf,
} from './configurationKeys';
import { describeValue, isJsonObject } from './jsonValues';
import { readCredentials } from './readCredentials';
import { readFilters } from './readFilters';
import { readSchedule } from './readSchedule';
import { findNearest } from './suggestKey';
import { ProviderConfig } from './types';

const MAX_CONCURRENCY = 100;
/** Bitbucket lists no more files of a repository in one page; each becomes an entity. */
const MAX_FILES_PER_REPOSITORY = 100_000;
/** A request that takes longer is dead, and would outlast the schedule's timeout. */
const MAX_REQUEST_TIMEOUT = { ms: 600_000, text: '10 minutes' };

/**
 * Reads one provider.
 *
 * @param id - the provider's
 * @param provider - its section
 * @param integrationHosts - every `integrations.bitbucketServer[].host`
 */
export function readProviderConfig(
  id: string,
  provider: ConfigSection,
  integrationHosts: readonly string[],
): ProviderConfig {
  provider.allowOnly(keysOf());
  const removals = provider.section('removals', keysOf('removals'));
  return {
    id,
    host: readHost(provider, integrationHosts),
    credentials: readCredentials(provider, { tokenWins: false }),
    catalogPaths: readCatalogPaths(provider),
    branch: readBranch(provider),
    validateLocationsExist: provider.boolean(
      'validateLocationsExist',
      DEFAULT_VALIDATE_LOCATIONS_EXIST,
    ),
    maxFilesPerRepository:
      provider.number('maxFilesPerRepository', {
        min: 1,
        max: MAX_FILES_PER_REPOSITORY,
        integer: true,
      }) ?? DEFAULT_MAX_FILES_PER_REPOSITORY,
    filters: readFilters(provider),
    schedule: readSchedule(provider),
    concurrency:
      provider.number('concurrency', { min: 1, max: MAX_CONCURRENCY, integer: true }) ??
      DEFAULT_CONCURRENCY,
    rateLimit: readRateLimit(provider),
    requestTimeoutMs: provider.durationMs('requestTimeout', DEFAULT_REQUEST_TIMEOUT, {
      zero: false,
      max: MAX_REQUEST_TIMEOUT,
    }),
    removals: {
      maxPercentage:
        removals.number('maxPercentage', { min: 0, max: 100 }) ??
        DEFAULT_REMOVALS_MAX_PERCENTAGE,
      holdForMs: removals.durationMs('holdFor', DEFAULT_REMOVALS_HOLD_FOR, {
        zero: true,
      }),
    },
  };
}

function readHost(provider: ConfigSection, integrationHosts: readonly string[]): string {
  const configured =
    integrationHosts.length === 0
      ? 'no host is configured under integrations.bitbucketServer yet, so add one there first'
      : `configured under integrations.bitbucketServer: ${integrationHosts.join(', ')}`;
  if (!provider.require('host', `set it to a host of an integration (${configured})`)) {
    return '';
  }
  const host = provider.string('host');
  if (host === undefined || integrationHosts.includes(host)) {
    return host ?? '';
  }
  const nearest = findNearest(host.replace(/^https?:\/\//, ''), integrationHosts);
  const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
  provider.addProblem(
    'host',
    `must be the host of an integration, without a scheme or a path, but is ${describeValue(host)}${hint} (${configured})`,
  );
  return host;
}

/** A path given twice is refused, like everything else that would have no effect. */
function readCatalogPaths(provider: ConfigSection): CatalogPath[] {
  const value = provider.value('catalogPath') ?? DEFAULT_CATALOG_PATH;
  const entries = Array.isArray(value)
    ? value.map((entry, index) => ({ key: `catalogPath[${index}]`, entry }))
    : [{ key: 'catalogPath', entry: value }];
  if (entries.length === 0) {
    provider.addProblem(
      'catalogPath',
      `is an empty list, so nothing could be found; name a path, or leave the key out for ${DEFAULT_CATALOG_PATH}`,
    );
  }
  const paths = new Map<string, CatalogPath>();
  for (const { key, entry } of entries) {
    if (typeof entry !== 'string') {
      provider.addProblem(
        key,
        `must be a path in quotes or a list of them, but is ${describeValue(entry)}`,
      );
      continue;
    }
    try {
      const path = parseCatalogPath(entry);
      const text = path.kind === 'plain' ? path.path : path.pattern;
      if (paths.has(text)) {
        provider.addProblem(key, `names ${describeValue(entry)} twice; remove one`);
      }
      paths.set(text, path);
    } catch (error) {
      provider.addParseProblem(key, entry, error);
    }
  }
  return [...paths.values()];
}

/**
 * The short name, because a glob with a full ref cannot be read by Backstage's URL reader
 * (`@backstage/backend-defaults` 0.18.0, `BitbucketServerUrlReader`). Whether there is such
 * a branch is Bitbucket's to say, for each repository.
 */
function readBranch(provider: ConfigSection): string | undefined {
  const text = provider.string('branch');
  const name = text?.trim().replace(/^refs\/heads\//, '');
  if (name === '' || name === 'HEAD' || name?.startsWith('refs/')) {
    provider.addProblem(
      'branch',
      `must be the short name of a branch, such as main, but is ${describeValue(text)}; leave the key out to look on the default branch of each repository`,
    );
    return undefined;
  }
  return name;
}

function readRateLimit(provider: ConfigSection): RateLimitSetting {
  const value = provider.value('rateLimit') ?? DEFAULT_RATE_LIMIT;
  if (value === 'auto' || value === 'off') {
    return { kind: value };
  }
  if (!isJsonObject(value)) {
    provider.addProblem(
      'rateLimit',
      `must be "auto", "off" (in quotes) or { requestsPerSecond, burst }, but is ${describeValue(value)}`,
    );
    return { kind: DEFAULT_RATE_LIMIT };
  }
  const section = provider.section('rateLimit', ['requestsPerSecond', 'burst']);
  section.require('requestsPerSecond', 'set it too, such as 4');
  section.require('burst', 'set it too, such as 30');
  const requestsPerSecond =
    section.number('requestsPerSecond', { min: 0, aboveMin: true }) ?? 1;
  if (requestsPerSecond < MIN_REQUESTS_PER_SECOND) {
    section.addWarning(
      'requestsPerSecond',
      `is ${requestsPerSecond}, so slow that every run would end by its timeout: ${MIN_REQUESTS_PER_SECOND} is used instead; set it to that or more`,
    );
  }
  return {
    kind: 'fixed',
    requestsPerSecond: Math.max(requestsPerSecond, MIN_REQUESTS_PER_SECOND),
    burst: section.number('burst', { min: 1, integer: true }) ?? 1,
  };
}
