/**
 * Every key of a provider with its default. A test compares the reader, `config.d.ts`,
 * `app-config.example.yaml` and the README with this list.
 */

/** The id of a provider that is configured directly instead of in a map. */
export const DEFAULT_PROVIDER_ID = 'default';

/** The values of keys that are left out. */
export const DEFAULTS = {
  catalogPath: '/catalog-info.yaml',
  validateLocationsExist: true,
  maxFilesPerRepository: 1000,
  skipArchivedRepos: false,
  skipForkedRepos: false,
  personalRepos: false,
  /** The timeout is shorter than the frequency, so that runs never overlap. */
  schedule: { frequency: { minutes: 30 }, timeout: { minutes: 25 } },
  concurrency: 8,
  rateLimit: 'auto',
  requestTimeout: { seconds: 30 },
  search: 'auto',
  recheck: { found: { hours: 6 }, absent: { hours: 24 } },
  removals: { maxPercentage: 30, holdFor: { hours: 24 } },
} as const;

/** A key of a provider as the documentation lists it. */
interface ConfigurationKey {
  /** Relative to the provider, with dots between the levels. */
  readonly key: string;
  /** As the documentation shows it: a value, a duration or a few words. */
  readonly default: string;
  /** One sentence in Markdown; links are relative to the root of the package. */
  readonly meaning: string;
}

/** All keys of a provider, in the order of the documentation. */
export const CONFIGURATION_KEYS: readonly ConfigurationKey[] = [
  {
    key: 'host',
    default: 'required',
    meaning: 'The `host` of one of `integrations.bitbucketServer`.',
  },
  {
    key: 'catalogPath',
    default: DEFAULTS.catalogPath,
    meaning:
      'A path from the root of the repository, or a list of paths; a path may be a glob such as `/**/catalog-info.yaml`.',
  },
  {
    key: 'branch',
    default: "the repository's default branch",
    meaning: 'Use this branch instead, in every repository.',
  },
  {
    key: 'validateLocationsExist',
    default: String(DEFAULTS.validateLocationsExist),
    meaning:
      '`false` registers a plain path of each repository without checking whether the file exists.',
  },
  {
    key: 'maxFilesPerRepository',
    default: String(DEFAULTS.maxFilesPerRepository),
    meaning: 'A repository with more catalog files than this gets no new Locations.',
  },
  {
    key: 'filters.projectKey',
    default: 'all',
    meaning:
      'Regular expression, not anchored: `PAY` also matches `PAYMENTS`, `^PAY$` does not.',
  },
  {
    key: 'filters.repoSlug',
    default: 'all',
    meaning: 'Regular expression, not anchored.',
  },
  {
    key: 'filters.labels',
    default: 'none',
    meaning: 'List of labels; a repository needs at least one of them.',
  },
  {
    key: 'filters.exclude.projectKey',
    default: 'none',
    meaning: 'Regular expression; excludes what it matches, whatever other filters say.',
  },
  {
    key: 'filters.exclude.repoSlug',
    default: 'none',
    meaning: 'Regular expression; excludes what it matches, whatever other filters say.',
  },
  {
    key: 'filters.exclude.labels',
    default: 'none',
    meaning: 'List of labels; excludes repositories with any of them.',
  },
  {
    key: 'filters.skipArchivedRepos',
    default: String(DEFAULTS.skipArchivedRepos),
    meaning: 'Exclude archived repositories.',
  },
  {
    key: 'filters.skipForkedRepos',
    default: String(DEFAULTS.skipForkedRepos),
    meaning: 'Exclude forks.',
  },
  {
    key: 'filters.personalRepos',
    default: String(DEFAULTS.personalRepos),
    meaning: 'Include personal projects (`~user`).',
  },
  {
    key: 'filters.visibility',
    default: 'any',
    meaning:
      '`public` includes only repositories that are public themselves or through their project, `private` only the others.',
  },
  {
    key: 'schedule',
    default: `every ${DEFAULTS.schedule.frequency.minutes} minutes, timeout ${DEFAULTS.schedule.timeout.minutes} minutes`,
    meaning:
      "A schedule of Backstage's scheduler; `frequency: { trigger: manual }` runs on demand only.",
  },
  {
    key: 'concurrency',
    default: String(DEFAULTS.concurrency),
    meaning: 'Requests in flight per host, 1 to 100.',
  },
  {
    key: 'rateLimit',
    default: DEFAULTS.rateLimit,
    meaning:
      "`auto` stays within the account's limit, `'off'` sets none, `{ requestsPerSecond, burst }` sets a fixed one.",
  },
  {
    key: 'requestTimeout',
    default: `${DEFAULTS.requestTimeout.seconds} seconds`,
    meaning: 'How long one attempt of a request may take, at most 10 minutes.',
  },
  {
    key: 'search',
    default: DEFAULTS.search,
    meaning: "Code search as a hint where the server offers it; `'off'` never uses it.",
  },
  {
    key: 'recheck.found',
    default: `${DEFAULTS.recheck.found.hours} hours`,
    meaning:
      'How long runs assume that a file they found [still exists](docs/configuration.md#how-often-runs-check).',
  },
  {
    key: 'recheck.absent',
    default: `${DEFAULTS.recheck.absent.hours} hours`,
    meaning:
      'How long runs assume that a repository has no catalog file, where code search covers it.',
  },
  {
    key: 'removals.maxPercentage',
    default: String(DEFAULTS.removals.maxPercentage),
    meaning:
      'A run that would remove more than this percentage of the known Locations [holds the removal back](#held-removals).',
  },
  {
    key: 'removals.holdFor',
    default: `${DEFAULTS.removals.holdFor.hours} hours`,
    meaning:
      'A removal that every run has confirmed for this long happens without approval.',
  },
  {
    key: 'token',
    default: "the integration's",
    meaning:
      'HTTP access token for the requests of this provider only; the catalog reads files with the credentials of the integration.',
  },
  {
    key: 'username',
    default: "the integration's",
    meaning: 'User for the requests of this provider, together with `password`.',
  },
  {
    key: 'password',
    default: "the integration's",
    meaning: 'Password of `username`, or an HTTP access token of that user.',
  },
];

