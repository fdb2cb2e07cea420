/**
 * Every key of a provider and what holds when it is left out. The one list that the
 * reader, `config.d.ts`, `app-config.example.yaml` and the README are held to by a test.
 */

import { HumanDuration } from '@backstage/types';

/** The id of a provider that is configured directly instead of in a map. */
export const DEFAULT_PROVIDER_ID = 'default';

export const DEFAULT_CATALOG_PATH = '/catalog-info.yaml';
export const DEFAULT_VALIDATE_LOCATIONS_EXIST = true;
export const DEFAULT_MAX_FILES_PER_REPOSITORY = 1000;
export const DEFAULT_SKIP_ARCHIVED_REPOS = false;
export const DEFAULT_SKIP_FORKED_REPOS = false;
export const DEFAULT_PERSONAL_REPOS = false;
/** The timeout is shorter than the frequency, so that runs never overlap. */
export const DEFAULT_SCHEDULE = {
  frequency: { minutes: 30 },
  timeout: { minutes: 25 },
} as const satisfies { frequency: HumanDuration; timeout: HumanDuration };
export const DEFAULT_CONCURRENCY = 8;
export const DEFAULT_RATE_LIMIT = 'auto';
export const DEFAULT_REQUEST_TIMEOUT = { seconds: 30 } as const satisfies HumanDuration;
export const DEFAULT_REMOVALS_MAX_PERCENTAGE = 30;
export const DEFAULT_REMOVALS_HOLD_FOR = { hours: 24 } as const satisfies HumanDuration;

/** A key of a provider as the documentation lists it. */
export interface ConfigurationKey {
  /** Below the provider, dots between the levels. */
  readonly key: string;
  /** As a reader of the documentation sees it: a value, a duration or a few words. */
  readonly default: string;
}

/** All keys of a provider, in the order the documentation lists them. */
export const CONFIGURATION_KEYS: readonly ConfigurationKey[] = [
  { key: 'host', default: 'required' },
  { key: 'catalogPath', default: DEFAULT_CATALOG_PATH },
  { key: 'branch', default: "the repository's default branch" },
  { key: 'validateLocationsExist', default: String(DEFAULT_VALIDATE_LOCATIONS_EXIST) },
  { key: 'maxFilesPerRepository', default: String(DEFAULT_MAX_FILES_PER_REPOSITORY) },
  { key: 'filters.projectKey', default: 'all' },
  { key: 'filters.repoSlug', default: 'all' },
  { key: 'filters.labels', default: 'none' },
  { key: 'filters.exclude.projectKey', default: 'none' },
  { key: 'filters.exclude.repoSlug', default: 'none' },
  { key: 'filters.exclude.labels', default: 'none' },
  { key: 'filters.skipArchivedRepos', default: String(DEFAULT_SKIP_ARCHIVED_REPOS) },
  { key: 'filters.skipForkedRepos', default: String(DEFAULT_SKIP_FORKED_REPOS) },
  { key: 'filters.personalRepos', default: String(DEFAULT_PERSONAL_REPOS) },
  { key: 'filters.visibility', default: 'any' },
  {
    key: 'schedule',
    default: `every ${DEFAULT_SCHEDULE.frequency.minutes} minutes, timeout ${DEFAULT_SCHEDULE.timeout.minutes} minutes`,
  },
  { key: 'concurrency', default: String(DEFAULT_CONCURRENCY) },
  { key: 'rateLimit', default: DEFAULT_RATE_LIMIT },
  { key: 'requestTimeout', default: `${DEFAULT_REQUEST_TIMEOUT.seconds} seconds` },
  { key: 'removals.maxPercentage', default: String(DEFAULT_REMOVALS_MAX_PERCENTAGE) },
  { key: 'removals.holdFor', default: `${DEFAULT_REMOVALS_HOLD_FOR.hours} hours` },
  { key: 'token', default: "the integration's" },
  { key: 'username', default: "the integration's" },
  { key: 'password', default: "the integration's" },
];

/**
 * Lists the keys directly below a provider or one of its sections.
 *
 * @param section - such as `filters.exclude`; the provider itself when left out
 */
export function keysOf(section?: string): string[] {
  const prefix = section === undefined ? '' : `${section}.`;
  const names = CONFIGURATION_KEYS.filter(({ key }) => key.startsWith(prefix)).map(
    ({ key }) => key.slice(prefix.length).split('.', 1).join(),
  );
  return [...new Set(names)];
}
