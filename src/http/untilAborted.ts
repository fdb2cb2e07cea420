/**
 * Ends a wait when a signal is aborted, whether or not what is waited for knows the
 * signal. Must not leave a listener behind. Called by the limiter and the transport.
 */

import { setMaxListeners } from 'node:events';

/**
 * Settles as the work does, unless the signal is aborted first.
 *
 * @remarks The work is not stopped by this: who started it has to hand it the signal as
 * well. What becomes of it after an abort is dropped, a late failure included.
 *
 * @param work - what is waited for
 * @param signal - rejects with `signal.reason` at once when aborted, now or later
 */
export function untilAborted<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return work;
  // One signal ends a whole run with hundreds of waits. Node takes more than 10 listeners
  // for a leak and warns; here each wait removes its own.
  setMaxListeners(0, signal);
  return new Promise<T>((resolve, reject) => {
    const giveUp = () => reject(signal.reason);
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}
