/**
 * Records when the last event about each project of one provider arrived, to show whether
 * webhooks work. A failure here is logged and has no other effect.
 */

import { LoggerService } from '@backstage/backend-plugin-api';
import pLimit from 'p-limit';
import { findWebBase } from '../util/parseUrls';
import { WebhookStore } from '../store/WebhookStore';
import { Clock } from '../util/clock';
import { RecentKeys } from './changeQueue';
import { isAboutKnownProject, getProject, RelevanceContext } from './relevance';
import { RepositoryChange } from './repositoryChanges';

/** Minimum time between two records of the same project by one replica. */
const NOTE_INTERVAL_MS = 60_000;

/** Maximum number of events that wait for a database query; further ones are not recorded. */
const MAX_WAITING = 100;

/** Options for {@link ReceivedEvents}. */
export interface ReceivedEventsOptions {
  readonly providerId: string;
  readonly webhooks: Pick<WebhookStore, 'recordEvent'>;
  readonly relevance: RelevanceContext;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly logger: Pick<LoggerService, 'debug'>;
}

/** Records the events of one provider. */
export class ReceivedEvents {
  readonly #noted: RecentKeys;
  readonly #inTurn = pLimit(1);

  constructor(private readonly options: ReceivedEventsOptions) {
    this.#noted = new RecentKeys(options.clock, NOTE_INTERVAL_MS);
  }

  /**
   * Records the arrival of an event. Call it once the event is handled, so that a repository
   * whose first event this was is known.
   *
   * @param atMs - time of arrival, epoch milliseconds
   */
  async note(change: RepositoryChange, atMs: number): Promise<void> {
    const { logger, providerId, relevance, webhooks } = this.options;
    const { projectKey, selfUrl } = getProject(change);
    const key = `${findWebBase(selfUrl ?? '')} ${projectKey.toLowerCase()}`;
    if (this.#noted.has(key) || this.#inTurn.pendingCount >= MAX_WAITING) {
      return;
    }
    this.#noted.add(key);
    try {
      await this.#inTurn(async () => {
        if (await isAboutKnownProject(change, relevance)) {
          await webhooks.recordEvent(providerId, projectKey, atMs);
        }
      });
    } catch (error) {
      this.#noted.delete(key);
      logger.debug(
        `The arrival of an event about ${projectKey} could not be recorded: ${error}`,
      );
    }
  }
}
