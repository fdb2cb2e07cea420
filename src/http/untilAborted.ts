/**
 * Ends a wait when a signal is aborted, whether or not what is waited for knows the
 * signal. Must not leave a listener behind. Called by the limiter and the transport.
 */

import { onAbort } from '../util/abort';

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
  return new Promise<T>((resolve, reject) => {
    const stopListening = onAbort(signal, () => reject(signal.reason));
    work.then(resolve, reject).finally(stopListening);
  });
}
