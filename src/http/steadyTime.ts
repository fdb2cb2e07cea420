/**
 * Time that never goes back. Must not be used for dates: after the wall clock was set
 * back it runs ahead of it. Called by what paces requests to a host.
 */

import { Clock } from '../util/clock';

/**
 * Creates a clock's `now` that only goes forward.
 *
 * @remarks When an administrator or NTP sets the clock back by an hour, a pause of a
 * second must not become one of an hour.
 *
 * @returns milliseconds; differences between two readings are what counts
 */
export function createSteadyNow(clock: Pick<Clock, 'now'>): () => number {
  let latestMs = clock.now();
  let aheadMs = 0;
  return () => {
    const nowMs = clock.now() + aheadMs;
    if (nowMs < latestMs) aheadMs += latestMs - nowMs;
    latestMs = Math.max(latestMs, nowMs);
    return latestMs;
  };
}
