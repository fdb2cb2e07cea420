/**
 * Gives repositories their identity that are known by address only, because what the
 * catalog holds was read from the catalog itself. Pure.
 */

import { CatalogFile, Repository } from '../model';
import { keyOf } from './locations';
import { KnownRepository } from './types';

/** Whether the id is a placeholder: the numeric id in Bitbucket is not known yet. */
export function isPlaceholderId(repositoryId: number): boolean {
  return repositoryId < 0;
}

/** Comparable form of an address: Bitbucket disregards case in keys and slugs. */
export function addressKey(address: { projectKey: string; slug: string }): string {
  return `${address.projectKey}/${address.slug}`.toLowerCase();
}

/**
 * Replaces placeholders by the ids of listed repositories at the same address.
 *
 * @returns what is known, each repository once, the files of both where two meet
 */
export function identify(
  known: readonly KnownRepository[],
  listed: readonly Repository[],
): KnownRepository[] {
  const idByAddress = new Map(listed.map(one => [addressKey(one), one.id]));
  const ids = new Map<number, number>();
  for (const one of known.filter(({ repositoryId }) => isPlaceholderId(repositoryId))) {
    const id = idByAddress.get(addressKey(one));
    if (id !== undefined) {
      ids.set(one.repositoryId, id);
    }
  }
  return replaceIds(known, ids);
}

/**
 * Replaces ids.
 *
 * @param ids - old to new
 * @returns what is known, each repository once, the files of both where two meet
 */
export function replaceIds(
  known: readonly KnownRepository[],
  ids: ReadonlyMap<number, number>,
): KnownRepository[] {
  if (ids.size === 0) {
    return [...known];
  }
  return mergeById(
    known.map(one => ({
      ...one,
      repositoryId: ids.get(one.repositoryId) ?? one.repositoryId,
    })),
  );
}

function merge(one: KnownRepository, other: KnownRepository): KnownRepository {
  const { settled, checkedAtMs } = one.settled === undefined ? other : one;
  return { ...one, files: unionOf(one.files, other.files), settled, checkedAtMs };
}

function unionOf(
  some: readonly CatalogFile[],
  more: readonly CatalogFile[],
): readonly CatalogFile[] {
  return [...new Map([...some, ...more].map(file => [keyOf(file), file])).values()];
}

function mergeById(known: readonly KnownRepository[]): KnownRepository[] {
  const merged = new Map<number, KnownRepository>();
  for (const one of known) {
    const before = merged.get(one.repositoryId);
    merged.set(one.repositoryId, before ? merge(before, one) : one);
  }
  return [...merged.values()];
}
