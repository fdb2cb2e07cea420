/**
 * Every key of a provider and what holds when it is left out. The one list that the
 * reader, `config.d.ts`, `app-config.example.yaml` and the README are held to by a test.
 */

/** The id of a provider that is configured directly instead of in a map. */
export const DEFAULT_PROVIDER_ID = 'default';

/** What holds where a key is left out. */
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
  /** Below the provider, dots between the levels. */
  readonly key: string;
  /** As a reader of the documentation sees it: a value, a duration or a few words. */
  readonly default: string;
}

/** All keys of a provider, in the order the documentation lists them. */
export const CONFIGURATION_KEYS: readonly ConfigurationKey[] = [
  { key: 'host', default: 'required' },
  { key: 'catalogPath', default: DEFAULTS.catalogPath },
  { key: 'branch', default: "the repository's default branch" },
  { key: 'validateLocationsExist', default: String(DEFAULTS.validateLocationsExist) },
  { key: 'maxFilesPerRepository', default: String(DEFAULTS.maxFilesPerRepository) },
  { key: 'filters.projectKey', default: 'all' },
  { key: 'filters.repoSlug', default: 'all' },
  { key: 'filters.labels', default: 'none' },
  { key: 'filters.exclude.projectKey', default: 'none' },
  { key: 'filters.exclude.repoSlug', default: 'none' },
  { key: 'filters.exclude.labels', default: 'none' },
  { key: 'filters.skipArchivedRepos', default: String(DEFAULTS.skipArchivedRepos) },
  { key: 'filters.skipForkedRepos', default: String(DEFAULTS.skipForkedRepos) },
  { key: 'filters.personalRepos', default: String(DEFAULTS.personalRepos) },
  { key: 'filters.visibility', default: 'any' },
  {
    key: 'schedule',
    default: `every ${DEFAULTS.schedule.frequency.minutes} minutes, timeout ${DEFAULTS.schedule.timeout.minutes} minutes`,
  },
  { key: 'concurrency', default: String(DEFAULTS.concurrency) },
  { key: 'rateLimit', default: DEFAULTS.rateLimit },
  { key: 'requestTimeout', default: `${DEFAULTS.requestTimeout.seconds} seconds` },
  { key: 'search', default: DEFAULTS.search },
  { key: 'recheck.found', default: `${DEFAULTS.recheck.found.hours} hours` },
  { key: 'recheck.absent', default: `${DEFAULTS.recheck.absent.hours} hours` },
  { key: 'removals.maxPercentage', default: String(DEFAULTS.removals.maxPercentage) },
  { key: 'removals.holdFor', default: `${DEFAULTS.removals.holdFor.hours} hours` },
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

/**
 * Finds the candidate a word most likely stands for.
 *
 * @returns `undefined` when none is near: more than two letters and more than a third differ
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
 * Says what to do about an unknown key: a sibling is spelt nearly so, or a key of the
 * same name exists on another level.
 *
 * @param name - the unknown key's last part
 * @param siblings - the keys allowed where it stands
 * @returns part of a sentence; `undefined` when no key comes near
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
