/**
 * Holds requests back until they may go: a slot among the requests in flight, the end of
 * a pause, a token, in this order and first come, first served among reads and among the
 * rest. Must not retry, send or read anything. Called by the transport for every single
 * attempt.
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

  /**
   * Waits for a slot.
   *
   * @returns gives it back
   * @throws the signal's reason at once when aborted; the slot goes to the next
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
  #user: UserBudget;
  readonly #onUser: (userName: string) => void;
  readonly #clock: Clock;
  /**
   * Of each class one at a time: only the first in line holds a slot and watches the clock,
   * the others wait for it. Discovery that waits for its share holds up no read.
   */
  readonly #lines: Readonly<Record<RequestClass, Limit>> = {
    read: pLimit(1),
    discovery: pLimit(1),
  };

  /**
   * Made by `LimiterRegistry`.
   *
   * @param options - `onUser`: told with each answer that names him whose credential it is
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
    return this.#user.told;
  }

  /** Whether the pace depends on the server's budget, and nobody has asked for it yet. */
  get needsBudget(): boolean {
    return this.#user.needsBudget;
  }

  /** Keeps to another budget from now on, those who wait included. */
  useBudgetOf(user: UserBudget): void {
    this.#user = user;
  }

  /**
   * Has the budget read where that is needed, or waits for whoever reads it already: nothing
   * else should be asked for before.
   *
   * @param read - asks the server; `undefined` where it may tell another time
   * @param options - `requestClass`: reads give up soon, and go on without
   * @throws what `read` throws, TimeoutReached, and the signal's reason
   */
  async lookUpBudget(
    read: (signal: AbortSignal | undefined) => Promise<ServerBudget | undefined>,
    { requestClass, signal }: Pick<RunOptions, 'requestClass' | 'signal'> = {},
  ): Promise<void> {
    await this.#user.lookUp.run({
      isNeeded: () => this.needsBudget,
      read: async stop => {
        const budget = await read(stop);
        if (budget) this.learnBudget(budget);
      },
      isHurried: requestClass === 'read',
      signal,
    });
  }

  /** Takes over what reading the server's settings has told; the pace follows at once. */
  learnBudget(budget: ServerBudget): void {
    this.#user.learn(budget);
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
    { signal, onWait, requestClass = 'discovery' }: RunOptions,
  ): Promise<{ readonly done: Promise<T> }> {
    const askedAtMs = this.#clock.monotonicMs();
    const endWaiting = this.#user.countWaiting(requestClass);
    const begun = this.#lines[requestClass](async () => {
      const release = await this.#takeTurn(requestClass, signal);
      const heldMs = this.#clock.monotonicMs() - askedAtMs;
      if (heldMs > 0) onWait?.(heldMs);
      const done = this.#countInFlight(task).finally(release);
      // Nobody may be there any more for what becomes of it.
      done.catch(() => undefined);
      return { done };
    });
    try {
      // Aborted by now: the entry left in the line gives up without taking anything.
      return await raceAbort(begun, signal);
    } finally {
      endWaiting();
    }
  }

  /**
   * Learns from an answer, as soon as its headers are there; a 429 pauses the whole host.
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
    const landed = this.#user.countInFlight();
    try {
      return await task();
    } finally {
      landed();
    }
  }

  /** Waits for a slot and a token; what is returned gives the slot back. */
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

  /** Waits for something of the share, then for the end of the pause and for a token. */
  async #takeToken(
    requestClass: RequestClass,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const shareWaitMs = () => this.#user.shareWaitMs(requestClass);
    // In the queue nobody waits for a share, which others may have used up by then.
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

  /** Waits, and for the end of a pause too; looks again after each wait. */
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
