/** Reads the section `filters` of a provider and refuses filters that contradict each other. */

import { JsonValue } from '@backstage/types';
import { compilePattern, literalProjectKeys, TextPattern } from '../filters/textPattern';
import { RepositoryFilters } from '../filters/types';
import { ConfigSection, describeValue } from './ConfigSection';
import { DEFAULTS, listKeys } from './configurationKeys';

/** `/pay/i`: keys and slugs contain no slashes, so this could never match. */
const WRITTEN_WITH_SLASHES = /^\/.*\/[a-z]*$/;

/**
 * Reads the filters; faults are added to the section's problems.
 *
 * @param provider - the section that holds the key `filters`
 */
export function readFilters(provider: ConfigSection): RepositoryFilters {
  // The published module documents this key, but does not read it.
  const section = provider.section('filters', listKeys('filters'), ['branch']);
  const exclude = section.section('exclude', listKeys('filters.exclude'));
  const filters: RepositoryFilters = {
    projectKey: readPattern(section, 'projectKey'),
    repoSlug: readPattern(section, 'repoSlug'),
    labels: readLabels(section, 'labels'),
    exclude: {
      projectKey: readPattern(exclude, 'projectKey'),
      repoSlug: readPattern(exclude, 'repoSlug'),
      labels: readLabels(exclude, 'labels'),
    },
    skipArchivedRepos: section.boolean('skipArchivedRepos', DEFAULTS.skipArchivedRepos),
    skipForkedRepos: section.boolean('skipForkedRepos', DEFAULTS.skipForkedRepos),
    personalRepos: section.boolean('personalRepos', DEFAULTS.personalRepos),
    visibility: section.oneOf('visibility', ['public', 'private']),
  };
  const { personalRepos, projectKey } = filters;
  const keys = literalProjectKeys(projectKey);
  if (!personalRepos && keys?.every(key => key.startsWith('~'))) {
    section.addProblem(
      'projectKey',
      `can only match personal projects (${describeValue(projectKey?.source)}), which are left out unless filters.personalRepos is true; set it to true`,
    );
  }
  refuseImpossibleFilters(section, filters, keys);
  return filters;
}

/** Compiles without flags: the pattern alone determines what it matches. */
function readPattern(section: ConfigSection, key: string): TextPattern | undefined {
  const source = section.string(key);
  if (source === undefined) {
    return undefined;
  }
  if (WRITTEN_WITH_SLASHES.test(source)) {
    section.addBadValue(
      key,
      'must be a regular expression without the slashes around it and without flags',
    );
    return undefined;
  }
  try {
    return compilePattern(source);
  } catch (error) {
    if (!(error instanceof SyntaxError)) {
      section.addParseProblem(key, source, error);
      return undefined;
    }
    // V8 repeats the pattern before the reason.
    const reason = String(error).split(': ').at(-1);
    section.addProblem(
      key,
      `must be a JavaScript regular expression, but is ${describeValue(source)} (${reason}); put a "\\" before a character that stands for itself`,
    );
    return undefined;
  }
}

/**
 * Refuses filters that no repository can pass: they are a mistake.
 *
 * @param keys - the keys that the pattern can match, where that is a known list
 */
function refuseImpossibleFilters(
  section: ConfigSection,
  { projectKey, repoSlug, labels = [], exclude }: RepositoryFilters,
  keys: readonly string[] | undefined,
): void {
  const refuse = (key: string, excluded: string | undefined) =>
    section.addProblem(
      key,
      `includes only what filters.exclude.${key} excludes again (${describeValue(excluded)}), so nothing can match; change one of the two`,
    );
  if (
    keys?.every(key => exclude.projectKey?.test(key)) ||
    isSamePattern(projectKey, exclude.projectKey)
  ) {
    refuse('projectKey', exclude.projectKey?.source);
  }
  if (isSamePattern(repoSlug, exclude.repoSlug)) {
    refuse('repoSlug', exclude.repoSlug?.source);
  }
  if (labels.length > 0 && labels.every(label => exclude.labels?.includes(label))) {
    refuse('labels', labels.join(', '));
  }
}

function isSamePattern(a?: TextPattern, b?: TextPattern): boolean {
  return a !== undefined && a.source === b?.source;
}

/**
 * The characters that Bitbucket allows in labels; anything else could never match.
 * Source: `POST …/repos/{slug}/labels`, Bitbucket Data Center 10.0 OpenAPI. Its limit of 3 to
 * 50 characters is not checked: a label that does not exist is not a fault.
 */
const LABEL = /^[a-z0-9-]+$/;

/**
 * Reads a list of labels, in lower case as Bitbucket stores them; faults are added to the
 * section's problems.
 *
 * @returns `undefined` where the key is not set
 */
function readLabels(section: ConfigSection, key: string): string[] | undefined {
  const value = section.value(key) ?? undefined;
  if (value === undefined) {
    return undefined;
  }
  if (!Array.isArray(value)) {
    section.addBadValue(key, 'must be a list of labels, such as [service, library]');
    return undefined;
  }
  if (value.length === 0) {
    section.addProblem(
      key,
      'is an empty list; name a label, or leave the key out so that labels do not matter',
    );
  }
  const labels = new Set<string>();
  for (const [index, entry] of value.entries()) {
    const label = typeof entry === 'string' ? entry.trim().toLowerCase() : '';
    const fault = findFault(entry, label);
    if (fault !== undefined) {
      section.addProblem(`${key}[${index}]`, `${fault}, but is ${describeValue(entry)}`);
    } else if (labels.has(label)) {
      section.addProblem(`${key}[${index}]`, `names "${label}" twice; remove one`);
    } else {
      labels.add(label);
    }
  }
  return [...labels];
}

function findFault(entry: JsonValue, label: string): string | undefined {
  if (label === '') {
    return typeof entry === 'string'
      ? 'must be a non-empty label'
      : 'must be a label; put it in quotes where YAML would read it as another type';
  }
  return LABEL.test(label)
    ? undefined
    : 'must be one label of letters a to z, digits and "-", as Bitbucket allows them';
}
