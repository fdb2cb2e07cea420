/** Which repositories somebody else settled while a run came to its end. Pure. */

import { KnownRepository } from '../discovery/types';

/**
 * Tells which stored repositories are later than what a run is about to remember.
 *
 * @remarks Compared repository by repository rather than with the end of the run: an event
 * may have looked before that end and write after it.
 *
 * @param stored - when each was looked at, epoch milliseconds
 * @param remembered - what the run is about to remember
 * @param upToMs - for what the run does not remember; left out where all is replaced
 */
export function laterIds(
  stored: readonly { readonly repositoryId: number; readonly checkedAtMs: number }[],
  remembered: readonly KnownRepository[],
  upToMs: number | undefined,
): number[] {
  if (upToMs === undefined) {
    return [];
  }
  const checks = new Map(remembered.map(one => [one.repositoryId, one.checkedAtMs ?? 0]));
  return stored
    .filter(one => one.checkedAtMs > (checks.get(one.repositoryId) ?? upToMs))
    .map(one => one.repositoryId);
}
