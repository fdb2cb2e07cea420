/** The text of each configuration key in the tables of the guide. */

import { CONFIGURATION_KEYS, DEFAULTS } from '../src/config/configurationKeys';
import { HumanDuration } from '@backstage/types';
import { READING_DEFAULTS } from '../src/config/readReadingConfig';

interface DocumentedKey {
  /** As the documentation shows it: a value, a duration or a few words. */
  readonly default: string;
  /** One sentence in Markdown; links are relative to the root of the package. */
  readonly meaning: string;
}

/** All keys of a provider. */
export const PROVIDER_KEYS: Readonly<
  Record<(typeof CONFIGURATION_KEYS)[number], DocumentedKey>
> = {
  host: {
    default: 'required',
    meaning: 'The `host` of one of `integrations.bitbucketServer`.',
  },
  catalogPath: {
    default: DEFAULTS.catalogPath,
    meaning:
      'A path from the root of the repository, or a list of paths; a path may be a glob such as `/**/catalog-info.yaml`.',
  },
  branch: {
    default: "the repository's default branch",
    meaning: 'Use this branch instead, in every repository.',
  },
  validateLocationsExist: {
    default: String(DEFAULTS.validateLocationsExist),
    meaning:
      '`false` registers a plain path of each repository without checking whether the file exists.',
  },
  maxFilesPerRepository: {
    default: String(DEFAULTS.maxFilesPerRepository),
    meaning: 'A repository with more catalog files than this gets no new Locations.',
  },
  'filters.projectKey': {
    default: 'all',
    meaning:
      'Regular expression, not anchored: `PAY` also matches `PAYMENTS`, `^PAY$` does not.',
  },
  'filters.repoSlug': {
    default: 'all',
    meaning: 'Regular expression, not anchored.',
  },
  'filters.labels': {
    default: 'none',
    meaning: 'List of labels; a repository needs at least one of them.',
  },
  'filters.exclude.projectKey': {
    default: 'none',
    meaning: 'Regular expression; excludes what it matches, whatever other filters say.',
  },
  'filters.exclude.repoSlug': {
    default: 'none',
    meaning: 'Regular expression; excludes what it matches, whatever other filters say.',
  },
  'filters.exclude.labels': {
    default: 'none',
    meaning: 'List of labels; excludes repositories with any of them.',
  },
  'filters.skipArchivedRepos': {
    default: String(DEFAULTS.skipArchivedRepos),
    meaning: 'Exclude archived repositories.',
  },
  'filters.skipForkedRepos': {
    default: String(DEFAULTS.skipForkedRepos),
    meaning: 'Exclude forks.',
  },
  'filters.personalRepos': {
    default: String(DEFAULTS.personalRepos),
    meaning: 'Include personal projects (`~user`).',
  },
  'filters.visibility': {
    default: 'any',
    meaning:
      '`public` includes only repositories that are public themselves or through their project, `private` only the others.',
  },
  schedule: {
    default: `every ${DEFAULTS.schedule.frequency.minutes} minutes, timeout ${DEFAULTS.schedule.timeout.minutes} minutes`,
    meaning:
      "A schedule of Backstage's scheduler; `frequency: { trigger: manual }` runs on demand only.",
  },
  concurrency: {
    default: String(DEFAULTS.concurrency),
    meaning: 'Requests in flight per host, 1 to 100.',
  },
  rateLimit: {
    default: DEFAULTS.rateLimit,
    meaning:
      "`auto` stays within the account's limit, `'off'` sets none, `{ requestsPerSecond, burst }` sets a fixed one.",
  },
  requestTimeout: {
    default: `${DEFAULTS.requestTimeout.seconds} seconds`,
    meaning: 'How long one attempt of a request may take, at most 10 minutes.',
  },
  search: {
    default: DEFAULTS.search,
    meaning: "Code search as a hint where the server offers it; `'off'` never uses it.",
  },
  'recheck.found': {
    default: `${DEFAULTS.recheck.found.hours} hours`,
    meaning:
      'How long runs assume that a file they found [still exists](docs/configuration.md#how-often-runs-check).',
  },
  'recheck.absent': {
    default: `${DEFAULTS.recheck.absent.hours} hours`,
    meaning:
      'How long runs assume that a repository has no catalog file, where code search covers it.',
  },
  'removals.maxPercentage': {
    default: String(DEFAULTS.removals.maxPercentage),
    meaning:
      'A run that would remove more than this percentage of the known Locations [holds the removal back](#held-removals).',
  },
  'removals.holdFor': {
    default: `${DEFAULTS.removals.holdFor.hours} hours`,
    meaning:
      'A removal that every run has confirmed for this long happens without approval.',
  },
  token: {
    default: "the integration's",
    meaning:
      'HTTP access token for the requests of this provider only; the catalog reads files with the credentials of the integration.',
  },
  username: {
    default: "the integration's",
    meaning: 'User for the requests of this provider, together with `password`.',
  },
  password: {
    default: "the integration's",
    meaning: 'Password of `username`, or an HTTP access token of that user.',
  },
};

/** All keys of the URL reader. */
export const READING_KEYS: Readonly<
  Record<
    keyof typeof READING_DEFAULTS,
    { readonly default: HumanDuration; readonly meaning: string }
  >
> = {
  maxAge: {
    default: READING_DEFAULTS.maxAge,
    meaning:
      'How long a file that was read counts as current while no event reports a change.',
  },
  maxWait: {
    default: READING_DEFAULTS.maxWait,
    meaning: 'How long a read waits for its turn and for retries, at most 5 minutes.',
  },
  staleIfUnavailable: {
    default: READING_DEFAULTS.staleIfUnavailable,
    meaning:
      'How long the catalog keeps using the files it has read while Bitbucket does not answer.',
  },
};
