/**
 * Records when the last event about each project of one provider arrived, to show whether
 * webhooks work. A failure here is logged and has no other effect.
 */

import { LoggerService } from '@backstage/backend-plugin-api';
import pLimit from 'p-limit';
import { findWebBase } from '../util/parseUrls';
import { WebhookStore } from '../store/WebhookStore';
import { Clock } from '../util/clock';
import { isAboutKnownProject, getProject, RelevanceContext } from './relevance';
import { RepositoryChange } from './repositoryChanges';

/** Minimum time between two records of the same project by one replica. */
const NOTE_INTERVAL_MS = 60_000;

/** Maximum number of projects in memory: every holder of the secret can invent projects. */
const MAX_REMEMBERED = 10_000;

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
  readonly #notedAtMs = new Map<string, number>();
  readonly #inTurn = pLimit(1);

  constructor(private readonly options: ReceivedEventsOptions) {}

  /**
   * Records the arrival of an event. Call it once the event is handled, so that a repository
   * whose first event this was is known.
   *
   * @param atMs - time of arrival, epoch milliseconds
   */
  async note(change: RepositoryChange, atMs: number): Promise<void> {
    const { clock, logger, providerId, relevance, webhooks } = this.options;
    const { projectKey, selfUrl } = getProject(change);
    const key = `${findWebBase(selfUrl ?? '')} ${projectKey.toLowerCase()}`;
    if (this.#isNoted(key) || this.#inTurn.pendingCount >= MAX_WAITING) {
      return;
    }
    this.#remember(key, clock.monotonicMs());
    try {
      await this.#inTurn(async () => {
        if (await isAboutKnownProject(change, relevance)) {
          await webhooks.recordEvent(providerId, projectKey, atMs);
        }
      });
    } catch (error) {
      this.#notedAtMs.delete(key);
      logger.debug(
        `The arrival of an event about ${projectKey} could not be recorded: ${error}`,
      );
    }
  }

  #isNoted(key: string): boolean {
    const atMs = this.#notedAtMs.get(key);
    return (
      atMs !== undefined && this.options.clock.monotonicMs() - atMs < NOTE_INTERVAL_MS
    );
  }

  #remember(key: string, atMs: number): void {
    this.#notedAtMs.delete(key);
    this.#notedAtMs.set(key, atMs);
    const [oldest] = this.#notedAtMs.keys();
    if (this.#notedAtMs.size > MAX_REMEMBERED && oldest !== undefined) {
      this.#notedAtMs.delete(oldest);
    }
  }
}
