/**
 * Work that may be asked for again and again: what arrives for the same key while it waits
 * or runs is done together, and what fails is tried again for a while. Knows nothing of
 * events.
 */

import { Clock } from '../util/clock';

/** What became of one piece of work. */
export type WorkResult<R> =
  | { readonly kind: 'done'; readonly result: R }
  | { readonly kind: 'retry'; readonly detail: string };

/** How a queue works. */
interface CoalescingQueueOptions<T, R> {
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep' | 'random'>;
  /** Ends everything; what waits is dropped. */
  readonly signal: AbortSignal;
  /** Joins what arrives for a key with what waits for it. */
  readonly merge: (earlier: T, later: T) => T;
  /** What it throws counts like `retry`. */
  readonly work: (item: T) => Promise<WorkResult<R>>;
  /** Told when a piece of work is not tried again; answers what became of it. */
  readonly onGiveUp: (item: T, detail: string) => R;
}

/** What is asked for under one key, and who waits for it. */
interface Job<T, R> {
  readonly item: T;
  readonly settle: ((result: R) => void)[];
}

/** So long an item waits for others of a burst. */
const SETTLE_MS = 500;

/** So long a key rests once it was worked on: a burst that goes on costs one more piece of work in that time. */
const REST_MS = 5_000;

const MIN_RETRY_MS = 2_000;
const MAX_RETRY_MS = 120_000;
const GIVE_UP_AFTER_MS = 600_000;

/** See the head of the file. */
export class CoalescingQueue<T, R> {
  /** What waits, by key; `undefined` while a key is worked on or rests. */
  readonly #waiting = new Map<string, Job<T, R> | undefined>();

  constructor(private readonly options: CoalescingQueueOptions<T, R>) {}

  /**
   * Asks for work.
   *
   * @returns what became of it, once it is done or given up; never settles once the queue
   * has ended
   */
  add(key: string, item: T): Promise<R> {
    return new Promise(resolve => {
      if (this.options.signal.aborted) {
        return;
      }
      const isNew = !this.#waiting.has(key);
      const job = { item, settle: [resolve] };
      this.#waiting.set(key, this.#join(this.#waiting.get(key), job));
      if (isNew) {
        // Rejects only when the queue ends.
        this.#drive(key).catch(() => this.#waiting.delete(key));
      }
    });
  }

  #join(earlier: Job<T, R> | undefined, later: Job<T, R>): Job<T, R> {
    if (earlier === undefined) {
      return later;
    }
    earlier.settle.push(...later.settle);
    return {
      item: this.options.merge(earlier.item, later.item),
      settle: earlier.settle,
    };
  }

  async #drive(key: string): Promise<void> {
    const { clock, signal } = this.options;
    await clock.sleep(SETTLE_MS, signal);
    for (let job = this.#take(key); job; job = this.#take(key)) {
      await this.#complete(key, job);
      await clock.sleep(REST_MS, signal);
    }
    this.#waiting.delete(key);
  }

  #take(key: string): Job<T, R> | undefined {
    const job = this.#waiting.get(key);
    this.#waiting.set(key, undefined);
    return job;
  }

  /** Works on one key until it is done or given up, together with what arrives meanwhile. */
  async #complete(key: string, first: Job<T, R>): Promise<void> {
    const { clock, signal, onGiveUp } = this.options;
    let job = first;
    let startedMs = clock.monotonicMs();
    for (let retries = 0; ; retries += 1) {
      const result = await this.#attempt(job.item);
      signal.throwIfAborted();
      if (result.kind === 'done') {
        job.settle.forEach(settle => settle(result.result));
        return;
      }
      const delayMs = getDelayMs(retries, clock.random());
      if (clock.monotonicMs() + delayMs - startedMs > GIVE_UP_AFTER_MS) {
        const givenUp = onGiveUp(job.item, result.detail);
        job.settle.forEach(settle => settle(givenUp));
        return;
      }
      await clock.sleep(delayMs, signal);
      const arrived = this.#take(key);
      if (arrived) {
        // What has just arrived is given the whole time, and what was there before with it.
        startedMs = clock.monotonicMs();
        job = this.#join(job, arrived);
      }
    }
  }

  async #attempt(item: T): Promise<WorkResult<R>> {
    try {
      return await this.options.work(item);
    } catch (error) {
      return { kind: 'retry', detail: String(error) };
    }
  }
}

/** Doubles from one attempt to the next; the jitter keeps many from coming back at once. */
function getDelayMs(retries: number, random: number): number {
  const delayMs = Math.min(MIN_RETRY_MS * 2 ** retries, MAX_RETRY_MS);
  return delayMs * (1 + random / 2);
}
