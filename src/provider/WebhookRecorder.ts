/**
 * Stores, after each run, the changes found in each project, and which of them no webhook had
 * announced. A failure here is logged and has no other effect.
 */

import { Run } from '../discovery/performRun';
import { Announcements, summarizeProjects } from '../discovery/summarizeProjects';
import { ProviderStateStore } from '../store/ProviderStateStore';
import { LastRun } from '../store/records';
import { WebhookStore } from '../store/WebhookStore';
import { RunLog } from './RunLog';

/** Options for {@link WebhookRecorder}. */
export interface WebhookRecorderOptions {
  readonly providerId: string;
  /** Fingerprint of the configuration that decides what the provider finds. */
  readonly configuration: string;
  readonly store: Pick<ProviderStateStore, 'loadLastRun'>;
  readonly webhooks: WebhookStore;
  readonly log: RunLog;
}

/** Records for one provider which of its changes webhooks have announced. */
export class WebhookRecorder {
  constructor(private readonly options: WebhookRecorderOptions) {}

  /** @returns the record of the previous run, which the next run overwrites at its end */
  async beforeRun(): Promise<LastRun | undefined> {
    const { log, providerId, store } = this.options;
    try {
      return await store.loadLastRun(providerId);
    } catch (error) {
      log.webhooksNotKept(error);
      return undefined;
    }
  }

  /** Records a run. Call it once the run is applied and its report is stored. */
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
   * @returns `undefined` if changes may have another cause: the run is the first one, or the
   * previous run did not succeed or had another configuration
   */
  async #announcements(before: LastRun | undefined): Promise<Announcements | undefined> {
    const { configuration, providerId, webhooks } = this.options;
    if (before?.status !== 'succeeded' || before.configuration !== configuration) {
      return undefined;
    }
    const events = new Map(
      (await webhooks.load(providerId)).map(project => [
        project.projectKey.toLowerCase(),
        project.lastEventAtMs,
      ]),
    );
    return {
      sinceMs: before.startedAtMs,
      lastEventMs: projectKey => events.get(projectKey.toLowerCase()),
    };
  }
}
