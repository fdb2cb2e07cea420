/**
 * Runs on demand: the scheduled task, started ahead of its time. Whatever number of
 * requests arrives while a run goes on leads to one more run after it.
 */

import { isError } from '@backstage/errors';
import { Clock } from '../util/clock';

/** How often a run in progress is asked whether it is over. */
const RETRY_MS = 2_000;

/** What manual runs work with. */
export interface ManualRunsOptions {
  /** Starts the task; rejects with a `ConflictError` while it is running, on any replica. */
  readonly startTask: () => Promise<void>;
  readonly clock: Pick<Clock, 'sleep'>;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
}

/** Starts the task of one provider. */
export class ManualRuns {
  readonly #options: ManualRunsOptions;
  #waiting: Promise<void> | undefined;

  constructor(options: ManualRunsOptions) {
    this.#options = options;
  }

  /**
   * Asks for a run.
   *
   * @returns once the run is started; all who ask while one is awaited get the same one
   * @throws what starting the task throws, except that it is running
   */
  request(): Promise<void> {
    this.#waiting ??= this.#start().finally(() => {
      this.#waiting = undefined;
    });
    return this.#waiting;
  }

  async #start(): Promise<void> {
    const { startTask, clock, signal } = this.#options;
    for (;;) {
      try {
        await startTask();
        return;
      } catch (error) {
        if (!isError(error) || error.name !== 'ConflictError') {
          throw error;
        }
      }
      await clock.sleep(RETRY_MS, signal);
    }
  }
}
