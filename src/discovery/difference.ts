/**
 * What a run or an event comes to: what the catalog is to have, compared with what it has.
 * Pure, the same for all repositories and for a few. Whether something may leave is not
 * decided here but in `planRemovals`.
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

/** What has been found out about some repositories, or about all. */
export interface Findings {
  /** What is known of them. */
  readonly known: readonly KnownRepository[];
  /** How those ended that were looked at, by id. */
  readonly results: ReadonlyMap<number, RepositoryResult>;
  /** Whether it is proven that what was not found has left its repository; doubt keeps it. */
  readonly hasLeft: (location: CatalogLocation) => boolean;
  /** To which repository that belongs which stays in the catalog and was not found. */
  readonly getOwner: (known: KnownRepository) => number;
}

/** Every Location that was found or is known, in exactly one of the first three. */
export interface Difference {
  /** What was found, by key. */
  readonly found: ReadonlyMap<string, CatalogLocation>;
  /** Kept although it was not found: nothing is known about its repository. */
  readonly carriedForward: readonly CatalogLocation[];
  /** Proven not to belong into the catalog any more. */
  readonly due: readonly CatalogLocation[];
  /** What the catalog gets in the place of some of those that are due, by key. */
  readonly replaced: ReadonlyMap<string, Replacement>;
  /** Carried forward although another repository has lost it, by key. */
  readonly transferred: ReadonlyMap<string, CatalogLocation>;
  /** What the catalog has, by key. */
  readonly before: ReadonlyMap<string, CatalogFile>;
}

/** Compares what was found with what is known. */
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
  await forEachInTurns(known, one => {
    for (const file of one.files) {
      const key = getEntryKey(file);
      before.set(key, file);
      if (!found.has(key)) {
        const location = { repository: toRepositoryRef(one), file };
        const isLost = hasLeft(location);
        (isLost ? lost : kept).set(key, location);
        const replacement =
          isLost && findReplacement(file, results.get(one.repositoryId)?.outcome);
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
