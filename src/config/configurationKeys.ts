/**
 * Every key of a provider, and the values of those that are left out. A test compares the
 * reader, `config.d.ts`, `app-config.example.yaml` and the README with them.
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

/** All keys of a provider, with dots between the levels, in the order of the documentation. */
export const CONFIGURATION_KEYS = [
  'host',
  'catalogPath',
  'branch',
  'validateLocationsExist',
  'maxFilesPerRepository',
  'filters.projectKey',
  'filters.repoSlug',
  'filters.labels',
  'filters.exclude.projectKey',
  'filters.exclude.repoSlug',
  'filters.exclude.labels',
  'filters.skipArchivedRepos',
  'filters.skipForkedRepos',
  'filters.personalRepos',
  'filters.visibility',
  'schedule',
  'concurrency',
  'rateLimit',
  'requestTimeout',
  'search',
  'recheck.found',
  'recheck.absent',
  'removals.maxPercentage',
  'removals.holdFor',
  'token',
  'username',
  'password',
] as const;

/**
 * Lists the keys directly below a provider or one of its sections.
 *
 * @param section - such as `filters.exclude`; the provider itself when left out
 */
export function listKeys(section?: string): string[] {
  const prefix = section === undefined ? '' : `${section}.`;
  const names = CONFIGURATION_KEYS.filter(key => key.startsWith(prefix)).map(key =>
    key.slice(prefix.length).split('.', 1).join(),
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
    key => key === name || key.endsWith(`.${name}`),
  );
  return elsewhere && `did you mean ${elsewhere}, counted from the provider?`;
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
