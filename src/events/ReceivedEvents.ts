/**
 * Notes when the last event about each project of one provider came, for those who ask
 * whether webhooks work. What goes wrong here is logged and changes nothing else.
 */

import { LoggerService } from '@backstage/backend-plugin-api';
import pLimit from 'p-limit';
import { findWebBase } from '../util/parseUrls';
import { WebhookStore } from '../store/WebhookStore';
import { Clock } from '../util/clock';
import { isAboutKnownProject, getProject, RelevanceContext } from './relevance';
import { RepositoryChange } from './repositoryChanges';

/** However many events come, a project is noted once in so long, by each replica. */
const NOTE_INTERVAL_MS = 60_000;

/** Every holder of the secret can invent projects. */
const MAX_REMEMBERED = 10_000;

/** Each asks the database; what exceeds that is not noted. */
const MAX_WAITING = 100;

/** What events are noted with. */
export interface ReceivedEventsOptions {
  readonly providerId: string;
  readonly webhooks: Pick<WebhookStore, 'recordEvent'>;
  readonly relevance: RelevanceContext;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly logger: Pick<LoggerService, 'debug'>;
}

/** Of one provider. */
export class ReceivedEvents {
  readonly #notedAtMs = new Map<string, number>();
  readonly #inTurn = pLimit(1);

  constructor(private readonly options: ReceivedEventsOptions) {}

  /**
   * Notes that an event came, once it is handled: then a repository of which it was the
   * first is known.
   *
   * @param atMs - when it came, epoch milliseconds
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
      logger.debug(`That an event about ${projectKey} came could not be noted: ${error}`);
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
