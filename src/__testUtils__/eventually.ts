/** Waits for a real backend, whose processing no fake clock can drive. For tests. */

import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 150;
/** Ample on a busy machine: only a test that fails waits so long. */
const MAX_WAIT_MS = 60_000;

/**
 * Retries until the call succeeds; how long that takes is not part of the test.
 *
 * @param attempt - throws until the awaited result is available
 * @param maxWaitMs - milliseconds after which it gives up
 * @throws the last error of `attempt`
 */
export async function eventually<T>(
  attempt: () => Promise<T>,
  maxWaitMs = MAX_WAIT_MS,
): Promise<T> {
  for (let waitedMs = 0; ; waitedMs += POLL_MS) {
    try {
      return await attempt();
    } catch (error) {
      if (waitedMs >= maxWaitMs) {
        throw error;
      }
    }
    await sleep(POLL_MS);
  }
}
