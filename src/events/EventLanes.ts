/**
 * Who goes first: what Bitbucket has shown before waits for nothing that nobody knows.
 * Anybody who may sign webhooks can invent repositories.
 */

import pLimit from 'p-limit';
import { createBucket, take, waitMs } from '../http/tokenBucket';
import { Clock } from '../util/clock';
import { EventLog } from './EventLog';

/** What nobody knows is looked at one by one: 60 at once, and one a second after that. */
const UNKNOWN_BUDGET = { capacity: 60, refillPerSecond: 1 };

/** What exceeds that is left to the next run. */
const MAX_UNKNOWN_WAITING = 1_000;

/** What lanes are made with. */
export interface EventLanesOptions {
  /** Looked at at the same time, 1 or more. */
  readonly concurrency: number;
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
  /** Told once while too many wait. */
  readonly log: Pick<EventLog, 'overflowing'>;
}

/** Runs work in the order of what it is about. */
export class EventLanes {
  readonly #options: EventLanesOptions;
  readonly #known: ReturnType<typeof pLimit>;
  readonly #bulk: ReturnType<typeof pLimit>;
  readonly #unknown = pLimit(1);
  #budget;
  #isOverflowing = false;

  constructor(options: EventLanesOptions) {
    const { clock, concurrency } = options;
    this.#options = options;
    this.#known = pLimit(concurrency);
    this.#bulk = pLimit(Math.ceil(concurrency / 2));
    this.#budget = createBucket(UNKNOWN_BUDGET, clock.monotonicMs());
  }

  /** For what Bitbucket has shown before. */
  known<T>(work: () => Promise<T>): Promise<T> {
    return this.#known(work);
  }

  /** For what one event brings in great numbers, as one about a project does. */
  bulk<T>(work: () => Promise<T>): Promise<T> {
    return this.#bulk(work);
  }

  /**
   * For what nobody knows.
   *
   * @returns `undefined` where too many wait already
   */
  async unknown<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (this.#unknown.pendingCount >= MAX_UNKNOWN_WAITING) {
      if (!this.#isOverflowing) {
        this.#isOverflowing = true;
        this.#options.log.overflowing(MAX_UNKNOWN_WAITING);
      }
      return undefined;
    }
    return this.#unknown(async () => {
      this.#isOverflowing &&= this.#unknown.pendingCount > 0;
      await this.#pay();
      return work();
    });
  }

  async #pay(): Promise<void> {
    const { clock, signal } = this.#options;
    signal.throwIfAborted();
    const holdMs = waitMs(this.#budget, clock.monotonicMs());
    if (holdMs > 0) {
      await clock.sleep(holdMs, signal);
    }
    this.#budget = take(this.#budget, clock.monotonicMs()).bucket;
  }
}
