/**
 * Ensures that the budget of a user is read once, before any other request of that user. Must
 * not know how it is read.
 */

import { Clock, withTimeout } from '../util/clock';

/**
 * Longest wait for the budget, milliseconds. Only the caller that reads it may take longer, and
 * only if it is not hurried.
 */
const MAX_WAIT_MS = 8_000;

/** Shortest time between an attempt that found no budget and the next, milliseconds. */
const RETRY_MS = 60_000;

/** For {@link BudgetLookup.run}. */
export interface BudgetReading {
  /** Whether the budget is not known yet. */
  readonly isNeeded: () => boolean;
  /** Reads the budget and stores it; must observe the signal. */
  readonly read: (signal: AbortSignal | undefined) => Promise<void>;
  /** Whether an attempt is given up after the time that other callers wait for it. */
  readonly isHurried: boolean;
  readonly signal?: AbortSignal;
}

/** Allows one attempt at a time to read the budget of one user. */
export class BudgetLookup {
  readonly #clock: Clock;
  #attempt: { readonly over: Promise<void>; readonly sinceMs: number } | undefined;
  /** End of the last attempt that was not aborted, on the monotonic clock. */
  #triedAtMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Makes the first attempt, or waits while another caller makes it. If that caller is aborted,
   * the next one in line makes an attempt. Later attempts delay only the caller that makes them.
   *
   * @throws the error of `read`, if this call made the attempt
   * @throws TimeoutReached when the budget was not read in time
   * @throws the signal's reason immediately when aborted
   */
  async run(reading: BudgetReading): Promise<void> {
    const clock = this.#clock;
    while (reading.isNeeded() && clock.monotonicMs() - this.#triedAtMs >= RETRY_MS) {
      if (!this.#attempt) return this.#try(reading);
      const { over, sinceMs } = this.#attempt;
      const ms = sinceMs + MAX_WAIT_MS - clock.monotonicMs();
      if (ms <= 0 || this.#triedAtMs > -Infinity) return undefined;
      await withTimeout(() => over, { clock, ms, signal: reading.signal });
    }
    return undefined;
  }

  async #try({ isHurried, read, signal }: BudgetReading): Promise<void> {
    const clock = this.#clock;
    const reading = isHurried
      ? withTimeout(read, { clock, ms: MAX_WAIT_MS, signal })
      : read(signal);
    const end = () => {
      this.#attempt = undefined;
      if (!signal?.aborted) this.#triedAtMs = clock.monotonicMs();
    };
    this.#attempt = { over: reading.then(end, end), sinceMs: clock.monotonicMs() };
    await reading;
  }
}
