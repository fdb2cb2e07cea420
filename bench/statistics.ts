/** Summaries of several measurements. Pure. */

/** The median and the range of some numbers. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/**
 * The median; for an even number of values the mean of the two middle ones.
 *
 * @throws RangeError without values
 */
function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  if (upper === undefined || lower === undefined) {
    throw new RangeError('there is no median of nothing');
  }
  return (lower + upper) / 2;
}

/**
 * Returns median, minimum and maximum.
 *
 * @throws RangeError without values
 */
export function getSpread(values: readonly number[]): Spread {
  return {
    median: median(values),
    min: Math.min(...values),
    max: Math.max(...values),
  };
}

/** The median of each key; a missing key counts as 0. */
export function medianByKey(
  records: readonly Readonly<Record<string, number>>[],
): Record<string, number> {
  const keys = [...new Set(records.flatMap(record => Object.keys(record)))];
  return Object.fromEntries(
    keys.map(key => [key, median(records.map(record => record[key] ?? 0))]),
  );
}
