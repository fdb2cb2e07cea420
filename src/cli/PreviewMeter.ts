/** Counts what a preview costs Bitbucket, also over time. */

import { RequestCounts, RequestMeter } from '../provider/RequestMeter';
import { AttemptResult, RequestKind, RequestObserver } from '../http/types';
import { Clock } from '../util/clock';

/** Listens to a transport. */
export class PreviewMeter implements RequestObserver {
  readonly #meter = new RequestMeter();
  readonly #clock: Pick<Clock, 'now'>;
  #startedAtMs: number;
  readonly #perSecond: number[] = [];

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
    this.#startedAtMs = clock.now();
  }

  /** Time counts from here, and no longer from when the meter was made. */
  begin(): void {
    this.#startedAtMs = this.#clock.now();
  }

  /** Epoch milliseconds. */
  get startedAtMs(): number {
    return this.#startedAtMs;
  }

  onAttempt(attempt: { kind: RequestKind; result: AttemptResult; retry: boolean }): void {
    this.#meter.onAttempt(attempt);
    const second = this.#secondOf(this.#clock.now());
    this.#fill(second + 1);
    this.#perSecond[second] = (this.#perSecond[second] ?? 0) + 1;
  }

  onWait(wait: { ms: number }): void {
    this.#meter.onWait(wait);
  }

  counts(): RequestCounts {
    return this.#meter.counts();
  }

  /**
   * Requests in each second so far, oldest first, quiet seconds included.
   *
   * @remarks The transport tells of an attempt when it has ended, so a slow one counts in
   * the second of its end.
   */
  perSecond(): readonly number[] {
    this.#fill(Math.ceil((this.#clock.now() - this.#startedAtMs) / 1000));
    return [...this.#perSecond];
  }

  #secondOf(nowMs: number): number {
    // A clock may be set back.
    return Math.max(0, Math.floor((nowMs - this.#startedAtMs) / 1000));
  }

  #fill(seconds: number): void {
    while (this.#perSecond.length < seconds) {
      this.#perSecond.push(0);
    }
  }
}
