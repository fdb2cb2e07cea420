/** How much of what is asked for is under way at the same time, within this process. */

import { Limit } from 'p-limit';
import { ITEMS_PER_TURN, yieldToEventLoop } from './clock';

/**
 * Maps with at most `concurrency` calls in flight, results in the order of the input.
 *
 * @remarks After the first rejection no further call is started; calls under way go on.
 * Calls that wait for nothing let others have a turn now and then. No queue is made: a
 * hundred thousand places in one take more memory than the items.
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
      // All of them wait, or the rest would go on meanwhile.
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

/** One lock for each of any number of keys, within this process. */
export class KeyedLock {
  /** Of each key the work that asked last. */
  readonly #last = new Map<string, Promise<unknown>>();

  /**
   * Runs the work once all that asked before for one of the keys has settled.
   *
   * @remarks All keys are asked for at once, so two can never wait for each other.
   */
  async run<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const before = keys.flatMap(key => this.#last.get(key) ?? []);
    const mine = Promise.allSettled(before).then(work);
    keys.forEach(key => this.#last.set(key, mine));
    try {
      return await mine;
    } finally {
      for (const key of keys) {
        if (this.#last.get(key) === mine) {
          this.#last.delete(key);
        }
      }
    }
  }
}

/**
 * Waits for a slot.
 *
 * @remarks The work itself is not handed to the limit: until its next call, that holds on to
 * the last one with all it can reach and its result, which for a run is all repositories.
 *
 * @returns gives the slot back
 */
export function takeSlot(limit: Limit): Promise<() => void> {
  return new Promise(resolve => {
    void limit(() => new Promise<void>(release => resolve(release)));
  });
}
