/**
 * Compares the Locations that the catalog should hold with those that it holds. Pure, and
 * the same for a run over all repositories and for an event about a few. Whether a
 * Location may be removed is decided in `planRemovals`.
 */

import { CatalogFile } from '../model';
import { forEachInTurns } from '../util/clock';
import {
  getRegisteredFiles,
  getEntryKey,
  toRepositoryRef,
  Replacement,
  findReplacement,
} from './locations';
import { CatalogLocation, KnownRepository, RepositoryResult } from './types';

/** Findings about some repositories, or about all. */
export interface Findings {
  /** The known state of these repositories. */
  readonly known: readonly KnownRepository[];
  /** Results of the repositories that were checked, by id. */
  readonly results: ReadonlyMap<number, RepositoryResult>;
  /** Whether a Location that was not found is proven to be gone; in doubt it is kept. */
  readonly hasLeft: (location: CatalogLocation) => boolean;
  /**
   * Returns the id of the repository to which kept files of a known repository belong.
   */
  readonly getOwner: (known: KnownRepository) => number;
}

/**
 * The differences; every found or known Location is in exactly one of the first three.
 */
export interface Difference {
  /** Locations that were found, by key. */
  readonly found: ReadonlyMap<string, CatalogLocation>;
  /**
   * Locations that are kept although they were not found: the outcome of their repository
   * is unknown.
   */
  readonly carriedForward: readonly CatalogLocation[];
  /** Locations that are proven not to belong in the catalog any more. */
  readonly due: readonly CatalogLocation[];
  /** How some of the Locations in `due` are replaced, by key. */
  readonly replaced: ReadonlyMap<string, Replacement>;
  /**
   * Locations that are carried forward although another repository has lost them, by key.
   */
  readonly transferred: ReadonlyMap<string, CatalogLocation>;
  /** Files that the catalog holds, by key. */
  readonly before: ReadonlyMap<string, CatalogFile>;
}

/** Compares findings with the known state. */
export async function findDifference({
  known,
  results,
  hasLeft,
}: Omit<Findings, 'getOwner'>): Promise<Difference> {
  const found = new Map<string, CatalogLocation>();
  await forEachInTurns(results.values(), ({ repository, outcome }) => {
    for (const file of getRegisteredFiles(outcome)) {
      found.set(getEntryKey(file), { repository, file });
    }
  });
  const before = new Map<string, CatalogFile>();
  const kept = new Map<string, CatalogLocation>();
  const lost = new Map<string, CatalogLocation>();
  const replaced = new Map<string, Replacement>();
  await forEachInTurns(known, repository => {
    for (const file of repository.files) {
      const key = getEntryKey(file);
      before.set(key, file);
      if (!found.has(key)) {
        const location = { repository: toRepositoryRef(repository), file };
        const isLost = hasLeft(location);
        (isLost ? lost : kept).set(key, location);
        const replacement =
          isLost && findReplacement(file, results.get(repository.repositoryId)?.outcome);
        if (replacement) {
          replaced.set(key, replacement);
        }
      }
    }
  });
  const transferred = new Map<string, CatalogLocation>();
  for (const key of lost.keys()) {
    const location = kept.get(key);
    if (location) {
      transferred.set(key, location);
      lost.delete(key);
    }
  }
  return {
    found,
    carriedForward: [...kept.values()],
    due: [...lost.values()],
    replaced,
    transferred,
    before,
  };
}
