/**
 * Holds requests back until they may go: a slot among the requests in flight, the end of
 * a pause, a token, in this order and first come, first served. Must not retry, send or
 * read anything. Called by the transport for every single attempt.
 */

import pLimit, { Limit } from 'p-limit';
import { raceAbort } from '../util/abort';
import { Clock, withTimeout } from '../util/clock';
import {
  INITIAL_PACE,
  perSecondOf,
  recordAnswer,
  recordRateLimited,
  recordWait,
} from './adaptivePace';
import { PaceLimits } from './agreeOnLimits';
import { RateLimitHint } from './rateLimitHeaders';
import {
  BelievedBudget,
  budgetAfterHint,
  decidePace,
  decidePauseMs,
  mergeBudget,
  ServerBudget,
} from './rateStrategy';
import { createBucket, learn, reshape, take, TokenBucket, waitMs } from './tokenBucket';

/** For {@link RequestLimiter.run}. */
export interface RunOptions {
  /** Ends the waiting at once. The task has to listen to it by itself. */
  readonly signal?: AbortSignal;
  /** Told once, before the task begins, how long it was held back, if at all. */
  readonly onWait?: (ms: number) => void;
  /** Milliseconds after which a task that has not begun never does. */
  readonly maxWaitMs?: number;
}

/**
 * What all requests to one host share, whatever their credential: the slots of requests
 * in flight, and the pause after a 429.
 */
export class HostLimits {
  #concurrency: number;
  #slots: Limit;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #pausedUntilMs = -Infinity;

  /** @param options - `concurrency`: requests in flight, an integer of 1 or more */
  constructor(options: { readonly concurrency: number; readonly clock: Clock }) {
    this.#concurrency = options.concurrency;
    this.#slots = pLimit(options.concurrency);
    this.#clock = options.clock;
  }

  /** Requests in flight from now on; what holds or awaits a slot by now counts as before. */
  useConcurrency(concurrency: number): void {
    if (concurrency !== this.#concurrency) {
      this.#concurrency = concurrency;
      this.#slots = pLimit(concurrency);
    }
  }

  /** Runs the task in a slot of its own; the slot is free again once the task settles. */
  withSlot<T>(task: () => Promise<T>): Promise<T> {
    return this.#slots(task);
  }

  /** Lets nothing start for so long, milliseconds from now; a pause is never shortened. */
  pauseFor(ms: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#clock.monotonicMs() + ms);
  }

  /** Milliseconds until the pause is over, 0 when there is none. */
  pausedForMs(): number {
    return Math.max(0, this.#pausedUntilMs - this.#clock.monotonicMs());
  }
}

/** The limiter of one credential on one host. */
export class RequestLimiter {
  readonly #host: HostLimits;
  #pace: PaceLimits;
  readonly #clock: Clock;
  /** One at a time: only the first in line watches the clock, the others wait for it. */
  readonly #tokenQueue = pLimit(1);
  #budget: ServerBudget = 'not-read';
  #adaptive = INITIAL_PACE;
  /** `undefined` while the pace is unlimited. */
  #bucket: TokenBucket | undefined;
  #inFlight = 0;
  /** What was told last of a budget that cannot be meant: once is enough. */
  #doubt: string | undefined;
  readonly #onDoubt: (doubt: string) => void;

  /**
   * Made by `LimiterRegistry`.
   *
   * @param options - `pace`: agreed on with all who use it; `onDoubt`: told what the server
   * says of its budget where that cannot be meant, and what is done instead
   */
  constructor(options: {
    readonly host: HostLimits;
    readonly pace: PaceLimits;
    readonly clock: Clock;
    readonly onDoubt: (doubt: string) => void;
  }) {
    this.#host = options.host;
    this.#pace = options.pace;
    this.#clock = options.clock;
    this.#onDoubt = options.onDoubt;
    this.#adoptPace();
  }

  /** What is known of the server's budget. */
  get budget(): ServerBudget {
    return this.#budget;
  }

  /** Whether the pace depends on the server's budget, and nobody has asked for it yet. */
  get needsBudget(): boolean {
    return this.#pace.auto && this.#budget === 'not-read';
  }

  /** Keeps to another pace from now on. */
  usePace(pace: PaceLimits): void {
    this.#pace = pace;
    this.#adoptPace();
  }

  /** Takes over what reading the server's settings has told; the pace follows at once. */
  learnBudget(budget: ServerBudget): void {
    this.#believe(mergeBudget(this.#budget, budget));
    this.#adoptPace();
  }

