/**
 * A queue for work that may be requested repeatedly: requests for the same key that arrive
 * while it waits or runs are merged, and failed work is retried for a while. Independent of
 * events.
 */

import { Clock } from '../util/clock';

/** Result of one piece of work. */
export type WorkResult<R> =
  | { readonly kind: 'done'; readonly result: R }
  | { readonly kind: 'retry'; readonly detail: string };

/** Options for {@link CoalescingQueue}. */
interface CoalescingQueueOptions<T, R> {
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep' | 'random'>;
  /** Ends the queue; waiting items are dropped. */
  readonly signal: AbortSignal;
  /** Merges an item that arrives with the one that waits for the same key. */
  readonly merge: (earlier: T, later: T) => T;
  /** Does the work; a thrown error counts like `retry`. */
  readonly work: (item: T) => Promise<WorkResult<R>>;
  /** Called when a piece of work is not retried any more; returns its result. */
  readonly onGiveUp: (item: T, detail: string) => R;
}

/** The merged item of one key, and the callers that wait for its result. */
interface Job<T, R> {
  readonly item: T;
  readonly settle: ((result: R) => void)[];
}

/** Time that a new item waits for other items of the same burst. */
const SETTLE_MS = 500;

/** Pause of a key after its work: during a longer burst, work is done once in this time. */
const REST_MS = 5_000;

const MIN_RETRY_MS = 2_000;
const MAX_RETRY_MS = 120_000;
const GIVE_UP_AFTER_MS = 600_000;

/** Merges and retries work by key; see the head of the file. */
export class CoalescingQueue<T, R> {
  /** Waiting jobs by key; `undefined` while the work of a key is in progress or paused. */
  readonly #waiting = new Map<string, Job<T, R> | undefined>();

  constructor(private readonly options: CoalescingQueueOptions<T, R>) {}

  /**
   * Requests work.
   *
   * @returns the result, once the work is done or given up; never settles after the queue
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
        this.#process(key).catch(() => this.#waiting.delete(key));
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

  async #process(key: string): Promise<void> {
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

  /** Does the work of one key, merged with items that arrive meanwhile, until it is done or given up. */
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
        // A new item gets the whole time for its retries, and the earlier ones with it.
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

/** Doubles with each attempt; the jitter prevents many retries at the same time. */
function getDelayMs(retries: number, random: number): number {
  const delayMs = Math.min(MIN_RETRY_MS * 2 ** retries, MAX_RETRY_MS);
  return delayMs * (1 + random / 2);
}
