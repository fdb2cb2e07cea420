/** The only place that listens to an `AbortSignal`, and that joins several. */

import { setMaxListeners } from 'node:events';

/**
 * Calls the listener once the signal is aborted, at once where it is already.
 *
 * @remarks One signal ends a whole run, or the whole backend, with any number of waits. Node
 * takes more than 10 listeners for a leak and warns; here each takes its own off again.
 *
 * @returns takes the listener off again
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

/** Aborts as soon as one of them does; those left out never do. */
export function anySignal(...signals: readonly (AbortSignal | undefined)[]): AbortSignal {
  return AbortSignal.any(signals.flatMap(one => one ?? []));
}

/**
 * Settles as the work does, unless the signal is aborted first.
 *
 * @remarks The work is not stopped by this: who started it has to hand it the signal as
 * well. What becomes of it after an abort is dropped, a late failure included.
 *
 * @param work - what is waited for
 * @param signal - rejects with `signal.reason` at once when aborted, now or later
 */
export function raceAbort<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return work;
  return new Promise<T>((resolve, reject) => {
    const stopListening = onAbort(signal, () => reject(signal.reason));
    work.then(resolve, reject).finally(stopListening);
  });
}
