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
