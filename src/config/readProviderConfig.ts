/**
 * Reads one provider and fills in the defaults. Faults are added to the section's problems;
 * the caller that opened the section throws once everything is read.
 */

import {
  readSchedulerServiceTaskScheduleDefinitionFromConfig,
  SchedulerServiceTaskScheduleDefinition,
} from '@backstage/backend-plugin-api';
import { stringifyError } from '@backstage/errors';
import { parseCatalogPath } from '../filters/catalogPaths';
import { CatalogPath } from '../filters/types';
import { MIN_REQUESTS_PER_SECOND, RateLimitSetting } from '../http/types';
import { isFields } from '../util/fields';
import { isAddressable } from '../util/text';
import { ConfigSection, describeValue } from './ConfigSection';
import { DEFAULTS, findNearest, listKeys } from './configurationKeys';
import { readCredentials } from './readIntegrations';
import { readFilters } from './readFilters';
import { ProviderConfig } from './types';

const MAX_CONCURRENCY = 100;
/** The most files that Bitbucket lists in one page; each becomes an entity. */
const MAX_FILES_PER_REPOSITORY = 100_000;
/** A request that takes longer will not be answered, and would outlast the schedule's timeout. */
const MAX_REQUEST_TIMEOUT = { ms: 600_000, text: '10 minutes' };
/** A longer interval is more likely a mistake than intended. */
const RECHECK_RANGE = { zero: true, max: { ms: 30 * 86_400_000, text: '30 days' } };

/**
 * Reads one provider.
 *
 * @param id - the id of the provider
 * @param provider - the section of the provider
 * @param integrationHosts - every `integrations.bitbucketServer[].host`
 */
