/** Several listeners to one transport. */

import { RequestObserver } from '../http/types';

/** Tells each observer, in this order; those left out are passed over. */
export function combineObservers(
  ...observers: readonly (RequestObserver | undefined)[]
): RequestObserver {
  const present = observers.flatMap(one => one ?? []);
  return {
    onAttempt: attempt => present.forEach(one => one.onAttempt(attempt)),
    onWait: wait => present.forEach(one => one.onWait(wait)),
  };
}
