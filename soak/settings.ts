/** The settings of a provider in a world: for app-config and for the checks. */

import { JsonObject } from '@backstage/types';
import fc from 'fast-check';

/** The id of the only provider. */
export const PROVIDER_ID = 'default';

/** One configuration of the provider. */
export interface ProviderSettings {
  /** Relative to the repository root, without leading slash. */
  readonly catalogPaths: readonly string[];
  readonly branch?: string;
  readonly validateLocationsExist: boolean;
  readonly filters: FilterSettings;
  readonly concurrency: number;
  readonly rateLimit:
    'auto' | 'off' | { readonly requestsPerSecond: number; readonly burst: number };
  readonly search: 'auto' | 'off';
  readonly recheckFoundHours: number;
  readonly maxPercentage: number;
  readonly holdForHours: number;
}

/** Patterns are regular expressions, tested unanchored. */
export interface FilterSettings {
  readonly projectKey?: string;
  readonly repoSlug?: string;
  readonly excludeProjectKey?: string;
  readonly excludeRepoSlug?: string;
  readonly labels?: readonly string[];
  readonly excludeLabels?: readonly string[];
  readonly skipArchivedRepos: boolean;
  readonly skipForkedRepos: boolean;
  readonly personalRepos: boolean;
  readonly visibility?: 'public' | 'private';
}

/** Returns the provider as written in app-config. */
export function toProviderConfig(host: string, settings: ProviderSettings): JsonObject {
  const { filters } = settings;
  return {
    host,
    catalogPath: [...settings.catalogPaths],
    ...(settings.branch !== undefined && { branch: settings.branch }),
    validateLocationsExist: settings.validateLocationsExist,
    filters: {
      ...present({
        projectKey: filters.projectKey,
        repoSlug: filters.repoSlug,
        labels: filters.labels && [...filters.labels],
        visibility: filters.visibility,
      }),
      exclude: present({
        projectKey: filters.excludeProjectKey,
        repoSlug: filters.excludeRepoSlug,
        labels: filters.excludeLabels && [...filters.excludeLabels],
      }),
      skipArchivedRepos: filters.skipArchivedRepos,
      skipForkedRepos: filters.skipForkedRepos,
      personalRepos: filters.personalRepos,
    },
    concurrency: settings.concurrency,
    rateLimit: settings.rateLimit,
    search: settings.search,
    recheck: { found: { hours: settings.recheckFoundHours } },
    removals: {
      maxPercentage: settings.maxPercentage,
      holdFor: { hours: settings.holdForHours },
    },
  };
}

function present(object: Readonly<Record<string, JsonObject[string]>>): JsonObject {
  return Object.fromEntries(
    Object.entries(object).filter(([, value]) => value !== undefined),
  );
}

const seldom = fc.integer({ min: 0, max: 4 }).map(number => number === 4);

const filterSettings: fc.Arbitrary<FilterSettings> = fc.record({
  projectKey: fc.constantFrom(undefined, undefined, undefined, '^(PAY|OPS)$', 'PAY'),
  repoSlug: fc.constantFrom(undefined, undefined, undefined, '[a-d]'),
  excludeProjectKey: fc.constantFrom(undefined, undefined, undefined, '^LAB$'),
  excludeRepoSlug: fc.constantFrom(undefined, undefined, undefined, '^e'),
  labels: fc.constantFrom(undefined, undefined, undefined, undefined, ['catalog']),
  excludeLabels: fc.constantFrom(undefined, undefined, undefined, ['old']),
  skipArchivedRepos: fc.boolean(),
  skipForkedRepos: seldom,
  personalRepos: seldom,
  visibility: fc.constantFrom(undefined, undefined, undefined, undefined, 'private'),
});

/** Draws a valid configuration. */
export const providerSettings: fc.Arbitrary<ProviderSettings> = fc.record({
  catalogPaths: fc.constantFrom(
    ['catalog-info.yaml'],
    ['catalog-info.yaml'],
    ['**/catalog-info.yaml'],
    ['catalog-info.yaml', 'docs/catalog-info.yaml'],
    ['catalog-info.yaml', 'docs/*.yaml'],
  ),
  branch: fc.constantFrom(undefined, undefined, undefined, 'main', 'release'),
  validateLocationsExist: seldom.map(value => !value),
  filters: filterSettings,
  concurrency: fc.constantFrom(8, 1, 3),
  rateLimit: fc.constantFrom<ProviderSettings['rateLimit']>('off', 'auto', {
    requestsPerSecond: 5,
    burst: 3,
  }),
  search: fc.constantFrom('auto', 'off'),
  recheckFoundHours: fc.constantFrom(0, 6),
  maxPercentage: fc.constantFrom(30, 30, 100, 0, 60),
  holdForHours: fc.constantFrom(24, 1),
});
