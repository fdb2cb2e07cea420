/**
 * The only place that uses time and randomness directly. Everything else receives a `Clock`,
 * so that tests use a fake one and no decision depends on the wall clock.
 */

import { onAbort, raceAbort } from './abort';

/** Time and randomness for the code in the layers above. */
export interface Clock {
  /** Returns epoch milliseconds; an administrator or NTP may set the clock back or forward. */
  now(): number;
  /** Returns whole milliseconds since an arbitrary moment; never decreases. Only differences are meaningful. */
  monotonicMs(): number;
  /**
   * Waits.
   *
   * @param ms - milliseconds, 0 or more
   * @param signal - rejects with `signal.reason` immediately when aborted
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /**
   * Calls back once, after `ms` milliseconds (0 or more). Cheaper than a `sleep` that is usually
   * aborted: an abort creates an error with a stack trace.
   *
   * @returns a function that cancels the call
   */
  callAfter(ms: number, callback: () => void): () => void;
  /** Returns a random number in [0, 1). */
  random(): number;
}

/** The longest timer of Node: 2^31 - 1 ms, about 24.8 days. */
const MAX_TIMER_MS = 2_147_483_647;

function callAfter(ms: number, callback: () => void): () => void {
  const timer = setTimeout(callback, Math.min(Math.max(ms, 0), MAX_TIMER_MS));
  return () => clearTimeout(timer);
}

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const cancel = callAfter(ms, () => {
      stopListening();
      resolve();
    });
    const stopListening = onAbort(signal, () => {
      cancel();
      reject(signal?.reason);
    });
  });
}

/** The system clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => Math.floor(performance.now()),
  sleep,
  callAfter,
  random: () => Math.random(),
};

/** The work did not finish within its time limit. */
export class TimeoutReached extends Error {
  override name = 'TimeoutReached' as const;
}

/**
 * Runs the work until it settles, its time limit is reached, or the caller aborts.
 *
 * @param work - receives a signal that aborts in both cases; the call does not wait for the work
 * after that, so work that ignores the signal blocks nothing
 * @param limit - `ms` on the `clock`, and the caller's own signal
 * @throws TimeoutReached when the time limit is reached
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
  const stopListening = onAbort(signal, () => stop.abort(signal?.reason));
  const cancel = clock.callAfter(ms, () =>
    stop.abort(new TimeoutReached(`no result within ${ms} ms`)),
  );
  try {
    return await raceAbort(work(stop.signal), stop.signal);
  } finally {
    cancel();
    stopListening();
  }
}

/**
 * Starts a timer.
 *
 * @param ms - milliseconds until `signal` aborts
 * @returns `signal`, and `end`, which removes the timer and has to be called
 */
export function startTimer(
  clock: Clock,
  ms: number,
): { readonly signal: AbortSignal; readonly end: () => void } {
  const over = new AbortController();
  const end = clock.callAfter(ms, () =>
    over.abort(new TimeoutReached(`${ms} ms are over`)),
  );
  return { signal: over.signal, end };
}

/** Lets other work run: a long loop must not block the event loop. */
export function yieldToEventLoop(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}

/** The number of items that are processed before other work can run. */
export const ITEMS_PER_TURN = 500;

/** Calls `work` for each item, and regularly yields to the event loop. */
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

/** Indexes items, the last one under each key, and regularly yields to the event loop. */
export async function indexInTurns<T, K>(
  items: Iterable<T>,
  toKey: (item: T) => K,
): Promise<Map<K, T>> {
  const index = new Map<K, T>();
  await forEachInTurns(items, item => index.set(toKey(item), item));
  return index;
}

/** Maps items, and regularly yields to the event loop. */
export async function mapInTurns<T, R>(
  items: Iterable<T>,
  work: (item: T) => R,
): Promise<R[]> {
  const results: R[] = [];
  await forEachInTurns(items, item => results.push(work(item)));
  return results;
}
