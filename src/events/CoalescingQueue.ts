/**
 * Work that may be asked for again and again: what arrives for the same key while it waits
 * or runs is done together, and what fails is tried again for a while. Knows nothing of
 * events.
 */

import pLimit from 'p-limit';
import { Clock } from '../util/clock';

/** What became of one piece of work. */
export type WorkResult =
  { readonly kind: 'done' } | { readonly kind: 'retry'; readonly detail: string };

/** How a queue works. */
export interface CoalescingQueueOptions<T> {
  readonly clock: Pick<Clock, 'now' | 'sleep' | 'random'>;
  /** Ends everything; what waits is dropped. */
  readonly signal: AbortSignal;
  /** Pieces of work under way at the same time, 1 or more. */
  readonly concurrency: number;
  /** Joins what arrives for a key with what waits for it. */
  readonly merge: (earlier: T, later: T) => T;
  /** What it throws counts like `retry`. */
  readonly work: (item: T) => Promise<WorkResult>;
  /** Told when a piece of work is not tried again. */
  readonly onGiveUp: (item: T, detail: string) => void;
}

/** So long an item waits for others of a burst. */
const SETTLE_MS = 500;

/** So long a key rests once it was worked on: a burst that goes on costs one more piece of work in that time. */
const REST_MS = 5_000;

const FIRST_RETRY_MS = 2_000;
const LONGEST_RETRY_MS = 120_000;
const GIVE_UP_AFTER_MS = 600_000;

/** See the head of the file. */
export class CoalescingQueue<T> {
  readonly #options: CoalescingQueueOptions<T>;
  readonly #limit: ReturnType<typeof pLimit>;
  /** What waits, by key; `undefined` while a key is worked on or rests. */
  readonly #waiting = new Map<string, T | undefined>();

  constructor(options: CoalescingQueueOptions<T>) {
    this.#options = options;
    this.#limit = pLimit(options.concurrency);
  }

  /** Keys that are waited for, worked on or at rest. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Asks for work; returns at once. */
  add(key: string, item: T): void {
    if (this.#options.signal.aborted) {
      return;
    }
    const isNew = !this.#waiting.has(key);
    const earlier = this.#waiting.get(key);
    this.#waiting.set(
      key,
      earlier === undefined ? item : this.#options.merge(earlier, item),
    );
    if (isNew) {
      // Rejects only when the queue ends.
      this.#drive(key).catch(() => this.#waiting.delete(key));
    }
  }

  async #drive(key: string): Promise<void> {
    const { clock, signal } = this.#options;
    await clock.sleep(SETTLE_MS, signal);
    while (this.#waiting.get(key) !== undefined) {
      await this.#complete(key);
      await clock.sleep(REST_MS, signal);
    }
    this.#waiting.delete(key);
  }

  /** Works on what waits for a key until it is done or given up. */
  async #complete(key: string): Promise<void> {
    const { clock, signal, onGiveUp } = this.#options;
    let startedMs = clock.now();
    let item: T | undefined;
    for (let retries = 0; ; retries += 1) {
      if (this.#waiting.get(key) !== undefined) {
        // What has just arrived is given the whole time, and what was there before with it.
        startedMs = clock.now();
      }
      item = this.#take(key, item);
      if (item === undefined) {
        return;
      }
      const result = await this.#attempt(item);
      signal.throwIfAborted();
      if (result.kind === 'done') {
        return;
      }
      const delayMs = delayOf(retries, clock.random());
      if (clock.now() + delayMs - startedMs > GIVE_UP_AFTER_MS) {
        onGiveUp(item, result.detail);
        return;
      }
      await clock.sleep(delayMs, signal);
    }
  }

  /** What is to be worked on now, with what has arrived since the last attempt. */
  #take(key: string, item: T | undefined): T | undefined {
    const arrived = this.#waiting.get(key);
    this.#waiting.set(key, undefined);
    if (item === undefined || arrived === undefined) {
      return arrived ?? item;
    }
    return this.#options.merge(item, arrived);
  }

  async #attempt(item: T): Promise<WorkResult> {
    try {
      return await this.#limit(() => this.#options.work(item));
    } catch (error) {
      return { kind: 'retry', detail: String(error) };
    }
  }
}

/** Doubles from one attempt to the next; the jitter keeps many from coming back at once. */
function delayOf(retries: number, random: number): number {
  const delayMs = Math.min(FIRST_RETRY_MS * 2 ** retries, LONGEST_RETRY_MS);
  return delayMs * (1 + random / 2);
}
