/**
 * Whether a provider runs as soon as the backend has started, or its configuration has
 * changed. The scheduler remembers when a task is due, across restarts and from the
 * published module: by that alone, what was configured anew would show only then.
 */

import { ProviderConfig } from '../config/types';
import { LastRun } from '../store/records';
import { Clock } from '../util/clock';
import { StartOptions, startWhenIdle } from './ManualRuns';

/** A run in progress is waited for no longer than this: the schedule does the rest. */
const MAX_WAIT_MS = 3_600_000;

/** What decides whether a provider runs at start. */
export interface StartState {
  readonly schedule: Pick<ProviderConfig['schedule'], 'frequency'>;
  /** The last run that came to a result, on whichever replica. */
  readonly lastRun?: Pick<LastRun, 'configuration' | 'status'>;
  /** Fingerprint of what the provider looks for now. */
  readonly configuration: string;
  /** Whether the catalog has anything of the provider, its anchor aside. */
  readonly hasEntities: boolean;
  /** Whether the integration, such as its credentials, has changed while the backend runs. */
  readonly isIntegrationChanged?: boolean;
}

/** @returns why the provider runs without waiting for its schedule; `undefined` where it waits */
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
    return 'none of its runs has come to an end yet';
  }
  if (lastRun.configuration !== configuration) {
    return 'its configuration is not that of its last run';
  }
  if (isIntegrationChanged && lastRun.status === 'failed') {
    return 'its last run failed, and its integration has changed since';
  }
  return hasEntities ? undefined : 'the catalog has nothing of it';
}

/** What a provider is started with. */
export interface RunAtStartOptions extends StartOptions {
  readonly loadState: () => Promise<StartState>;
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  /** Told why, once the task is started. */
  readonly onStart: (reason: string) => void;
}

/**
 * Starts the task of a provider that has a reason to run. After a run in progress it is
 * decided anew: of replicas that start at the same time, one run serves all.
 *
 * @throws what loading and starting throw, except that the task is running
 */
export async function runAtStart(options: RunAtStartOptions): Promise<void> {
  const { loadState, onStart, clock } = options;
  const beganMs = clock.monotonicMs();
  let reason: string | undefined;
  const hasStarted = await startWhenIdle(options, async () => {
    const isLate = clock.monotonicMs() - beganMs > MAX_WAIT_MS;
    reason = isLate ? undefined : reasonToRunAtStart(await loadState());
    return reason !== undefined;
  });
  if (hasStarted && reason !== undefined) {
    onStart(reason);
  }
}
