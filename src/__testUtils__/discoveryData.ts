/**
 * Short builders for the data of the engine. Addresses are written `PAY/api`.
 * Must not be used outside tests.
 */

import {
  CatalogFile,
  ListingStep,
  Problem,
  Repository,
  RepositoryAddress,
  RepositoryOutcome,
  UnknownReason,
} from '../model';
import {
  CatalogLocation,
  DiscoveryResult,
  DiscoveryScope,
  KnownRepositories,
  KnownRepository,
  ProviderState,
  RepositoryResult,
} from '../discovery/types';
import { parseCatalogPath } from '../filters/catalogPaths';
import { RepositoryFilters } from '../filters/types';

export const CATALOG_FILE = 'catalog-info.yaml';

/** An arbitrary moment; later moments are written as `NOW + …`. */
export const NOW = Date.UTC(2024, 0, 1);
export const HOUR = 3_600_000;

export function address(text: string): RepositoryAddress {
  const [projectKey = '', slug = ''] = text.split('/');
  return { projectKey, slug };
}

/** The target of a file; the web page of a repository follows its address. */
export function target(at: string, path: string = CATALOG_FILE, branch?: string): string {
  const { projectKey, slug } = address(at);
  const url = `https://bitbucket.test/projects/${projectKey}/repos/${slug}/browse/${path}`;
  return branch === undefined ? url : `${url}?at=${encodeURIComponent(branch)}`;
}

export function file(at: string, path: string = CATALOG_FILE): CatalogFile {
  return { path, targetUrl: target(at, path), presence: 'required' };
}

export function known(
  repositoryId: number,
  at: string,
  files: readonly CatalogFile[] = [file(at)],
  checkedAtMs?: number,
): KnownRepository {
  return { repositoryId, ...address(at), files, checkedAtMs, revision: checkedAtMs };
}

export function location(
  id: number,
  at: string,
  path: string = CATALOG_FILE,
): CatalogLocation {
  return { repository: { id, ...address(at) }, file: file(at, path) };
}

export function repository(
  id: number,
  at: string,
  rest: Partial<Repository> = {},
): Repository {
  const { projectKey, slug } = address(at);
  return {
    id,
    projectKey,
    slug,
    name: slug,
    state: 'AVAILABLE',
    archived: false,
    fork: false,
    personal: projectKey.startsWith('~'),
    public: false,
    ...rest,
  };
}

export function problem(
  reason: UnknownReason = 'server-error',
  detail: string = 'Bitbucket failed: 503',
): Problem {
  return { reason, detail };
}

/** A listing that fails. */
export function failedListing(
  how: { unsupported?: boolean; gone?: boolean; problem?: Problem } = {},
): Extract<ListingStep<never>, { kind: 'failed' }> {
  return {
    kind: 'failed',
    problem: how.problem ?? problem(),
    unsupported: how.unsupported ?? false,
    gone: how.gone ?? false,
  };
}

export function registered(
  at: string,
  ...paths: readonly string[]
): Extract<RepositoryOutcome, { kind: 'registered' }> {
  const files = paths.length === 0 ? [file(at)] : paths.map(path => file(at, path));
  return { kind: 'registered', files };
}

export const ABSENT: RepositoryOutcome = { kind: 'absent', reason: 'no-catalog-file' };
export const EXCLUDED: RepositoryOutcome = { kind: 'excluded', reason: 'archived' };
export const UNKNOWN: RepositoryOutcome = { kind: 'unknown', ...problem() };

/** How a repository ended a run. */
export function ended(
  id: number,
  at: string,
  outcome: RepositoryOutcome,
): RepositoryResult {
  return {
    repository: { id, ...address(at) },
    outcome,
    ...(outcome.kind !== 'unknown' && { checkedAtMs: NOW, revision: NOW }),
  };
}

export function knownById(repositories: readonly KnownRepository[]): KnownRepositories {
  return new Map(repositories.map(one => [one.repositoryId, one]));
}

/** The result of a complete run, unless overridden. */
export function discovered(
  found: {
    readonly known?: readonly KnownRepository[];
    readonly repositories?: readonly RepositoryResult[];
    readonly gone?: readonly number[];
    readonly complete?: boolean;
    readonly interruption?: DiscoveryResult['interruption'];
  } = {},
): DiscoveryResult {
  const complete = found.complete ?? true;
  return {
    listing: {
      complete,
      problems: complete ? [] : [{ problem: problem(), gone: false }],
      unreadable: 0,
    },
    repositories: new Map(
      (found.repositories ?? []).map(one => [one.repository.id, one]),
    ),
    known: knownById(found.known ?? []),
    goneRepositoryIds: new Set(found.gone),
    interruption: found.interruption,
  };
}

export function createState(
  repositories: readonly KnownRepository[] | KnownRepositories,
  held: ProviderState['held'] = [],
): ProviderState {
  return { repositories: [...repositories.values()], held };
}

export function filters(rest: Partial<RepositoryFilters> = {}): RepositoryFilters {
  return {
    exclude: {},
    skipArchivedRepos: false,
    skipForkedRepos: false,
    personalRepos: false,
    ...rest,
  };
}

/** One plain path on the default branch, with existence checks, unless overridden. */
export function scope(
  rest: Partial<Omit<DiscoveryScope, 'catalogPaths' | 'filters'>> & {
    readonly paths?: readonly string[];
    readonly filters?: Partial<RepositoryFilters>;
  } = {},
): DiscoveryScope {
  const { paths = [CATALOG_FILE], filters: some, ...others } = rest;
  return {
    host: 'bitbucket.test',
    validateLocationsExist: true,
    maxFilesPerRepository: 1000,
    concurrency: 4,
    ...others,
    catalogPaths: paths.map(parseCatalogPath),
    filters: filters(some),
  };
}

/** The targets of Locations, sorted. */
export function getTargets(locations: readonly CatalogLocation[]): string[] {
  return locations.map(({ file }) => file.targetUrl).sort();
}
