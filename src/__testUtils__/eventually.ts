/** Waiting for a real backend, whose processing cannot be driven by a fake clock. For tests. */

import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 50;
const MAX_WAIT_MS = 25_000;

/**
 * Asks again until the answer is there; how long it takes is no part of the test.
 *
 * @param look - throws while what is waited for is not there yet
 * @throws what `look` threw last
 */
export async function eventually<T>(look: () => Promise<T>): Promise<T> {
  for (let waitedMs = 0; ; waitedMs += POLL_MS) {
    try {
      return await look();
    } catch (error) {
      if (waitedMs >= MAX_WAIT_MS) {
        throw error;
      }
    }
    await sleep(POLL_MS);
  }
}
