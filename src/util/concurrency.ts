/** Limits concurrency within this process. */

import { Limit } from 'p-limit';
import { ITEMS_PER_TURN, yieldToEventLoop } from './clock';

/**
 * Maps with at most `concurrency` calls in flight, results in the order of the input.
 *
 * @remarks After the first rejection no further call is started; calls in flight continue.
 * Regularly yields to the event loop, even where the calls wait for nothing. There is no
 * queue: one with a hundred thousand entries takes more memory than the items.
 *
 * @param concurrency - 1 or more
 */
export async function mapConcurrent<T, R>(
  items: readonly T[],
  concurrency: number,
  map: (item: T) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  const waiting = items.entries();
  let isOver = false;
  let turn: Promise<void> | undefined;
  const work = async () => {
    for (const [index, item] of waiting) {
      if (index % ITEMS_PER_TURN === ITEMS_PER_TURN - 1) {
        turn = yieldToEventLoop().finally(() => (turn = undefined));
      }
      // All workers wait, otherwise the others would continue in the same turn.
      await turn;
      if (isOver) {
        return;
      }
      try {
        results[index] = await map(item);
      } catch (error) {
        isOver = true;
        throw error;
      }
    }
  };
  await Promise.all(
    Array.from({ length: Math.min(concurrency, items.length) }, () => work()),
  );
  return results;
}

/** One lock per key, within this process. */
export class KeyedLock {
  /** The latest work of each key. */
  readonly #last = new Map<string, Promise<unknown>>();

  /**
   * Runs the work once all earlier work with one of the keys has settled.
   *
   * @remarks All keys are taken together, so two calls can never wait for each other.
   */
  async run<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const before = keys.flatMap(key => this.#last.get(key) ?? []);
    const finished = Promise.allSettled(before).then(work);
    keys.forEach(key => this.#last.set(key, finished));
    try {
      return await finished;
    } finally {
      for (const key of keys) {
        if (this.#last.get(key) === finished) {
          this.#last.delete(key);
        }
      }
    }
  }
}

/**
 * Waits for a slot.
 *
 * @remarks The work itself is not passed to the limit: until its next call, the limit keeps a
 * reference to the last work and its result, which for a run is all repositories.
 *
 * @returns a function that releases the slot
 */
export function takeSlot(limit: Limit): Promise<() => void> {
  return new Promise(resolve => {
    void limit(() => new Promise<void>(release => resolve(release)));
  });
}
