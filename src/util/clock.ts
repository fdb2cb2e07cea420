/**
 * The only place that touches time and chance. Everything else is handed a `Clock`,
 * so that tests run on a fake one and no decision depends on the wall clock.
 */

import { onAbort, raceAbort } from './abort';

/** Time and chance, as the code above may use them. */
export interface Clock {
  /** Epoch milliseconds; an administrator or NTP may set it back or forward. */
  now(): number;
  /** Whole milliseconds since some moment; never goes back. Only differences mean anything. */
  monotonicMs(): number;
  /**
   * Waits.
   *
   * @param ms - milliseconds, 0 or more
   * @param signal - rejects with `signal.reason` at once when aborted
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** A number in [0, 1). */
  random(): number;
}

/** Node cannot wait longer in one timer: 2^31 - 1 ms, about 24.8 days. */
const MAX_TIMER_MS = 2_147_483_647;

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const timer = setTimeout(
      () => {
        stopListening();
        resolve();
      },
      Math.min(Math.max(ms, 0), MAX_TIMER_MS),
    );
    const stopListening = onAbort(signal, () => {
      clearTimeout(timer);
      reject(signal?.reason);
    });
  });
}

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => Math.floor(performance.now()),
  sleep,
  random: () => Math.random(),
};

/** What work is rejected with when its time is over. */
export class TimeoutReached extends Error {
  override name = 'TimeoutReached' as const;
}

/**
 * Runs the work until it settles, its time is over, or the caller has had enough.
 *
 * @param work - is handed a signal that tells of both; it is not waited for after that,
 * so work that ignores the signal does not hold anyone up
 * @param limit - `ms` on the `clock`, and the caller's own signal
 * @throws TimeoutReached when the time is over
 * @throws the caller's `signal.reason` when aborted
 */
export async function withTimeout<T>(
  work: (signal: AbortSignal) => Promise<T>,
  limit: {
    readonly clock: Clock;
    readonly ms: number;
    readonly signal?: AbortSignal;
  },
): Promise<T> {
  const { clock, ms, signal } = limit;
  signal?.throwIfAborted();
  const stop = new AbortController();
  const timer = new AbortController();
  const stopListening = onAbort(signal, () => stop.abort(signal?.reason));
  clock.sleep(ms, timer.signal).then(
    () => stop.abort(new TimeoutReached(`no result within ${ms} ms`)),
    () => undefined,
  );
  try {
    return await raceAbort(work(stop.signal), stop.signal);
  } finally {
    timer.abort();
    stopListening();
  }
}

/**
 * Tells when so much time is over.
 *
 * @returns `signal` is aborted then; `end` takes the timer away, and has to be called
 */
export function startTimer(
  clock: Clock,
  ms: number,
): { readonly signal: AbortSignal; readonly end: () => void } {
  const over = new AbortController();
  const timer = new AbortController();
  clock.sleep(ms, timer.signal).then(
    () => over.abort(new TimeoutReached(`${ms} ms are over`)),
    () => undefined,
  );
  return { signal: over.signal, end: () => timer.abort() };
}

/** Lets everybody else have a turn: work in many steps must not hold up the process. */
export function yieldToEventLoop(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}

/** So many are worked on before others have a turn. */
export const ITEMS_PER_TURN = 500;

/** Goes through items; others have a turn now and then. */
export async function forEachInTurns<T>(
  items: Iterable<T>,
  work: (item: T) => void,
): Promise<void> {
  let count = 0;
  for (const item of items) {
    if (count > 0 && count % ITEMS_PER_TURN === 0) {
      await yieldToEventLoop();
    }
    count += 1;
    work(item);
  }
}

/** Maps items; others have a turn now and then. */
export async function mapInTurns<T, R>(
  items: Iterable<T>,
  work: (item: T) => R,
): Promise<R[]> {
  const results: R[] = [];
  await forEachInTurns(items, item => results.push(work(item)));
  return results;
}
