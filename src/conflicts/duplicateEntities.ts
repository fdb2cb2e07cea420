/** Entities that a location parser made for more than one repository. Pure. */

import { filesOf, keyOf } from '../discovery/locations';
import { RepositoryResult } from '../discovery/types';

/** An entity that several repositories emit: the catalog has it from the last of them. */
export interface DuplicateEntity {
  /** Its entity ref. */
  readonly key: string;
  /** Two or more. */
  readonly repositories: readonly RepositoryResult['repository'][];
}

/** Finds them in what a run came to. */
export function findDuplicateEntities(
  results: readonly RepositoryResult[],
): DuplicateEntity[] {
  const emitters = new Map<string, RepositoryResult['repository'][]>();
  for (const { repository, outcome } of results) {
    for (const key of filesOf(outcome).map(keyOf)) {
      emitters.set(key, [...(emitters.get(key) ?? []), repository]);
    }
  }
  return [...emitters].flatMap(([key, repositories]) =>
    repositories.length > 1 ? [{ key, repositories }] : [],
  );
}
