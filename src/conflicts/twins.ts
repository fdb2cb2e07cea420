/** Entities that a location parser made for more than one repository. Pure. */

import { filesOf, keyOf } from '../discovery/locations';
import { RepositoryResult } from '../discovery/types';

/** An entity that several repositories give: the catalog has it from the last of them. */
export interface Twins {
  /** Its entity ref. */
  readonly key: string;
  /** Two or more. */
  readonly repositories: readonly RepositoryResult['repository'][];
}

/** Finds them in what a run came to. */
export function findTwins(results: readonly RepositoryResult[]): Twins[] {
  const givers = new Map<string, RepositoryResult['repository'][]>();
  for (const { repository, outcome } of results) {
    for (const file of filesOf(outcome)) {
      const others = givers.get(keyOf(file)) ?? [];
      givers.set(keyOf(file), [...others, repository]);
    }
  }
  return [...givers]
    .filter(([, repositories]) => repositories.length > 1)
    .map(([key, repositories]) => ({ key, repositories }));
}
