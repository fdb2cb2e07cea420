/** The only place that listens to an `AbortSignal` or combines several. */

import { setMaxListeners } from 'node:events';

/**
 * Calls the listener when the signal is aborted, or immediately if it already is.
 *
 * @remarks One signal ends a whole run, or the whole backend, with any number of waits. Node
 * takes more than 10 listeners for a leak and warns; here every caller removes its own listener.
 *
 * @returns a function that removes the listener
 */
export function onAbort(
  signal: AbortSignal | undefined,
  listener: () => void,
): () => void {
  if (!signal) {
    return () => undefined;
  }
  if (signal.aborted) {
    listener();
    return () => undefined;
  }
  setMaxListeners(Infinity, signal);
  signal.addEventListener('abort', listener, { once: true });
  return () => signal.removeEventListener('abort', listener);
}

/** Returns a signal that aborts as soon as one of the given signals does. */
export function anySignal(...signals: readonly (AbortSignal | undefined)[]): AbortSignal {
  return AbortSignal.any(signals.flatMap(signal => signal ?? []));
}

/**
 * Settles like the work, unless the signal is aborted first.
 *
 * @remarks This does not stop the work: its caller has to pass it the signal as well. The
 * result of the work after an abort is dropped, a late failure included.
 *
 * @param work - the promise to wait for
 * @param signal - rejects with `signal.reason` immediately when aborted, before or during the wait
 */
export function raceAbort<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return work;
  return new Promise<T>((resolve, reject) => {
    const stopListening = onAbort(signal, () => reject(signal.reason));
    work.then(
      result => {
        stopListening();
        resolve(result);
      },
      (error: unknown) => {
        stopListening();
        reject(error);
      },
    );
  });
}
