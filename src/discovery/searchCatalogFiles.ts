/**
 * Uses code search as a hint: it shows which repositories have a catalog file with a few
 * requests instead of one each. Search covers default branches only, lags behind pushes
 * and may be wrong: a hit adds files, but a missing hit never removes any. At the first
 * inconsistency the run stops using it.
 */

import { matchCatalogPaths } from '../filters/catalogPaths';
import { CatalogPath } from '../filters/types';
import { Repository } from '../model';
import { mapConcurrent } from '../util/concurrency';
import { groupBy } from '../util/groupBy';
import { isAt } from './identify';
import {
  DiscoveryScope,
  FileSearch,
  KnownRepository,
  RepositorySource,
  SearchHit,
} from './types';

/** For more projects, one search each costs more than it saves. */
const MAX_PROJECTS = 200;

/** Known files that search may miss: deleted ones, or those pushed just now. */
const TOLERATED = { count: 5, share: 0.1 };

/** The search hits, or why search is not used. */
export type SearchResult =
  | {
      readonly kind: 'used';
      /** Paths of catalog files, by repository id. */
      readonly hits: ReadonlyMap<number, readonly string[]>;
      /** Whether a missing hit means that the repository has no catalog file. */
      readonly covers: (repository: Repository) => boolean;
    }
  | { readonly kind: 'off'; readonly reason: string };

interface SearchTools {
  readonly source: RepositorySource;
  readonly known: ReadonlyMap<number, KnownRepository>;
  readonly signal?: AbortSignal;
}

/** Searches for the catalog files of these repositories. Throws only what the source throws. */
export async function searchCatalogFiles(
  repositories: readonly Repository[],
  scope: DiscoveryScope,
  tools: SearchTools,
): Promise<SearchResult> {
  const fileNames = getFileNames(scope.catalogPaths);
  if (!fileNames) {
    return off(
      'catalogPath has a file name with wildcards, which cannot be searched for',
    );
  }
  const found: Found = { hits: [], truncated: new Set() };
  for (const fileName of fileNames) {
    const reason = await searchFor(fileName, repositories, scope, tools, found);
    if (reason !== undefined) {
      return off(reason);
    }
  }
  const hits = matchHits(found.hits, repositories, scope.catalogPaths);
  const covers = (repository: Repository) =>
    // Search excludes archived repositories, and how it handles forks is not known.
    !repository.archived &&
    !repository.fork &&
    !found.truncated.has(repository.projectKey);
  const reason = findDoubt(hits, repositories.filter(covers), tools.known);
  return reason === undefined ? { kind: 'used', hits, covers } : off(reason);
}

function off(reason: string): SearchResult {
  return { kind: 'off', reason };
}

/** @returns `undefined` if a file name contains wildcards */
function getFileNames(paths: readonly CatalogPath[]): ReadonlySet<string> | undefined {
  const names = paths.map(catalogPath => {
    const path = catalogPath.kind === 'plain' ? catalogPath.path : catalogPath.pattern;
    return { name: path.slice(path.lastIndexOf('/') + 1), kind: catalogPath.kind };
  });
  const hasWildcards = names.some(
    ({ name, kind }) => kind === 'glob' && /[*?[\]{}()+@!\\]/.test(name),
  );
  return hasWildcards ? undefined : new Set(names.map(pattern => pattern.name));
}

interface Found {
  readonly hits: SearchHit[];
  /** Keys of the projects whose hits were truncated. */
  readonly truncated: Set<string>;
}

/** @returns why the search is unusable; `undefined` if it is usable */
async function searchFor(
  fileName: string,
  repositories: readonly Repository[],
  { concurrency }: DiscoveryScope,
  { source, signal }: SearchTools,
  found: Found,
): Promise<string | undefined> {
  const search = async (projectKey?: string): Promise<FileSearch | undefined> =>
    source.searchFiles?.({ fileName, projectKey }, { signal });
  const all = await search();
  if (all?.kind !== 'found') {
    return all?.problem.detail ?? 'it is not available';
  }
  found.hits.push(...all.hits);
  if (all.isComplete) {
    return undefined;
  }
  const projectKeys = [...new Set(repositories.map(repository => repository.projectKey))];
  if (projectKeys.length > MAX_PROJECTS) {
    projectKeys.forEach(key => found.truncated.add(key));
    return undefined;
  }
  const reasons = await mapConcurrent(projectKeys, concurrency, async projectKey => {
    const part = await search(projectKey);
    if (part?.kind !== 'found') {
      return part?.problem.detail ?? 'it is not available';
    }
    found.hits.push(...part.hits);
    if (!part.isComplete) {
      found.truncated.add(projectKey);
    }
    return undefined;
  });
  return reasons.find(reason => reason !== undefined);
}

/**
 * Selects the hits in repositories that are at their listed address, for files that
 * match.
 */
function matchHits(
  hits: readonly SearchHit[],
  repositories: readonly Repository[],
  paths: readonly CatalogPath[],
): Map<number, readonly string[]> {
  const listed = new Map(repositories.map(repository => [repository.id, repository]));
  const there = hits.filter(hit => isAt(hit, listed.get(hit.repositoryId)));
  const matching = [...groupBy(there, hit => hit.repositoryId)].map(([id, own]) => {
    const found = own.map(hit => hit.path);
    return [id, matchCatalogPaths(paths, found)] as const;
  });
  return new Map(matching.filter(([, files]) => files.length > 0));
}

/** @returns why a missing hit means nothing; `undefined` if it can be trusted */
function findDoubt(
  hits: ReadonlyMap<number, unknown>,
  covered: readonly Repository[],
  known: ReadonlyMap<number, KnownRepository>,
): string | undefined {
  if (hits.size === 0) {
    return 'it found no catalog file at all';
  }
  const registered = covered.filter(
    repository => (known.get(repository.id)?.files.length ?? 0) > 0,
  );
  const missing = registered.filter(repository => !hits.has(repository.id)).length;
  return missing > Math.max(TOLERATED.count, registered.length * TOLERATED.share)
    ? `it missed ${missing} of ${registered.length} repositories with a known catalog file`
    : undefined;
}
