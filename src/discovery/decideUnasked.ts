/** Which missing repositories need not be asked for one by one. Pure. */

import { TextPattern } from '../filters/textPattern';
import { RepositoryOutcome } from '../model';
import { ListingProblem } from './types';

/**
 * Decides about a remembered repository that the listing lacks, where that needs no
 * request.
 *
 * @remarks A project whose listing failed says nothing about its repositories, and asking
 * for each would only repeat the failure. One that cannot match is out of scope: had the
 * repository moved to one that does, a listing without failures would have shown it.
 *
 * @param pattern - `filters.projectKey`
 * @returns `undefined` when it has to be asked for
 */
export function decideUnasked(
  projectKey: string,
  problems: readonly ListingProblem[],
  pattern: TextPattern | undefined,
): RepositoryOutcome | undefined {
  const failures = problems.filter(one => !one.gone);
  const failed = failures.find(
    one => one.projectKey?.toLowerCase() === projectKey.toLowerCase(),
  );
  if (failed) {
    return { kind: 'unknown', ...failed.problem };
  }
  return failures.length === 0 && cannotMatch(pattern, projectKey)
    ? { kind: 'excluded', reason: 'project-key' }
    : undefined;
}

/** In no case of letters: what was read from URLs may differ in that from the key. */
function cannotMatch(pattern: TextPattern | undefined, projectKey: string): boolean {
  const spellings = [projectKey, projectKey.toUpperCase(), projectKey.toLowerCase()];
  return pattern !== undefined && !spellings.some(key => pattern.test(key));
}
