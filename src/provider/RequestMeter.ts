/** Counts the requests that a run sends to Bitbucket. */

import { AttemptResult, RequestKind, RequestObserver } from '../http/types';

/** Numbers of requests of a run. */
export interface RequestCounts {
  /** Attempts sent, retries included. */
  readonly total: number;
  readonly retries: number;
  /** Answers with status 429. */
  readonly rateLimited: number;
  readonly byKind: Readonly<Record<string, number>>;
  /** Milliseconds spent waiting for the limiter and between retries, summed over all requests. */
  readonly waitedMs: number;
}

/** Adds up the attempts and waits that a transport reports. */
export class RequestMeter implements RequestObserver {
  #total = 0;
  #retries = 0;
  #rateLimited = 0;
  #waitedMs = 0;
  readonly #byKind = new Map<RequestKind, number>();

  onAttempt(attempt: { kind: RequestKind; result: AttemptResult; retry: boolean }): void {
    this.#total += 1;
    this.#retries += attempt.retry ? 1 : 0;
    this.#rateLimited += attempt.result === 429 ? 1 : 0;
    this.#byKind.set(attempt.kind, (this.#byKind.get(attempt.kind) ?? 0) + 1);
  }

  onWait(wait: { ms: number }): void {
    this.#waitedMs += wait.ms;
  }

  counts(): RequestCounts {
    return {
      total: this.#total,
      retries: this.#retries,
      rateLimited: this.#rateLimited,
      byKind: Object.fromEntries(this.#byKind),
      waitedMs: this.#waitedMs,
    };
  }
}
