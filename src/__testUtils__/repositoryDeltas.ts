/** What a delta comes to once it is applied. Must not be used outside tests. */

import { RepositoryDelta } from '../discovery/evaluateRepository';
import { KnownRepository } from '../discovery/types';
import { targetsOf } from './discoveryData';

/** The URLs that a delta adds, removes and leaves. */
export function targets({ added, removed, stayed }: RepositoryDelta) {
  return {
    added: targetsOf(added),
    removed: targetsOf(removed),
    stayed: targetsOf(stayed),
  };
}

/** What is remembered then. */
export function stateAfter(
  before: readonly KnownRepository[],
  { changed, forgottenIds }: RepositoryDelta,
): KnownRepository[] {
  const after = new Map(before.map(one => [one.repositoryId, one]));
  forgottenIds.forEach(id => after.delete(id));
  changed.forEach(one => after.set(one.repositoryId, one));
  return [...after.values()];
}

/** What the catalog holds then. */
export function catalogAfter(
  before: Iterable<string>,
  delta: RepositoryDelta,
): Set<string> {
  const after = new Set(before);
  targetsOf(delta.removed).forEach(one => after.delete(one));
  targetsOf(delta.added).forEach(one => after.add(one));
  return after;
}
