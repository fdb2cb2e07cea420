/** Decides when to report that something does not work, and that it works again. */

import { Clock } from './clock';

/**
 * Time without a failure after which an outage is over, milliseconds: while some attempts fail
 * and some succeed, it goes on, and is not reported again and again.
 */
export const CALM_MS = 60_000;

/** For {@link Outage}. */
export interface OutageOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Receives the error that began the outage. */
  readonly onBegin: (error: unknown) => void;
  readonly onEnd: () => void;
}

/** Reports the beginning and the end of each outage once. */
export class Outage {
  /** Time of the last failure; `undefined` while there is no outage. */
  #failedAtMs: number | undefined;

  constructor(private readonly options: OutageOptions) {}

  /** Records a failed attempt. */
  failed(error: unknown): void {
    const isFirst = this.#failedAtMs === undefined;
    this.#failedAtMs = this.options.clock.monotonicMs();
    if (isFirst) this.options.onBegin(error);
  }

  /** Records a successful attempt. */
  succeeded(): void {
    const { clock, onEnd } = this.options;
    if (this.#failedAtMs === undefined) return;
    if (clock.monotonicMs() - this.#failedAtMs < CALM_MS) return;
    this.#failedAtMs = undefined;
    onEnd();
  }
}
