/**
 * The catalog content that the current state of a Bitbucket requires: derived from the content
 * of the simulator and the settings only, without any code under test.
 */

import { minimatch } from 'minimatch';
import type { SimulatedBitbucket } from '../dev/simulatedBitbucket';
import { FilterSettings, ProviderSettings } from './settings';

type SimulatedRepository = ReturnType<SimulatedBitbucket['repositories']>[number];

/** One repository and its expected outcome of a run without faults. */
export interface RequiredRepository {
  readonly id: number;
  readonly projectKey: string;
  readonly slug: string;
  readonly outcome: 'registered' | 'excluded' | 'absent';
  readonly files: readonly RequiredFile[];
}

/** A file that belongs in the catalog. */
export interface RequiredFile {
  readonly path: string;
  /** The possible spellings of its URL, of which exactly one is in the catalog. */
  readonly targets: readonly string[];
  readonly presence: 'required' | 'optional';
}

/** The possible base URLs of targets: all that the server's links have ever had. */
export interface Spelling {
  /** Scheme, host and context path of the integration, no trailing slash. */
  readonly integrationBase: string;
  readonly linkBases: Iterable<string>;
}

/** Returns all current requirements, regardless of permissions. */
export function deriveRequirements(
  bitbucket: SimulatedBitbucket,
  settings: ProviderSettings,
  spelling: Spelling,
): RequiredRepository[] {
  const bases = getBases(spelling);
  return bitbucket.repositories().map(repository => {
    const { id, project, slug } = repository;
    const address = { id, projectKey: project.key, slug };
    // Bitbucket does not show a repository as a fork whose origin was deleted. [assumed]
    const isFork = bitbucket.getOrigin(repository) !== undefined;
    if (isExcluded(repository, isFork, settings.filters)) {
      return { ...address, outcome: 'excluded', files: [] };
    }
    const files = getFiles(repository, settings, bases);
    return { ...address, outcome: files.length > 0 ? 'registered' : 'absent', files };
  });
}

/** A link to another host than the integration's is rebuilt on the integration's. */
function getBases({ integrationBase, linkBases }: Spelling): string[] {
  const { host } = new URL(integrationBase);
  const readable = [...linkBases].map(base =>
    new URL(base).host === host ? base : integrationBase,
  );
  return [...new Set(readable)];
}

function isExcluded(
  { archived, labels, project, public: isPublic, slug }: SimulatedRepository,
  isFork: boolean,
  filters: FilterSettings,
): boolean {
  const isPersonal = project.type === 'PERSONAL';
  const visibility = isPublic || project.public ? 'public' : 'private';
  return [
    matches(filters.excludeProjectKey, project.key),
    matches(filters.excludeRepoSlug, slug),
    filters.projectKey !== undefined && !matches(filters.projectKey, project.key),
    filters.repoSlug !== undefined && !matches(filters.repoSlug, slug),
    filters.skipArchivedRepos && archived,
    filters.skipForkedRepos && isFork,
    !filters.personalRepos && isPersonal,
    filters.visibility !== undefined && filters.visibility !== visibility,
    filters.labels !== undefined && !filters.labels.some(label => labels.has(label)),
    filters.excludeLabels?.some(label => labels.has(label)) ?? false,
  ].includes(true);
}

function matches(pattern: string | undefined, text: string): boolean {
  return pattern !== undefined && new RegExp(pattern).test(text);
}

function getFiles(
  { git, project, slug }: SimulatedRepository,
  { branch, catalogPaths, validateLocationsExist }: ProviderSettings,
  bases: readonly string[],
): RequiredFile[] {
  const tree = git.tip(branch ?? git.defaultBranch)?.tree ?? new Map<string, string>();
  const isPlain = (path: string) => !path.includes('*');
  const unchecked = validateLocationsExist ? [] : catalogPaths.filter(isPlain);
  const found = [...tree.keys()].filter(
    path =>
      !unchecked.includes(path) &&
      catalogPaths.some(pattern => minimatch(path, pattern, { dot: true })),
  );
  const owner =
    project.ownerName === undefined
      ? `projects/${project.key}`
      : `users/${project.ownerName.toLowerCase()}`;
  const at = branch === undefined ? '' : `?at=${encodeURIComponent(branch)}`;
  const toFile = (path: string, presence: RequiredFile['presence']) => ({
    path,
    presence,
    targets: bases.map(base => `${base}/${owner}/repos/${slug}/browse/${path}${at}`),
  });
  return [
    ...found.map(path => toFile(path, 'required')),
    ...unchecked.map(path => toFile(path, 'optional')),
  ];
}
