/** What stands for cells that take too long to be run. Pure. */

import { describeCell } from './describe';
import { CellResult, Result, scaleResult, Subject, summarizeRuns } from './measurement';
import { Cell } from './plan';

/**
 * From the largest server on which the same was run, whether it ended there or failed.
 *
 * @param smaller - results so far, smaller servers first
 */
export function reckon(
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

/** But for the number of repositories. */
function isSameSituation(one: Cell, other: Cell): boolean {
  const size = { repositories: 0, repeats: 0 };
  return describeCell({ ...one, ...size }) === describeCell({ ...other, ...size });
}
