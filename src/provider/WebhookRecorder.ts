/**
 * Keeps, after each run, what it found in each project and what of it no webhook had
 * announced. What goes wrong here is logged and changes nothing else.
 */

import { Run } from '../discovery/performRun';
import { Announcements, summarizeProjects } from '../discovery/summarizeProjects';
import { ProviderStateStore } from '../store/ProviderStateStore';
import { LastRun } from '../store/records';
import { WebhookStore } from '../store/WebhookStore';
import { RunLog } from './RunLog';

/** What a recorder is made with. */
export interface WebhookRecorderOptions {
  readonly providerId: string;
  /** Fingerprint of what the provider looks for. */
  readonly configuration: string;
  readonly store: Pick<ProviderStateStore, 'loadLastRun'>;
  readonly webhooks: WebhookStore;
  readonly log: RunLog;
}

/** Of one provider. */
export class WebhookRecorder {
  constructor(private readonly options: WebhookRecorderOptions) {}

  /** @returns how the run before ended, which is gone once the next one has */
  async beforeRun(): Promise<LastRun | undefined> {
    const { log, providerId, store } = this.options;
    try {
      return await store.loadLastRun(providerId);
    } catch (error) {
      log.webhooksNotKept(error);
      return undefined;
    }
  }

  /** To be called once the run is applied and its report is kept. */
  async afterRun(run: Run, before: LastRun | undefined): Promise<void> {
    const { log, providerId, webhooks } = this.options;
    if (run.reconciliation.mutation !== 'full') {
      return;
    }
    try {
      const projects = await summarizeProjects(run, await this.#announcements(before));
      await webhooks.recordRun(providerId, projects, run);
    } catch (error) {
      log.webhooksNotKept(error);
    }
  }

  /**
   * @returns `undefined` where what the run found may be new for another reason: it is the
   * first one, the one before did not get through, or looked for something else
   */
  async #announcements(before: LastRun | undefined): Promise<Announcements | undefined> {
    const { configuration, providerId, webhooks } = this.options;
    if (before?.status !== 'succeeded' || before.configuration !== configuration) {
      return undefined;
    }
    const events = new Map(
      (await webhooks.load(providerId)).map(one => [
        one.projectKey.toLowerCase(),
        one.lastEventAtMs,
      ]),
    );
    return {
      sinceMs: before.startedAtMs,
      lastEventMs: projectKey => events.get(projectKey.toLowerCase()),
    };
  }
}
