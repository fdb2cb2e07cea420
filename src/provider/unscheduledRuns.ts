/**
 * Starts the scheduled task ahead of its time: on request, where many requests during one run
 * lead to one more run after it, and as soon as the backend has started or a configuration has
 * changed. The scheduler remembers when a task is due, across restarts and from the published
 * module: without this, a new configuration would take effect only then.
 */

import { isError } from '@backstage/errors';
import { Clock } from '../util/clock';
import { ProviderConfig } from '../config/types';
import { LastRun } from '../store/records';

/** Delay between attempts to start the task while a run is in progress. */
const RETRY_MS = 2_000;

/** Options for {@link ManualRuns}. */
interface StartOptions {
  /** Starts the task; rejects with a `ConflictError` while it is running, on any replica. */
  readonly startTask: () => Promise<void>;
  readonly clock: Pick<Clock, 'sleep'>;
  /** Aborts the wait. */
  readonly signal: AbortSignal;
}

/**
 * Attempts to start a task; while a run of it is in progress, attempts again from time to time.
 *
 * @throws whatever `attempt` throws, except a `ConflictError`
 */
async function whenIdle<T>(
  attempt: () => Promise<T>,
  { clock, signal }: Pick<StartOptions, 'clock' | 'signal'>,
): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!isError(error) || error.name !== 'ConflictError') {
        throw error;
      }
    }
    await clock.sleep(RETRY_MS, signal);
  }
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
    this.#waiting ??= whenIdle(this.options.startTask, this.options).finally(() => {
      this.#waiting = undefined;
    });
    return this.#waiting;
  }
}

/** Longest wait for a run in progress; after it the schedule suffices. */
const MAX_WAIT_MS = 3_600_000;

/** The facts that decide whether a provider runs at start. */
export interface StartState {
  readonly schedule: Pick<ProviderConfig['schedule'], 'frequency'>;
  /** The last run with a result, on any replica. */
  readonly lastRun?: Pick<LastRun, 'configuration' | 'status'>;
  /** Fingerprint of the current configuration. */
  readonly configuration: string;
  /** Whether the catalog has any entity of the provider except its anchor. */
  readonly hasEntities: boolean;
  /** Whether the integration, such as its credentials, has changed since the backend started. */
  readonly isIntegrationChanged?: boolean;
}

/** @returns why the provider runs ahead of its schedule; `undefined` if it waits for that */
export function reasonToRunAtStart({
  schedule: { frequency },
  lastRun,
  configuration,
  hasEntities,
  isIntegrationChanged = false,
}: StartState): string | undefined {
  if ('trigger' in frequency) {
    return undefined;
  }
  if (!lastRun) {
    return 'none of its runs has finished yet';
  }
  if (lastRun.configuration !== configuration) {
    return 'its configuration has changed since its last run';
  }
  if (isIntegrationChanged && lastRun.status === 'failed') {
    return 'its last run failed, and its integration has changed since';
  }
  return hasEntities ? undefined : 'the catalog has none of its entities';
}

/** Options for {@link runAtStart}. */
interface RunAtStartOptions extends StartOptions {
  /** Runs work while no run of the provider stores its result, on any replica. */
  readonly exclusively: <T>(work: () => Promise<T>) => Promise<T>;
  readonly loadState: () => Promise<StartState>;
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  /** Called with the reason once the task is started. */
  readonly onStart: (reason: string) => void;
}

/**
 * Starts the task of a provider that has a reason to run. After a run in progress it decides
 * again: if several replicas start at the same time, one run serves all.
 *
 * @throws whatever `loadState` and `startTask` throw, except a `ConflictError`
 */
export async function runAtStart(options: RunAtStartOptions): Promise<void> {
  const { clock, exclusively, loadState, onStart, startTask } = options;
  const beganMs = clock.monotonicMs();
  const startForReason = async () => {
    const reason = reasonToRunAtStart(await loadState());
    if (reason !== undefined) {
      await startTask();
    }
    return reason;
  };
  const reason = await whenIdle(async () => {
    const isLate = clock.monotonicMs() - beganMs > MAX_WAIT_MS;
    // Otherwise a run that ends between both would serve the reason, and another would start.
    return isLate ? undefined : exclusively(startForReason);
  }, options);
  if (reason !== undefined) {
    onStart(reason);
  }
}
