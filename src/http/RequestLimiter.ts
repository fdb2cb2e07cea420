/**
 * Holds requests back until they have a slot among the requests in flight, no pause is in effect,
 * and they have a token, in this order. Reads and discovery are each served in the order in which
 * they come. Must not retry, send or read anything. Called by the transport for every attempt.
 */

import pLimit, { Limit } from 'p-limit';
import { raceAbort } from '../util/abort';
import { Clock, withTimeout } from '../util/clock';
import { takeSlot } from '../util/concurrency';
import { decidePauseMs, ServerBudget } from './rateStrategy';
import { RequestClass } from './types';
import { ObservedResponse, UserBudget } from './UserBudget';

/** For {@link RequestLimiter.run}. */
export interface RunOptions {
  /** `discovery` when left out. */
  readonly requestClass?: RequestClass;
  /** Ends the waiting immediately. A task that has begun must observe it itself. */
  readonly signal?: AbortSignal;
  /** Called once, before the task begins, with the milliseconds it was held back, if any. */
  readonly onWait?: (ms: number) => void;
  /** Milliseconds after which a task that has not begun is dropped. */
  readonly maxWaitMs?: number;
}

/**
 * The limits that all requests to one host share, whatever their credential: the slots of
 * requests in flight, and the pause after a 429.
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

  /** Changes the requests in flight; those that hold or await a slot keep to the old limit. */
  useConcurrency(concurrency: number): void {
    if (concurrency !== this.#concurrency) {
      this.#concurrency = concurrency;
      this.#slots = pLimit(concurrency);
    }
  }

  /**
   * Waits for a slot.
   *
   * @returns a function that releases the slot
   * @throws the signal's reason immediately when aborted; the slot goes to the next request
   */
  async takeSlot(signal: AbortSignal | undefined): Promise<() => void> {
    const slot = takeSlot(this.#slots);
    try {
      return await raceAbort(slot, signal);
    } catch (error) {
      void slot.then(release => release());
      throw error;
    }
  }

  /** Lets no request start for `ms` milliseconds; never shortens a pause. */
  pauseFor(ms: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#clock.monotonicMs() + ms);
  }

  /** Milliseconds until the pause is over; 0 when there is none. */
  pausedForMs(): number {
    return Math.max(0, this.#pausedUntilMs - this.#clock.monotonicMs());
  }
}

/** The limiter of one credential on one host. */
export class RequestLimiter {
  readonly #host: HostLimits;
  #user: UserBudget;
  readonly #onUser: (userName: string) => void;
  readonly #clock: Clock;
  /**
   * One request of each class at a time: only the first in line holds a slot and a timer, the
   * others wait for it. Discovery that waits for its share does not delay reads.
   */
  readonly #lines: Readonly<Record<RequestClass, Limit>> = {
    read: pLimit(1),
    discovery: pLimit(1),
  };

  /**
   * Called by `LimiterRegistry`.
   *
   * @param options - `onUser`: receives the user name of each answer that contains one
   */
  constructor(options: {
    readonly host: HostLimits;
    readonly user: UserBudget;
    readonly clock: Clock;
    readonly onUser?: (userName: string) => void;
  }) {
    this.#onUser = options.onUser ?? (() => {});
    this.#host = options.host;
    this.#user = options.user;
    this.#clock = options.clock;
  }

  /** What is known of the server's budget. */
  get budget(): ServerBudget {
    return this.#user.serverBudget;
  }

  /** Whether the pace depends on the server's budget, and it has not been read yet. */
  get needsBudget(): boolean {
    return this.#user.needsBudget;
  }

  /** Replaces the user's budget, also for requests that already wait. */
  useBudget(user: UserBudget): void {
    this.#user = user;
  }

  /**
   * Reads the budget if it is needed, or waits while another caller reads it. Should be called
   * before any other request.
   *
   * @param read - requests the budget; `undefined` if a later attempt may succeed
   * @param options - `requestClass`: reads give up early and continue without the budget
   * @throws the error of `read`, TimeoutReached, or the signal's reason
   */
  async lookUpBudget(
    read: (signal: AbortSignal | undefined) => Promise<ServerBudget | undefined>,
    { requestClass, signal }: Pick<RunOptions, 'requestClass' | 'signal'> = {},
  ): Promise<void> {
    await this.#user.budgetLookup.run({
      isNeeded: () => this.needsBudget,
      read: async stop => {
        const budget = await read(stop);
        if (budget) this.learnBudget(budget);
      },
      isHurried: requestClass === 'read',
      signal,
    });
  }

  /** Adopts the budget read from the server's settings; the pace changes immediately. */
  learnBudget(budget: ServerBudget): void {
    this.#user.learn(budget);
  }

  /**
   * Runs the task as soon as it may go.
   *
   * @remarks Waits for a task that has begun even after an abort, since it has the signal too.
   *
   * @returns the result of the task
   * @throws the signal's reason immediately when aborted while waiting
   * @throws TimeoutReached when it has not begun within `maxWaitMs`
   */
  async run<T>(task: () => Promise<T>, options: RunOptions = {}): Promise<T> {
    const { signal, maxWaitMs: ms } = options;
    signal?.throwIfAborted();
    if (ms === undefined) return (await this.#begin(task, options)).done;
    // The limit applies only to the waiting; a task that has begun is completed.
    const begin = (stop: AbortSignal) => this.#begin(task, { ...options, signal: stop });
    return (await withTimeout(begin, { clock: this.#clock, ms, signal })).done;
  }

  /** Waits until the task has begun. */
  async #begin<T>(
    task: () => Promise<T>,
    { signal, onWait, requestClass = 'discovery' }: RunOptions,
  ): Promise<{ readonly done: Promise<T> }> {
    const askedAtMs = this.#clock.monotonicMs();
    const endWaiting = this.#user.countWaiting(requestClass);
    const begun = this.#lines[requestClass](async () => {
      const release = await this.#takeTurn(requestClass, signal);
      const heldMs = this.#clock.monotonicMs() - askedAtMs;
      if (heldMs > 0) onWait?.(heldMs);
      const done = this.#countInFlight(task).finally(release);
      // After an abort there is no caller left to handle a rejection.
      done.catch(() => undefined);
      return { done };
    });
    try {
      // After an abort, the entry that is left in the line ends without taking anything.
      return await raceAbort(begun, signal);
    } finally {
      endWaiting();
    }
  }

  /**
   * Learns from an answer, as soon as its headers have arrived; a 429 pauses the whole host.
   */
  observeResponse(response: ObservedResponse): void {
    if (response.status === 429) {
      const { retryAfterMs } = response.hint;
      const ms = decidePauseMs(retryAfterMs, this.#clock.random());
      this.#host.pauseFor(ms);
      this.#user.pauseOthers(ms);
    }
    if (response.userName !== undefined) this.#onUser(response.userName);
    this.#user.observe(response);
  }

  async #countInFlight<T>(task: () => Promise<T>): Promise<T> {
    const endInFlight = this.#user.countInFlight();
    try {
      return await task();
    } finally {
      endInFlight();
    }
  }

  /** Waits for a slot and a token; returns a function that releases the slot. */
  async #takeTurn(
    requestClass: RequestClass,
    signal: AbortSignal | undefined,
  ): Promise<() => void> {
    signal?.throwIfAborted();
    const release = await this.#host.takeSlot(signal);
    try {
      await this.#takeToken(requestClass, signal);
      return release;
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Waits until the class has some of its share left, then for the pause and a token. */
  async #takeToken(
    requestClass: RequestClass,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const shareWaitMs = () => this.#user.shareWaitMs(requestClass);
    // A request does not wait in the queue for its share, which may be used up by then.
    const tokenWaitMs = () => (shareWaitMs() > 0 ? 0 : this.#user.tokenWaitMs());
    for (let isTaken = false; !isTaken;) {
      await this.#waitFor(shareWaitMs, signal);
      const turn = this.#user.tokenQueue(async () => {
        await this.#waitFor(tokenWaitMs, signal);
        signal?.throwIfAborted();
        const taken = await this.#user.take(requestClass);
        this.#host.pauseFor(taken.pausedMs);
        return taken.isTaken;
      });
      isTaken = await raceAbort(turn, signal);
    }
  }

  /** Waits until there is neither a wait nor a pause left, and checks again after each wait. */
  async #waitFor(waitMs: () => number, signal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      signal?.throwIfAborted();
      const fromMs = this.#clock.monotonicMs();
      const pausedMs = this.#host.pausedForMs();
      const holdMs = Math.max(pausedMs, waitMs());
      if (holdMs === 0) return;
      await this.#clock.sleep(holdMs, signal);
      this.#user.recordWait(pausedMs > 0 ? 'pause' : 'pace', fromMs);
    }
  }
}
