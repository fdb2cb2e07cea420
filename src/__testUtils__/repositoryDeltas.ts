/** Applies deltas. Must not be used outside tests. */

import { RepositoryDelta } from '../discovery/evaluateRepository';
import { KnownRepository } from '../discovery/types';
import { getTargets } from './discoveryData';

/** The URLs that a delta adds, removes and keeps. */
export function targets({ added, removed, stayed }: RepositoryDelta) {
  return {
    added: getTargets(added),
    removed: getTargets(removed),
    stayed: getTargets(stayed),
  };
}

/** Returns the known state after a delta. */
export function stateAfter(
  before: readonly KnownRepository[],
  { changed, forgottenIds }: RepositoryDelta,
): KnownRepository[] {
  const after = new Map(before.map(known => [known.repositoryId, known]));
  forgottenIds.forEach(id => after.delete(id));
  changed.forEach(known => after.set(known.repositoryId, known));
  return [...after.values()];
}

/** Returns the targets in the catalog after a delta. */
export function catalogAfter(
  before: Iterable<string>,
  delta: RepositoryDelta,
): Set<string> {
  const after = new Set(before);
  getTargets(delta.removed).forEach(target => after.delete(target));
  getTargets(delta.added).forEach(target => after.add(target));
  return after;
}
