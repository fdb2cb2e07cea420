/**
 * Runs on demand: starts the scheduled task ahead of its time. However many requests arrive
 * while a run is in progress, they lead to one more run after it.
 */

import { isError } from '@backstage/errors';
import { Clock } from '../util/clock';

/** Delay between attempts to start the task while a run is in progress. */
const RETRY_MS = 2_000;

/** Options for {@link startWhenIdle} and {@link ManualRuns}. */
export interface StartOptions {
  /** Starts the task; rejects with a `ConflictError` while it is running, on any replica. */
  readonly startTask: () => Promise<void>;
  readonly clock: Pick<Clock, 'sleep'>;
  /** Aborts the wait. */
  readonly signal: AbortSignal;
}

/**
 * Starts a task; if a run of it is in progress, waits for the end of that run first.
 *
 * @param isWanted - called before each attempt
 * @returns whether the task was started; `false` once `isWanted` returned `false`
 * @throws whatever `startTask` throws, except a `ConflictError`
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

/** Starts the task of one provider on demand. */
export class ManualRuns {
  #waiting: Promise<void> | undefined;

  constructor(private readonly options: StartOptions) {}

  /**
   * Requests a run.
   *
   * @returns once the run is started; all requests that arrive before then share this run
   * @throws whatever `startTask` throws, except a `ConflictError`
   */
  request(): Promise<void> {
    this.#waiting ??= this.#start().finally(() => {
      this.#waiting = undefined;
    });
    return this.#waiting;
  }

  async #start(): Promise<void> {
    await startWhenIdle(this.options, async () => true);
  }
}
