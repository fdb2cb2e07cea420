/**
 * Reads one provider, defaults filled in. Faults are added to the section's problems;
 * whoever opened the section throws once everything is read.
 */

import {
  readSchedulerServiceTaskScheduleDefinitionFromConfig,
  SchedulerServiceTaskScheduleDefinition,
} from '@backstage/backend-plugin-api';
import { stringifyError } from '@backstage/errors';
import { parseCatalogPath } from '../filters/catalogPaths';
import { CatalogPath } from '../filters/types';
import { MIN_REQUESTS_PER_SECOND, RateLimitSetting } from '../http/types';
import { isAddressable } from '../util/text';
import { ConfigSection, describeValue, isJsonObject } from './ConfigSection';
import {
  DEFAULT_CATALOG_PATH,
  DEFAULT_CONCURRENCY,
  DEFAULT_MAX_FILES_PER_REPOSITORY,
  DEFAULT_RATE_LIMIT,
  DEFAULT_REMOVALS_HOLD_FOR,
  DEFAULT_REMOVALS_MAX_PERCENTAGE,
  DEFAULT_REQUEST_TIMEOUT,
  DEFAULT_SCHEDULE,
  DEFAULT_VALIDATE_LOCATIONS_EXIST,
  findNearest,
  keysOf,
} from './configurationKeys';
import { readCredentials } from './readIntegrations';
import { readFilters } from './readFilters';
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
  if (name !== undefined && !isBranchName(name)) {
    provider.addProblem(
      'branch',
      `must be the short name of a branch, such as main, but is ${describeValue(text)}; leave the key out to look on the default branch of each repository`,
    );
    return undefined;
  }
  return name;
}

function isBranchName(name: string): boolean {
  return !['', 'HEAD'].includes(name) && !name.startsWith('refs/') && isAddressable(name);
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

/** Five or six fields, or a name such as `@hourly`. */
const CRON = /^(@[a-z]+|\S+(\s+\S+){4,5})$/;

/**
 * Reads the schedule; faults are added to the section's problems.
 *
 * @param provider - the section that holds the key `schedule`
 */
function readSchedule(provider: ConfigSection): SchedulerServiceTaskScheduleDefinition {
  if (!provider.has('schedule')) {
    return DEFAULT_SCHEDULE;
  }
  const problemsBefore = provider.problemCount;
  const schedule = provider.section('schedule', [
    'frequency',
    'timeout',
    'initialDelay',
    'scope',
  ]);
  // What is no object at all is one fault, not three.
  if (isJsonObject(provider.value('schedule'))) {
    checkSchedule(schedule);
  }
  if (provider.problemCount > problemsBefore) {
    return DEFAULT_SCHEDULE;
  }
  try {
    const read = readSchedulerServiceTaskScheduleDefinitionFromConfig(schedule.config);
    return read.scope === 'local' ? { ...read, scope: 'global' } : read;
  } catch (error) {
    provider.addProblem('schedule', `cannot be read: ${stringifyError(error)}`);
    return DEFAULT_SCHEDULE;
  }
}

/** Backstage would take a frequency of 0, or a cron expression that is no text. */
function checkSchedule(schedule: ConfigSection): void {
  const minutes = (duration: { minutes: number }) => `{ minutes: ${duration.minutes} }`;
  if (
    schedule.require(
      'frequency',
      `set it, such as ${minutes(DEFAULT_SCHEDULE.frequency)}`,
    ) &&
    !checkSpecialFrequency(schedule)
  ) {
    schedule.durationMs('frequency', DEFAULT_SCHEDULE.frequency, { zero: false });
  }
  if (
    schedule.require('timeout', `set it, such as ${minutes(DEFAULT_SCHEDULE.timeout)}`)
  ) {
    schedule.durationMs('timeout', DEFAULT_SCHEDULE.timeout, { zero: false });
  }
  schedule.durationMs('initialDelay', {}, { zero: true });
  if (schedule.value('scope') === 'local') {
    schedule.addWarning(
      'scope',
      'is taken for "global"; delete this line: each replica would run by itself and undo what the others found',
    );
  } else {
    schedule.oneOf('scope', ['global']);
  }
}

/** @returns whether the frequency is one of the two kinds that are no duration */
function checkSpecialFrequency(schedule: ConfigSection): boolean {
  const value = schedule.value('frequency');
  if (!isJsonObject(value) || !('cron' in value || 'trigger' in value)) {
    return false;
  }
  if ('trigger' in value) {
    schedule.section('frequency', ['trigger']).oneOf('trigger', ['manual']);
    return true;
  }
  const cron = schedule.section('frequency', ['cron']);
  const expression = cron.string('cron');
  if (expression !== undefined && !CRON.test(expression.trim())) {
    cron.addProblem(
      'cron',
      `must be a cron expression of five or six fields, such as "*/30 * * * *", but is ${describeValue(expression)}`,
    );
  }
  return true;
}
