/**
 * Brings a run up to date with what events found out while it went on. Pure. Without it,
 * the run would end by taking back what an event has done since.
 */

import { addressKey, isPlaceholderId } from './identify';
import { DiscoveryResult, KnownRepository, RepositoryResult } from './types';

/**
 * Replaces outcomes by newer ones: those for which somebody began to ask after the run had.
 *
 * @param newer - repositories as they are stored at the end of the run
 */
export function applyConcurrentEvents(
  result: DiscoveryResult,
  newer: readonly KnownRepository[],
): DiscoveryResult {
  if (newer.length === 0) {
    return result;
  }
  const looked = new Map(result.repositories.map(one => [one.repository.id, one]));
  const known = new Map(result.known.map(one => [one.repositoryId, one]));
  const later = newer.filter(one => {
    const { repositoryId: id, revision = 0 } = one;
    const seen = Math.max(getLookRevision(looked.get(id)), known.get(id)?.revision ?? 0);
    return revision > seen && (one.conclusive || isGone(one, looked.get(id)));
  });
  if (later.length === 0) {
    return result;
  }
  const gone = new Set(result.goneRepositoryIds);
  for (const one of later) {
    const { repositoryId: id } = one;
    const asResult = toResult(one);
    known.set(id, one);
    if (asResult) {
      looked.set(id, asResult);
      gone.delete(id);
    } else {
      looked.delete(id);
      gone.add(id);
    }
  }
  forgetPlaceholders(later, looked, known);
  return {
    ...result,
    repositories: [...looked.values()],
    known: [...known.values()],
    goneRepositoryIds: gone,
  };
}

/**
 * The revision of a look that told something.
 *
 * @returns 0 where it told nothing: then an earlier one that did counts for more
 */
export function getLookRevision(result: RepositoryResult | undefined): number {
  return result === undefined || result.outcome.kind === 'unknown'
    ? 0
    : (result.revision ?? 0);
}

/** Found gone, and not found elsewhere by the run. */
function isGone(one: KnownRepository, looked: RepositoryResult | undefined): boolean {
  return (
    one.conclusive === undefined &&
    one.files.length === 0 &&
    (looked === undefined || addressKey(looked.repository) === addressKey(one))
  );
}

/** Where it is known by now who is at an address, nobody is there by address only. */
function forgetPlaceholders(
  later: readonly KnownRepository[],
  looked: Map<number, RepositoryResult>,
  known: Map<number, KnownRepository>,
): void {
  const conclusive = later.filter(
    one => one.conclusive && !isPlaceholderId(one.repositoryId),
  );
  const addresses = new Set(conclusive.map(addressKey));
  for (const [id, one] of known) {
    if (isPlaceholderId(id) && addresses.has(addressKey(one))) {
      known.delete(id);
      looked.delete(id);
    }
  }
}

function toResult(one: KnownRepository): RepositoryResult | undefined {
  return (
    one.conclusive && {
      repository: { id: one.repositoryId, projectKey: one.projectKey, slug: one.slug },
      outcome: one.conclusive,
      checkedAtMs: one.checkedAtMs,
      revision: one.revision,
    }
  );
}
