/** Extrapolates to cells that would take too long to run. Pure. */

import { describeCell } from './describe';
import { CellResult, Result, scaleResult, Subject, summarizeRuns } from './measurement';
import { Cell } from './plan';

/**
 * Extrapolates from the largest server on which the same situation was run, finished or failed.
 *
 * @param smaller - results so far, smaller servers first
 */
export function extrapolateResult(
  cell: Cell,
  subject: Subject,
  smaller: readonly CellResult[],
): Result {
  const like = smaller
    .filter(one => isSameSituation(one.cell, cell) && one[subject].kind !== 'scaled')
    .at(-1);
  return like
    ? scaleResult(like[subject], like.cell.repositories, cell.repositories)
    : summarizeRuns([]);
}

/** Whether two cells differ only in the number of repositories. */
function isSameSituation(one: Cell, other: Cell): boolean {
  const size = { repositories: 0, repeats: 0 };
  return describeCell({ ...one, ...size }) === describeCell({ ...other, ...size });
}
