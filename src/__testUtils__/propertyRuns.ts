/** The number of samples of property tests. For tests. */

import fc from 'fast-check';

/**
 * Returns the usual number of samples of a slow test, or more if `PROPERTY_RUNS` is higher.
 */
export function propertyRuns(usual: number): number {
  return Math.max(usual, fc.readConfigureGlobal().numRuns ?? 0);
}
