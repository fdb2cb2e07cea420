/**
 * Gives work a time limit on a given clock. Must not leave a timer or a listener behind.
 * Called by the transport for every attempt.
 */

import { Clock } from '../util/clock';
import { onAbort } from '../util/abort';
import { untilAborted } from './untilAborted';

/** What work is rejected with when its time is over. Stays inside the transport. */
export class TimeLimitReached extends Error {
  override name = 'TimeLimitReached' as const;
}

/**
 * Runs the work until it settles, its time is over, or the caller has had enough.
 *
 * @param work - is handed a signal that tells of both; it is not waited for after that,
 * so work that ignores the signal does not hold anyone up
 * @param limit - `ms` on the `clock`, and the caller's own signal
 * @throws TimeLimitReached when the time is over
 * @throws the caller's `signal.reason` when aborted
 */
export async function withinTimeLimit<T>(
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
    () => stop.abort(new TimeLimitReached(`no result within ${ms} ms`)),
    () => undefined,
  );
  try {
    return await untilAborted(work(stop.signal), stop.signal);
  } finally {
    timer.abort();
    stopListening();
  }
}
