/** Counts runs, webhooks, reads of files, and requests to Bitbucket. */

import { RequestObserver } from '../http/types';
import { instruments } from './instruments';

/** Results of a run. An abort, such as by its timeout, is not a failure of Bitbucket. */
export const RUN_RESULTS = ['succeeded', 'failed', 'aborted'] as const;
type RunResult = (typeof RUN_RESULTS)[number];

/** Receives every run that has ended. */
export interface RunObserver {
  onRun(run: { readonly result: RunResult; readonly durationMs: number }): void;
}

/** Counts that the database did not say in time what is left for all replicas. */
export function countUnansweredBudget(): void {
  instruments().budgetUnanswered.add(1);
}

/** Counts requests to Bitbucket. */
class RequestMetrics implements RequestObserver {
  constructor(
    protected readonly about: { readonly provider: string; readonly host: string },
  ) {}

  onAttempt({ result, retry }: Parameters<RequestObserver['onAttempt']>[0]): void {
    const { requests, retries } = instruments();
    requests.add(1, { ...this.about, status: String(result) });
    if (retry) {
      retries.add(1, this.about);
    }
  }

  onWait({ reason, ms }: Parameters<RequestObserver['onWait']>[0]): void {
    instruments().waitTime.add(ms / 1000, { ...this.about, reason });
  }
}

/**
 * Results of reading a file. `not-modified`: without a request; `stale`: without an answer, so
 * that the content read before is returned.
 */
export const READ_RESULTS = [
  'read',
  'not-modified',
  'absent',
  'stale',
  'failed',
] as const;
export type ReadResult = (typeof READ_RESULTS)[number];

/** Attribute value for requests of the reader of files, in place of a provider. */
const URL_READER = 'url-reader';

/** The metrics of the reader of files, for one plugin and host. */
export class ReadMetrics extends RequestMetrics {
  constructor(
    private readonly plugin: string,
    host: string,
  ) {
    super({ provider: URL_READER, host });
  }

  onRead(result: ReadResult): void {
    instruments().reads.add(1, { plugin: this.plugin, result });
  }
}

/** The metrics of one provider. */
export class ProviderMetrics extends RequestMetrics implements RunObserver {
  constructor({ id, host }: { readonly id: string; readonly host: string }) {
    super({ provider: id, host });
    // Starts at 0, so that the first failure shows as an increase and not as a new series.
    for (const result of RUN_RESULTS) {
      instruments().runs.add(0, { provider: id, result });
    }
  }

  onRun({ result, durationMs }: Parameters<RunObserver['onRun']>[0]): void {
    const { runs, duration } = instruments();
    const attributes = { provider: this.about.provider, result };
    runs.add(1, attributes);
    duration.record(durationMs / 1000, attributes);
  }
}

/**
 * Counts the result of an event.
 *
 * @param result - a code of a fixed list, such as `evaluated`
 */
export function countEvent(result: string): void {
  instruments().events.add(1, { result });
}

/** Combines observers to one that notifies each in this order; `undefined` ones are skipped. */
export function combineObservers(
  ...observers: readonly (RequestObserver | undefined)[]
): RequestObserver {
  const present = observers.flatMap(observer => observer ?? []);
  return {
    onAttempt: attempt => present.forEach(observer => observer.onAttempt(attempt)),
    onWait: wait => present.forEach(observer => observer.onWait(wait)),
  };
}
