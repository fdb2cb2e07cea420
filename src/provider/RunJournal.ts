/**
 * Keeps the report: what each run and each event found out, for those who ask later. What
 * goes wrong here is logged and changes nothing else.
 */

import { stringifyError } from '@backstage/errors';
import { Evaluation } from '../discovery/evaluateRepository';
import { Run } from '../discovery/performRun';
import { reportRepository } from '../discovery/report';
import { RunObserver } from '../metrics/ProviderMetrics';
import { ReportStore, RunTrigger } from '../store/ReportStore';
import { Clock } from '../util/clock';
import { RequestCounts } from './RequestMeter';
import { RunLog } from './RunLog';
import { toRunRecord } from './runRecord';

/** What a journal is kept with. */
export interface RunJournalOptions {
  readonly provider: { readonly id: string; readonly host: string };
  readonly reports: ReportStore;
  readonly log: RunLog;
  readonly clock: Pick<Clock, 'now'>;
  readonly observer?: RunObserver;
}

/** The journal of one provider. */
export class RunJournal {
  readonly #options: RunJournalOptions;
  #startedAtMs = 0;

  constructor(options: RunJournalOptions) {
    this.#options = options;
  }

  /** A run was asked for by hand: the one that begins next is labelled so. */
  requested(): Promise<void> {
    const { reports, provider } = this.#options;
    return this.#keep(() => reports.noteTrigger(provider.id, 'manual'));
  }

  /** @returns what started the run */
  async begin(): Promise<RunTrigger> {
    const { clock, provider, reports } = this.#options;
    let trigger: RunTrigger = 'schedule';
    this.#startedAtMs = clock.now();
    await this.#keep(async () => {
      trigger = await reports.takeTrigger(provider.id);
      const startedAtMs = clock.now();
      await reports.beginRun(provider.id, { host: provider.host, startedAtMs, trigger });
    });
    return trigger;
  }

  /** A run has come to a result, be it a failure. */
  finish(run: Run, requests: RequestCounts, trigger: RunTrigger): Promise<void> {
    const { observer, provider, reports } = this.#options;
    const failed = run.failure?.kind === 'aborted' ? 'aborted' : 'failed';
    const durationMs = run.finishedAtMs - run.startedAtMs;
    observer?.onRun({ result: run.failure ? failed : 'succeeded', durationMs });
    const { memory } = run.reconciliation;
    const remembered = new Map(
      (memory?.repositories ?? []).map(one => [one.repositoryId, one]),
    );
    const record = toRunRecord(run, requests, provider.host);
    return this.#keep(() =>
      reports.finishRun(
        provider.id,
        { ...record, host: provider.host, trigger },
        run.result.repositories.map(one =>
          reportRepository(one, remembered.get(one.repository.id)),
        ),
      ),
    );
  }

  /** A run came to no result, such as when the catalog or the database took nothing. */
  brokeOff(error: unknown): Promise<void> {
    const { clock, observer, provider, reports } = this.#options;
    const durationMs = clock.now() - this.#startedAtMs;
    observer?.onRun({ result: 'failed', durationMs });
    return this.#keep(() =>
      reports.failRun(provider.id, {
        finishedAtMs: clock.now(),
        error: stringifyError(error),
      }),
    );
  }

  /** An event made us look at a repository. */
  evaluated(evaluation: Extract<Evaluation, { kind: 'evaluated' }>): Promise<void> {
    const { provider, reports } = this.#options;
    const { delta, result } = evaluation;
    const [remembered] = delta.remembered;
    return this.#keep(async () => {
      if (result) {
        await reports.saveRepositories(provider.id, [
          reportRepository(result, remembered),
        ]);
      }
      const gone = result ? [] : delta.remembered.map(one => one.repositoryId);
      await reports.forgetRepositories(provider.id, [...delta.forgottenIds, ...gone]);
    });
  }

  async #keep(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      this.#options.log.recordFailed(error);
    }
  }
}
