/**
 * Keeps what becomes of each run, for those who ask later. That a run begins or breaks off
 * is worth no failure of its own: what goes wrong there is logged and changes nothing else.
 */

import { isDeepStrictEqual } from 'node:util';
import { stringifyError } from '@backstage/errors';
import { JsonObject } from '@backstage/types';
import { Run } from '../discovery/performRun';
import { RunObserver } from '../metrics/observers';
import { ProviderStateStore } from '../store/ProviderStateStore';
import { RunEnd, RunTrigger } from '../store/records';
import { Clock } from '../util/clock';
import { RequestCounts } from './RequestMeter';
import { RunLog } from './RunLog';
import { toRunRecord } from './runRecord';

/** What a recorder is made with. */
export interface RunRecorderOptions {
  readonly provider: { readonly id: string; readonly host: string };
  /** Fingerprint of what the provider looks for. */
  readonly configuration: string;
  /** The configuration as it stands in the file, without secrets. */
  readonly settings: JsonObject;
  readonly store: ProviderStateStore;
  readonly log: RunLog;
  readonly clock: Pick<Clock, 'now'>;
  readonly observer?: RunObserver;
}

/** What is kept of a run besides its result. */
export interface FinishedRunDetails extends Pick<RunEnd, 'state'> {
  readonly requests: RequestCounts;
  readonly trigger: RunTrigger;
  /** It had credentials, or misses those that an earlier one had. */
  readonly authenticated: boolean;
}

/** Records the runs of one provider. */
export class RunRecorder {
  readonly #options: RunRecorderOptions;
  #startedAtMs = 0;

  constructor(options: RunRecorderOptions) {
    this.#options = options;
  }

  /** A run was asked for by hand: the one that begins next is labelled so. */
  requested(): Promise<void> {
    const { store, provider } = this.#options;
    return this.#keep(() => store.requestManualRun(provider.id));
  }

  /** @returns what started the run */
  async begin(): Promise<RunTrigger> {
    const { clock, provider, store } = this.#options;
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
   * A run has come to a result, be it a failure: the result and what is known since.
   *
   * @throws what the store throws: what is not stored is not known to the next run
   */
  async finish(run: Run, end: FinishedRunDetails): Promise<void> {
    const { configuration, observer, provider, settings, store } = this.#options;
    const { authenticated, requests, state, trigger } = end;
    const { host } = provider;
    const record = toRunRecord(run, requests, { host, authenticated });
    const before = (await store.loadLastRun(provider.id))?.settings;
    const isSame = isDeepStrictEqual(before?.values, settings);
    const sinceMs = isSame && before ? before.sinceMs : run.startedAtMs;
    await store.recordRun(provider.id, {
      run: {
        ...record,
        settings: { values: settings, sinceMs },
        ...{ host, trigger, configuration },
      },
      state,
    });
    const failed = run.failure?.kind === 'aborted' ? 'aborted' : 'failed';
    const durationMs = run.finishedAtMs - run.startedAtMs;
    observer?.onRun({ result: run.failure ? failed : 'succeeded', durationMs });
  }

  /** A run came to no result, such as when the catalog or the database took nothing. */
  failed(error: unknown): Promise<void> {
    const { clock, observer, provider, store } = this.#options;
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
      this.#options.log.recordFailed(error);
    }
  }
}
