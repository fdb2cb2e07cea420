/** How often property tests draw. For tests. */

import fc from 'fast-check';

/**
 * As many as a test needs to find what it looks for, when each run costs time; more where
 * `PROPERTY_RUNS` says so.
 */
export function propertyRuns(usual: number): number {
  return Math.max(usual, fc.readConfigureGlobal().numRuns ?? 0);
}