/**
 * Lists the keys directly below a provider or one of its sections.
 *
 * @param section - such as `filters.exclude`; the provider itself when left out
 */
export function listKeys(section?: string): string[] {
  const prefix = section === undefined ? '' : `${section}.`;
  const names = CONFIGURATION_KEYS.filter(({ key }) => key.startsWith(prefix)).map(
    ({ key }) => key.slice(prefix.length).split('.', 1).join(),
  );
  return [...new Set(names)];
}

/**
 * Finds the candidate that a misspelt word most likely means.
 *
 * @returns `undefined` when none is similar: more than two letters and more than a third differ
 */
export function findNearest(
  word: string,
  candidates: readonly string[],
): string | undefined {
  const ranked = candidates
    .map(candidate => ({
      candidate,
      distance: editDistance(word.toLowerCase(), candidate.toLowerCase()),
    }))
    .sort((a, b) => a.distance - b.distance);
  const [best] = ranked;
  const tolerated = Math.max(2, Math.floor(word.length / 3));
  return best !== undefined && best.distance <= tolerated ? best.candidate : undefined;
}

/**
 * Suggests a remedy for an unknown key: a sibling with a similar name, or a key of the same
 * name on another level.
 *
 * @param name - the last part of the unknown key
 * @param siblings - the keys allowed on its level
 * @returns part of a sentence; `undefined` when no key is similar
 */
export function suggestKey(
  name: string,
  siblings: readonly string[],
): string | undefined {
  const nearest = findNearest(name, siblings);
  if (nearest !== undefined) {
    return `did you mean ${nearest}?`;
  }
  const elsewhere = CONFIGURATION_KEYS.find(
    ({ key }) => key === name || key.endsWith(`.${name}`),
  );
  return elsewhere && `did you mean ${elsewhere.key}, counted from the provider?`;
}

/** Levenshtein distance: insertions, deletions and replacements of one character. */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const replaced =
        (previous[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      const deleted = (previous[column] ?? 0) + 1;
      const inserted = (current[column - 1] ?? 0) + 1;
      current.push(Math.min(replaced, deleted, inserted));
    }
    previous = current;
  }
  return previous[to.length] ?? from.length;
}
