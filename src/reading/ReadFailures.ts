/** Logs failed reads, with a limited number of warnings instead of one for each file. */

import { LoggerService } from '@backstage/backend-plugin-api';
import { Problem } from '../model';
import { Clock } from '../util/clock';

/** Shortest time between two warnings, milliseconds. */
const QUIET_MS = 60_000;

/** Returns the error for a file that cannot be read; never `NotFoundError`. */
export function unreadable(url: string, { reason, detail }: Problem): Error {
  return new Error(`${url} could not be read (${reason}): ${detail}`);
}

/** Counts and logs the failed reads of one host. */
export class ReadFailures {
  readonly #logger: LoggerService;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #warnedAtMs = -Infinity;
  /** Since the last warning, as is `#stale`. */
  #failed = 0;
  #stale = 0;

  constructor(logger: LoggerService, clock: Pick<Clock, 'monotonicMs'>) {
    this.#logger = logger;
    this.#clock = clock;
  }

  /**
   * Counts and logs a failed read.
   *
   * @param isStale - whether the file that was read before is still used
   */
  note(url: string, { reason, detail }: Problem, isStale: boolean): void {
    this.#failed += 1;
    this.#stale += isStale ? 1 : 0;
    this.#logger.debug(`${url} could not be read (${reason}): ${detail}`);
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#warnedAtMs < QUIET_MS) return;
    this.#warnedAtMs = nowMs;
    this.#logger.warn(
      `${this.#failed} read(s) from Bitbucket failed; for ${this.#stale} of them the catalog ` +
        `keeps using the file read before. The last one: ${url} (${reason}): ${detail}`,
    );
    this.#failed = 0;
    this.#stale = 0;
  }
}
