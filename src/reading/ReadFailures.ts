/** Tells the log that files could not be read, once in a while and not for each of a thousand. */

import { LoggerService } from '@backstage/backend-plugin-api';
import { Problem } from '../model';
import { Clock } from '../util/clock';

/** Between two warnings, milliseconds. */
const QUIET_MS = 60_000;

/** What is thrown for a file that cannot be read; never an error that says it is not there. */
export function unreadable(url: string, { reason, detail }: Problem): Error {
  return new Error(`${url} could not be read (${reason}): ${detail}`);
}

/** Counts what could not be read from one host, and says so. */
export class ReadFailures {
  readonly #logger: LoggerService;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #warnedAtMs = -Infinity;
  /** Since the last warning. */
  #failed = 0;
  #stood = 0;
  #hasWarnedOfStamps = false;

  constructor(logger: LoggerService, clock: Pick<Clock, 'monotonicMs'>) {
    this.#logger = logger;
    this.#clock = clock;
  }

  /** @param stands - what was read before is still used */
  note(url: string, { reason, detail }: Problem, stands: boolean): void {
    this.#failed += 1;
    this.#stood += stands ? 1 : 0;
    this.#logger.debug(`${url} could not be read (${reason}): ${detail}`);
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#warnedAtMs < QUIET_MS) return;
    this.#warnedAtMs = nowMs;
    this.#logger.warn(
      `${this.#failed} read(s) from Bitbucket failed; for ${this.#stood} of them what was ` +
        `read before still stands. The last one: ${url} (${reason}): ${detail}`,
    );
    this.#failed = 0;
    this.#stood = 0;
  }

  /** Whether something has changed cannot be told: everything is read meanwhile. */
  noteStampError(error: unknown): void {
    this.#logger[this.#hasWarnedOfStamps ? 'debug' : 'warn'](
      `Whether repositories have changed cannot be read from the database, so every file is read: ${error}`,
    );
    this.#hasWarnedOfStamps = true;
  }
}
