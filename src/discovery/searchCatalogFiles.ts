/**
 * Code search as a hint: which repositories hold a catalog file, for a few requests instead of
 * one each. It covers default branches only, is behind what was pushed, and may be wrong: a hit
 * adds, and that there is none never removes. At the first oddity it is left alone for the run.
 */

import { matchCatalogPaths } from '../filters/catalogPaths';
import { CatalogPath } from '../filters/types';
import { Repository } from '../model';
import { mapConcurrent } from '../util/concurrency';
import { isAt } from './identify';
import {
  DiscoveryScope,
  FileSearch,
  KnownRepository,
  RepositorySource,
  SearchHit,
} from './types';

/** A search of each costs more than it spares. */
const MAX_PROJECTS = 200;

/** Known files that search need not know: what was deleted, or was pushed just now. */
const TOLERATED = { count: 5, share: 0.1 };

/** What search has shown, or why it is left alone. */
export type SearchResult =
  | {
      readonly kind: 'used';
      /** Paths of catalog files, by repository id. */
      readonly hits: ReadonlyMap<number, readonly string[]>;
      /** Whether that there is no hit in a repository means anything. */
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
  const covers = (one: Repository) =>
    // Search leaves archived repositories out, and it is not known what it does with forks.
    !one.archived && !one.fork && !found.truncated.has(one.projectKey);
  const reason = findDoubt(hits, repositories.filter(covers), tools.known);
  return reason === undefined ? { kind: 'used', hits, covers } : off(reason);
}

function off(reason: string): SearchResult {
  return { kind: 'off', reason };
}

/** @returns `undefined` where one has wildcards in it */
function getFileNames(paths: readonly CatalogPath[]): ReadonlySet<string> | undefined {
  const names = paths.map(one => {
    const path = one.kind === 'plain' ? one.path : one.pattern;
    return { name: path.slice(path.lastIndexOf('/') + 1), kind: one.kind };
  });
  const hasWildcards = names.some(
    ({ name, kind }) => kind === 'glob' && /[*?[\]{}()+@!\\]/.test(name),
  );
  return hasWildcards ? undefined : new Set(names.map(one => one.name));
}

interface Found {
  readonly hits: SearchHit[];
  /** Keys of projects of which not all hits were shown. */
  readonly truncated: Set<string>;
}

/** @returns what is odd about it */
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
    return all?.problem.detail ?? 'there is none';
  }
  found.hits.push(...all.hits);
  if (all.isComplete) {
    return undefined;
  }
  const projectKeys = [...new Set(repositories.map(one => one.projectKey))];
  if (projectKeys.length > MAX_PROJECTS) {
    projectKeys.forEach(key => found.truncated.add(key));
    return undefined;
  }
  const reasons = await mapConcurrent(projectKeys, concurrency, async projectKey => {
    const part = await search(projectKey);
    if (part?.kind !== 'found') {
      return part?.problem.detail ?? 'there is none';
    }
    found.hits.push(...part.hits);
    if (!part.isComplete) {
      found.truncated.add(projectKey);
    }
    return undefined;
  });
  return reasons.find(one => one !== undefined);
}

/** Of repositories that are where the listing shows them, and of files that are looked for. */
function matchHits(
  hits: readonly SearchHit[],
  repositories: readonly Repository[],
  paths: readonly CatalogPath[],
): Map<number, readonly string[]> {
  const listed = new Map(repositories.map(one => [one.id, one]));
  const byRepository = new Map<number, string[]>();
  for (const hit of hits) {
    const repository = listed.get(hit.repositoryId);
    if (repository && isAt(hit, repository)) {
      byRepository.set(repository.id, [
        ...(byRepository.get(repository.id) ?? []),
        hit.path,
      ]);
    }
  }
  const matching = [...byRepository].map(
    ([id, all]) => [id, matchCatalogPaths(paths, all)] as const,
  );
  return new Map(matching.filter(([, files]) => files.length > 0));
}

/** @returns why that there is no hit means nothing */
function findDoubt(
  hits: ReadonlyMap<number, unknown>,
  covered: readonly Repository[],
  known: ReadonlyMap<number, KnownRepository>,
): string | undefined {
  if (hits.size === 0) {
    return 'it shows no catalog file at all';
  }
  const registered = covered.filter(one => (known.get(one.id)?.files.length ?? 0) > 0);
  const missing = registered.filter(one => !hits.has(one.id)).length;
  return missing > Math.max(TOLERATED.count, registered.length * TOLERATED.share)
    ? `it lacks ${missing} of ${registered.length} repositories whose catalog file is known`
    : undefined;
}
