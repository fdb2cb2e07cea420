/**
 * Has what the server grants one user read once, before anything else is asked for in the
 * name of that user. Must not know how it is read.
 */

import { Clock, withTimeout } from '../util/clock';

/** Nobody who cannot wait long, and nobody but the one who reads it, waits longer; milliseconds. */
const MAX_WAIT_MS = 8_000;

/** After an attempt that told nothing the next one is made no sooner, milliseconds. */
const RETRY_MS = 60_000;

/** For {@link BudgetLookUp.run}. */
export interface BudgetReading {
  /** Whether nobody knows the budget yet. */
  readonly isNeeded: () => boolean;
  /** Reads the budget and passes it on; has to heed the signal. */
  readonly read: (signal: AbortSignal | undefined) => Promise<void>;
  /** An attempt that takes longer than others wait for it is given up. */
  readonly isHurried: boolean;
  readonly signal?: AbortSignal;
}

/** One attempt at a time for all who need the budget of one user. */
export class BudgetLookUp {
  readonly #clock: Clock;
  #attempt: { readonly over: Promise<void>; readonly sinceMs: number } | undefined;
  /** When the last attempt was over that was not aborted; on the monotonic clock. */
  #triedAtMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Makes the first attempt, or waits for whoever does. Should that one be aborted, the next
   * in line goes on. Later attempts hold up only those who make them.
   *
   * @throws what `read` throws, where it was called
   * @throws TimeoutReached when there was nothing in time
   * @throws the signal's reason at once when aborted
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