  /**
   * Runs the task as soon as it may go.
   *
   * @remarks Once begun, the task is waited for even after an abort: it has the signal too.
   *
   * @returns what the task returns
   * @throws the signal's reason at once when aborted while waiting
   * @throws TimeoutReached when it has not begun within `maxWaitMs`
   */
  async run<T>(task: () => Promise<T>, options: RunOptions = {}): Promise<T> {
    const { signal, maxWaitMs: ms } = options;
    signal?.throwIfAborted();
    if (ms === undefined) return (await this.#begin(task, options)).done;
    // Only the waiting has this limit: a task that has begun is waited for.
    const begin = (stop: AbortSignal) => this.#begin(task, { ...options, signal: stop });
    return (await withTimeout(begin, { clock: this.#clock, ms, signal })).done;
  }

  /** Waits until the task has begun. */
  async #begin<T>(
    task: () => Promise<T>,
    { signal, onWait }: RunOptions,
  ): Promise<{ readonly done: Promise<T> }> {
    const askedAtMs = this.#clock.monotonicMs();
    let begin = () => {};
    const begun = new Promise<void>(resolve => {
      begin = resolve;
    });
    const done = this.#host.withSlot(async () => {
      // Aborted by now: the slot is free at once, and the entry left in the line for
      // tokens gives up without taking one.
      await raceAbort(
        this.#tokenQueue(() => this.#takeToken(signal)),
        signal,
      );
      begin();
      const heldMs = this.#clock.monotonicMs() - askedAtMs;
      if (heldMs > 0) onWait?.(heldMs);
      return this.#countInFlight(task);
    });
    await raceAbort(Promise.race([begun, done]), signal);
    return { done };
  }

  /**
   * Learns from an answer, as soon as its headers are there.
   *
   * @param response - status, what the headers tell, and how long they took, milliseconds;
   * a 429 pauses the whole host
   */
  observeResponse(response: {
    readonly status: number;
    readonly hint: RateLimitHint;
    readonly tookMs: number;
  }): void {
    const nowMs = this.#clock.monotonicMs();
    const { status, hint, tookMs } = response;
    const sentAtMs = nowMs - tookMs;
    if (status === 429) {
      this.#host.pauseFor(decidePauseMs(hint.retryAfterMs, this.#clock.random()));
      this.#adaptive = recordRateLimited(this.#adaptive, nowMs, sentAtMs);
    } else {
      this.#adaptive = recordAnswer(this.#adaptive, sentAtMs);
    }
    this.#believe(budgetAfterHint(this.#budget, hint));
    this.#adoptPace();
    if (!this.#bucket) return;
    // Requests in flight, this one aside, may not be counted yet in what is left.
    const left = (hint.remaining ?? Infinity) - Math.max(0, this.#inFlight - 1);
    this.#bucket = learn(this.#bucket, status === 429 ? 0 : left, nowMs);
  }

  #believe({ budget, doubt }: BelievedBudget): void {
    this.#budget = budget;
    if (doubt === undefined || doubt === this.#doubt) return;
    this.#doubt = doubt;
    this.#onDoubt(doubt);
  }

  async #countInFlight<T>(task: () => Promise<T>): Promise<T> {
    this.#inFlight += 1;
    try {
      return await task();
    } finally {
      this.#inFlight -= 1;
    }
  }

  #adoptPace(): void {
    const nowMs = this.#clock.monotonicMs();
    const pace = decidePace(this.#pace, this.#budget, perSecondOf(this.#adaptive));
    if (pace === 'unlimited') {
      this.#bucket = undefined;
      return;
    }
    const shape = { capacity: pace.burst, refillPerSecond: pace.requestsPerSecond };
    this.#bucket = this.#bucket
      ? reshape(this.#bucket, shape, nowMs)
      : createBucket(shape, nowMs);
  }

  /** Waits for the end of the pause and for a token; looks again after each wait. */
  async #takeToken(signal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      signal?.throwIfAborted();
      const nowMs = this.#clock.monotonicMs();
      const pausedMs = this.#host.pausedForMs();
      const bucketMs = this.#bucket ? waitMs(this.#bucket, nowMs) : 0;
      const holdMs = Math.max(pausedMs, bucketMs);
      if (holdMs === 0) break;
      await this.#clock.sleep(holdMs, signal);
      this.#adaptive = recordWait(this.#adaptive, {
        reason: pausedMs > 0 ? 'pause' : 'pace',
        fromMs: nowMs,
        toMs: this.#clock.monotonicMs(),
      });
      this.#adoptPace();
    }
    if (this.#bucket) this.#bucket = take(this.#bucket, this.#clock.monotonicMs()).bucket;
  }
}
