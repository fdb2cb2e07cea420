/** Bounded concurrency over a list. */

import pLimit from 'p-limit';

/**
 * Maps with at most `concurrency` calls in flight, results in the order of the input.
 *
 * @remarks After the first rejection no further call is started; calls under way go on.
 *
 * @param concurrency - 1 or more
 */
export async function mapConcurrent<T, R>(
  items: readonly T[],
  concurrency: number,
  map: (item: T) => Promise<R>,
): Promise<R[]> {
  const limit = pLimit(concurrency);
  const call = async (item: T): Promise<R> => {
    try {
      return await map(item);
    } catch (error) {
      // Here and not where all are awaited: by then the next ones would have been started.
      limit.clearQueue();
      throw error;
    }
  };
  return Promise.all(items.map(item => limit(() => call(item))));
}