export function readProviderConfig(
  id: string,
  provider: ConfigSection,
  integrationHosts: readonly string[],
): ProviderConfig {
  provider.allowOnly(listKeys());
  const recheck = provider.section('recheck', listKeys('recheck'));
  const removals = provider.section('removals', listKeys('removals'));
  return {
    id,
    host: readHost(provider, integrationHosts),
    credentials: readCredentials(provider, { tokenWins: false }),
    catalogPaths: readCatalogPaths(provider),
    branch: readBranch(provider),
    validateLocationsExist: provider.boolean(
      'validateLocationsExist',
      DEFAULTS.validateLocationsExist,
    ),
    maxFilesPerRepository: provider.number(
      'maxFilesPerRepository',
      DEFAULTS.maxFilesPerRepository,
      { min: 1, max: MAX_FILES_PER_REPOSITORY, integer: true },
    ),
    filters: readFilters(provider),
    schedule: readSchedule(provider),
    concurrency: provider.number('concurrency', DEFAULTS.concurrency, {
      min: 1,
      max: MAX_CONCURRENCY,
      integer: true,
    }),
    rateLimit: readRateLimit(provider),
    requestTimeoutMs: provider.durationMs('requestTimeout', DEFAULTS.requestTimeout, {
      zero: false,
      max: MAX_REQUEST_TIMEOUT,
    }),
    search: provider.oneOf('search', ['auto', 'off']) ?? DEFAULTS.search,
    recheck: {
      foundMs: recheck.durationMs('found', DEFAULTS.recheck.found, RECHECK_RANGE),
      absentMs: recheck.durationMs('absent', DEFAULTS.recheck.absent, RECHECK_RANGE),
    },
    removals: {
      maxPercentage: removals.number('maxPercentage', DEFAULTS.removals.maxPercentage, {
        min: 0,
        max: 100,
      }),
      holdForMs: removals.durationMs('holdFor', DEFAULTS.removals.holdFor, {
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

/** Refuses a repeated path, like every other setting that would have no effect. */
function readCatalogPaths(provider: ConfigSection): CatalogPath[] {
  const value = provider.value('catalogPath') ?? DEFAULTS.catalogPath;
  const entries = Array.isArray(value)
    ? value.map((entry, index) => ({ key: `catalogPath[${index}]`, entry }))
    : [{ key: 'catalogPath', entry: value }];
  if (entries.length === 0) {
    provider.addProblem(
      'catalogPath',
      `is an empty list, so nothing could be found; name a path, or leave the key out for ${DEFAULTS.catalogPath}`,
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
 * Reads the short name, because Backstage's URL reader cannot read a glob with a full ref
 * (`@backstage/backend-defaults` 0.18.0, `BitbucketServerUrlReader`). Whether the branch
 * exists depends on each repository.
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
  const value = provider.value('rateLimit') ?? DEFAULTS.rateLimit;
  if (value === 'auto' || value === 'off') {
    return { kind: value };
  }
  if (!isFields(value)) {
    provider.addBadValue(
      'rateLimit',
      'must be "auto", "off" (in quotes) or { requestsPerSecond, burst }',
    );
    return { kind: DEFAULTS.rateLimit };
  }
  const section = provider.section('rateLimit', ['requestsPerSecond', 'burst']);
  section.require('requestsPerSecond', 'set it too, such as 4');
  section.require('burst', 'set it too, such as 30');
  const requestsPerSecond = section.number('requestsPerSecond', 1, {
    min: 0,
    aboveMin: true,
  });
  if (requestsPerSecond < MIN_REQUESTS_PER_SECOND) {
    section.addWarning(
      'requestsPerSecond',
      `is ${requestsPerSecond}, so slow that every run would end by its timeout: ${MIN_REQUESTS_PER_SECOND} is used instead; set it to that or more`,
    );
  }
  return {
    kind: 'fixed',
    requestsPerSecond: Math.max(requestsPerSecond, MIN_REQUESTS_PER_SECOND),
    burst: section.number('burst', 1, { min: 1, integer: true }),
  };
}

/** Five or six fields, or a name such as `@hourly`. */
const CRON = /^(@[a-z]+|\S+(\s+\S+){4,5})$/;

/** Distinguishes a cron expression from a duration such as `1 hour 2 minutes 3 seconds`. */
const CRON_ONLY = /^@|\*|^[\d\s,/-]+$/;

/**
 * Reads the schedule; faults are added to the section's problems.
 *
 * @param provider - the section that holds the key `schedule`
 */
function readSchedule(provider: ConfigSection): SchedulerServiceTaskScheduleDefinition {
  if (!provider.has('schedule')) {
    return DEFAULTS.schedule;
  }
  const problemsBefore = provider.problemCount;
  const keys = ['frequency', 'timeout', 'initialDelay', 'scope'];
  const schedule = provider.section('schedule', keys);
  // A schedule that is not an object is one fault, not three.
  if (isFields(provider.value('schedule'))) {
    checkSchedule(schedule);
  }
  if (provider.problemCount > problemsBefore) {
    return DEFAULTS.schedule;
  }
  try {
    const read = readSchedulerServiceTaskScheduleDefinitionFromConfig(schedule.config);
    return read.scope === 'local' ? { ...read, scope: 'global' } : read;
  } catch (error) {
    provider.addProblem('schedule', `cannot be read: ${stringifyError(error)}`);
    return DEFAULTS.schedule;
  }
}

/** Backstage would accept a frequency of 0, or a cron expression that is not a string. */
function checkSchedule(schedule: ConfigSection): void {
  for (const key of ['frequency', 'timeout'] as const) {
    const fallback = DEFAULTS.schedule[key];
    if (
      schedule.require(key, `set it, such as { minutes: ${fallback.minutes} }`) &&
      !(key === 'frequency' && checkSpecialFrequency(schedule))
    ) {
      schedule.durationMs(key, fallback, { zero: false });
    }
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

function isCron(text: string): boolean {
  return CRON.test(text.trim());
}

/** @returns whether the frequency is one of the two kinds that are not a duration */
function checkSpecialFrequency(schedule: ConfigSection): boolean {
  const value = schedule.value('frequency');
  if (typeof value === 'string' && isCron(value) && CRON_ONLY.test(value.trim())) {
    schedule.addBadValue(
      'frequency',
      'must be written as { cron: "…" } where it is a cron expression',
    );
    return true;
  }
  if (!isFields(value) || !('cron' in value || 'trigger' in value)) {
    return false;
  }
  if ('trigger' in value) {
    schedule.section('frequency', ['trigger']).oneOf('trigger', ['manual']);
    return true;
  }
  const cron = schedule.section('frequency', ['cron']);
  const expression = cron.string('cron');
  if (expression !== undefined && !isCron(expression)) {
    cron.addBadValue(
      'cron',
      'must be a cron expression of five or six fields, such as "*/30 * * * *"',
    );
  }
  return true;
}
