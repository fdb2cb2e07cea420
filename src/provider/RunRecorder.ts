/**
 * Stores how each run ends, for the report. A failure to record that a run starts or breaks
 * off must not fail the run: it is logged and has no other effect.
 */

import { isDeepStrictEqual } from 'node:util';
import { stringifyError } from '@backstage/errors';
import { JsonObject } from '@backstage/types';
import { Run } from '../discovery/performRun';
import { RunObserver } from '../metrics/observers';
import { ProviderStateStore } from '../store/ProviderStateStore';
import { RunEnd, RunTrigger } from '../store/records';
import { Clock } from '../util/clock';
import { RequestCounts } from './createClient';
import { describeFailure, RunLog } from './RunLog';

/** Options for {@link RunRecorder}. */
export interface RunRecorderOptions {
  readonly provider: { readonly id: string; readonly host: string };
  /** Fingerprint of the configuration that decides what the provider finds. */
  readonly configuration: string;
  /** The configuration as written in the file, without secrets. */
  readonly settings: JsonObject;
  readonly store: ProviderStateStore;
  readonly log: RunLog;
  readonly clock: Pick<Clock, 'now'>;
  readonly observer?: RunObserver;
}

/** Details of a run that are stored in addition to its result. */
export interface FinishedRunDetails extends Pick<RunEnd, 'state'> {
  readonly requests: RequestCounts;
  readonly trigger: RunTrigger;
  /** Whether it had credentials, or an earlier run had some that are missing now. */
  readonly authenticated: boolean;
}

/** Records the runs of one provider. */
export class RunRecorder {
  #startedAtMs = 0;

  constructor(private readonly options: RunRecorderOptions) {}

  /** Notes a manual request: the run that starts next is recorded as manual. */
  requested(): Promise<void> {
    const { store, provider } = this.options;
    return this.#keep(() => store.requestManualRun(provider.id));
  }

  /** Records the start of a run and returns what triggered it. */
  async begin(): Promise<RunTrigger> {
    const { clock, provider, store } = this.options;
    let trigger: RunTrigger = 'schedule';
    this.#startedAtMs = clock.now();
    await this.#keep(async () => {
      trigger = await store.consumeTrigger(provider.id);
      const startedAtMs = clock.now();
      await store.recordStart(provider.id, { host: provider.host, startedAtMs, trigger });
    });
    return trigger;
  }

  /**
   * Records a run with a result, which may be a failure, and the state after it.
   *
   * @throws whatever the store throws: the next run knows only the stored state
   */
  async finish(run: Run, end: FinishedRunDetails): Promise<void> {
    const { configuration, observer, provider, settings, store } = this.options;
    const { authenticated, requests, state, trigger } = end;
    const { failure, finishedAtMs, startedAtMs, summary } = run;
    const { host } = provider;
    const before = (await store.loadLastRun(provider.id))?.settings;
    const isSame = isDeepStrictEqual(before?.values, settings);
    const sinceMs = isSame && before ? before.sinceMs : startedAtMs;
    await store.recordRun(provider.id, {
      run: {
        ...{ host, trigger, configuration, startedAtMs, finishedAtMs, summary },
        status: failure ? 'failed' : 'succeeded',
        requests: requests.total,
        authenticated,
        error: failure && describeFailure(failure, host),
        settings: { values: settings, sinceMs },
      },
      state,
    });
    const failed = failure?.kind === 'aborted' ? 'aborted' : 'failed';
    const durationMs = finishedAtMs - startedAtMs;
    observer?.onRun({ result: failure ? failed : 'succeeded', durationMs });
  }

  /** Records a run without a result, such as when the catalog or the database failed. */
  failed(error: unknown): Promise<void> {
    const { clock, observer, provider, store } = this.options;
    const durationMs = clock.now() - this.#startedAtMs;
    observer?.onRun({ result: 'failed', durationMs });
    return this.#keep(() =>
      store.recordFailure(provider.id, {
        finishedAtMs: clock.now(),
        error: stringifyError(error),
      }),
    );
  }

  async #keep(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      this.options.log.recordFailed(error);
    }
  }
}
