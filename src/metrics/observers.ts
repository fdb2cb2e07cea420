/** Counts what providers do: their runs, what these and events cost Bitbucket, and webhooks. */

import { AttemptResult, RequestObserver } from '../http/types';
import { instruments } from './instruments';

/** How a run ended. An abort, such as by its timeout, is no failure of Bitbucket. */
export const RUN_RESULTS = ['succeeded', 'failed', 'aborted'] as const;
type RunResult = (typeof RUN_RESULTS)[number];

/** Told of every run that ended. */
export interface RunObserver {
  onRun(run: { readonly result: RunResult; readonly durationMs: number }): void;
}

/** The metrics of one provider. */
export class ProviderMetrics implements RunObserver, RequestObserver {
  readonly #about: { readonly provider: string; readonly host: string };

  constructor({ id, host }: { readonly id: string; readonly host: string }) {
    this.#about = { provider: id, host };
    // From 0 on, so that the first failure shows as an increase and not as the beginning.
    for (const result of RUN_RESULTS) {
      instruments().runs.add(0, { provider: id, result });
    }
  }

  onRun({ result, durationMs }: { result: RunResult; durationMs: number }): void {
    const { runs, duration } = instruments();
    const attributes = { provider: this.#about.provider, result };
    runs.add(1, attributes);
    duration.record(durationMs / 1000, attributes);
  }

  onAttempt({ result, retry }: { result: AttemptResult; retry: boolean }): void {
    const { requests, retries } = instruments();
    requests.add(1, { ...this.#about, status: String(result) });
    if (retry) {
      retries.add(1, this.#about);
    }
  }

  onWait({ reason, ms }: { reason: 'limiter' | 'backoff'; ms: number }): void {
    instruments().waitTime.add(ms / 1000, { ...this.#about, reason });
  }
}

/**
 * Counts what became of an event.
 *
 * @param result - a code of a fixed list, such as `evaluated`
 */
export function countEvent(result: string): void {
  instruments().events.add(1, { result });
}

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
