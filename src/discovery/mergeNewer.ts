/**
 * Brings a run up to date with what events found out while it went on. Pure. Without it,
 * the run would end by taking back what an event has done since.
 */

import { addressKey, isPlaceholderId } from './identify';
import { isNews, keyOf, keysOf, locationsOf, uniqueByKey } from './locations';
import {
  CatalogLocation,
  DiscoveryResult,
  KnownRepository,
  RepositoryResult,
} from './types';

/**
 * Replaces outcomes by later ones.
 *
 * @remarks What is no later than what was remembered when the run began comes from an
 * earlier run, and says nothing against this one.
 *
 * @param newer - repositories as they are remembered at the end of the run
 */
export function mergeNewer(
  result: DiscoveryResult,
  newer: readonly KnownRepository[],
): DiscoveryResult {
  const looked = new Map(result.repositories.map(one => [one.repository.id, one]));
  const known = new Map(result.known.map(one => [one.repositoryId, one]));
  const later = newer.filter(one => {
    const { repositoryId: id, checkedAtMs = 0 } = one;
    const seen = Math.max(
      looked.get(id)?.checkedAtMs ?? 0,
      known.get(id)?.checkedAtMs ?? 0,
    );
    return checkedAtMs > seen && (one.settled || isGone(one, looked.get(id)));
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

/** Found gone, and not found elsewhere by the run. */
function isGone(one: KnownRepository, looked: RepositoryResult | undefined): boolean {
  return (
    one.settled === undefined &&
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
  const settled = later.filter(one => one.settled && !isPlaceholderId(one.repositoryId));
  const addresses = new Set(settled.map(addressKey));
  for (const [id, one] of known) {
    if (isPlaceholderId(id) && addresses.has(addressKey(one))) {
      known.delete(id);
      looked.delete(id);
    }
  }
}

function toResult(one: KnownRepository): RepositoryResult | undefined {
  return (
    one.settled && {
      repository: { id: one.repositoryId, projectKey: one.projectKey, slug: one.slug },
      outcome: one.settled,
      checkedAtMs: one.checkedAtMs,
    }
  );
}

/**
 * What the catalog still has to be told after a run: events that came in between the end
 * of the run and its mutation were undone by it.
 *
 * @param given - what the mutation of the run gave the catalog
 * @param later - repositories settled after the end of the run
 * @param remembered - what the run left to remember: where several repositories give the
 * same, one that lets go of it leaves it to another
 */
export function planCatchUp(
  given: readonly CatalogLocation[],
  later: readonly KnownRepository[],
  remembered: readonly KnownRepository[] = [],
): { readonly added: CatalogLocation[]; readonly removed: CatalogLocation[] } {
  const laterIds = new Set(later.map(one => one.repositoryId));
  const had = new Map(given.map(one => [keyOf(one.file), one.file]));
  const wanted = locationsOf(later);
  const elsewhere = given.filter(one => !laterIds.has(one.repository.id));
  const wantedKeys = keysOf(wanted);
  const lost = keysOf(
    given.filter(
      one => laterIds.has(one.repository.id) && !wantedKeys.has(keyOf(one.file)),
    ),
  );
  const others = remembered.filter(one => !laterIds.has(one.repositoryId));
  const heirs = uniqueByKey(locationsOf(others)).filter(one => lost.has(keyOf(one.file)));
  const kept = keysOf([...wanted, ...elsewhere, ...heirs]);
  return {
    added: [...wanted.filter(({ file }) => isNews(file, had.get(keyOf(file)))), ...heirs],
    removed: given.filter(one => !kept.has(keyOf(one.file))),
  };
}
