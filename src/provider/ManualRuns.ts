/**
 * Runs on demand: the scheduled task, started ahead of its time. Whatever number of
 * requests arrives while a run goes on leads to one more run after it.
 */

import { isError } from '@backstage/errors';
import { Clock } from '../util/clock';

/** How often a run in progress is asked whether it is over. */
const RETRY_MS = 2_000;

/** What a task is started with. */
export interface StartOptions {
  /** Starts the task; rejects with a `ConflictError` while it is running, on any replica. */
  readonly startTask: () => Promise<void>;
  readonly clock: Pick<Clock, 'sleep'>;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
}

/**
 * Starts a task, after a run of it that is in progress.
 *
 * @param isWanted - asked before each attempt
 * @returns whether it was started: not where it is not wanted any more
 * @throws what starting the task throws, except that it is running
 */
export async function startWhenIdle(
  { startTask, clock, signal }: StartOptions,
  isWanted: () => Promise<boolean>,
): Promise<boolean> {
  while (await isWanted()) {
    try {
      await startTask();
      return true;
    } catch (error) {
      if (!isError(error) || error.name !== 'ConflictError') {
        throw error;
      }
    }
    await clock.sleep(RETRY_MS, signal);
  }
  return false;
}

/** Starts the task of one provider. */
export class ManualRuns {
  readonly #options: StartOptions;
  #waiting: Promise<void> | undefined;

  constructor(options: StartOptions) {
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
    await startWhenIdle(this.#options, async () => true);
  }
}
