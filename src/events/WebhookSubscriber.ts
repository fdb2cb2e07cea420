/**
 * Receives Bitbucket's webhooks from the events service, passes their changes to every provider
 * and counts the results. Never throws, whatever arrives.
 */

import { LoggerService } from '@backstage/backend-plugin-api';
import { EventParams, EventsService } from '@backstage/plugin-events-node';
import { EventStore } from '../store/DatabaseEventStore';
import { Clock, withTimeout } from '../util/clock';
import { sha256 } from '../util/text';
import { analyzeWebhookEvent } from './analyzeWebhookEvent';
import { EventObserver, EventResult, logIgnored, summarizeResults } from './eventResults';
import { RepositoryChange, WebhookAnalysis } from './repositoryChanges';
import { findEventKey, WEBHOOK_TOPICS } from './webhookTopics';

/** The same on every replica, so that the event bus delivers each event to one of them only. */
const SUBSCRIBER_ID = 'bitbucket-server-entity-provider';

/** Time within which the same content is not handled again. */
const CLAIMED_FOR_MS = 300_000;

/** Longest wait for the database's answer whether the same content was handled, milliseconds. */
const MAX_CLAIM_MS = 2_000;

/** Handles changes for one provider. */
export interface ChangeHandler {
  /** Resolves with the result once the change is handled. */
  handle(change: RepositoryChange): Promise<EventResult>;
}

/** Options for {@link WebhookSubscriber}. */
interface WebhookSubscriberOptions {
  /** One per provider. */
  readonly handlers: readonly ChangeHandler[];
  readonly deliveries: Pick<EventStore, 'claimDelivery'>;
  readonly logger: LoggerService;
  readonly clock: Clock;
  readonly observer?: EventObserver;
}

/** Receives webhooks for all providers. */
export class WebhookSubscriber {
  constructor(private readonly options: WebhookSubscriberOptions) {}

  /** Subscribes to the topics of webhooks. */
  async subscribe(events: EventsService): Promise<void> {
    await events.subscribe({
      id: SUBSCRIBER_ID,
      topics: [...WEBHOOK_TOPICS],
      onEvent: event => this.onEvent(event),
    });
  }

  /** Receives one event; its handling continues after this resolves. */
  async onEvent(event: EventParams): Promise<void> {
    const { logger } = this.options;
    const eventKey = findEventKey(event.topic, event.metadata, event.eventPayload);
    const what = eventKey ?? 'An event';
    const analysis = analyzeWebhookEvent(eventKey, event.eventPayload);
    if (analysis.kind === 'ignored') {
      logIgnored(logger, what, analysis.reason);
      this.#count('ignored');
      return;
    }
    const claim = eventKey === undefined ? 'first' : await this.#claim(eventKey, event);
    if (claim !== 'first') {
      // On this or on another replica.
      logger.debug(`${what} has arrived before`);
      if (claim === 'repeated') {
        this.#count('duplicate');
      }
      return;
    }
    this.#handle(what, analysis).then(
      result => this.#count(result),
      error => {
        logger.warn(`${what} could not be handled; the next run catches up: ${error}`);
        this.#count('failed');
      },
    );
  }

  async #handle(
    what: string,
    analysis: Exclude<WebhookAnalysis, { kind: 'ignored' }>,
  ): Promise<EventResult> {
    const { handlers, logger } = this.options;
    if (analysis.kind === 'malformed') {
      logger.debug(`${what} cannot be read: ${analysis.reason}`);
      return 'malformed';
    }
    const results = handlers.map(handler => handler.handle(analysis.change));
    return summarizeResults(await Promise.all(results));
  }

  async #claim(eventKey: string, { topic, eventPayload }: EventParams) {
    const { clock, deliveries, logger } = this.options;
    try {
      // Throws for a payload that JSON cannot represent.
      const contentHash = sha256(JSON.stringify([eventKey, eventPayload]));
      const arrivalHash = sha256(JSON.stringify([topic, contentHash]));
      const delivery = { contentHash, arrivalHash };
      const validity = { nowMs: clock.now(), keepForMs: CLAIMED_FOR_MS };
      const claim = () => deliveries.claimDelivery(delivery, validity);
      // The sender of the webhook waits, too.
      return await withTimeout(claim, { clock, ms: MAX_CLAIM_MS });
    } catch (error) {
      // Twice is better than never, and changes of one repository are merged anyway.
      logger.debug(
        `${eventKey} is handled without a claim, so other replicas may handle it too: ${error}`,
      );
      return 'first';
    }
  }

  #count(result: EventResult): void {
    this.options.observer?.onEvent(result);
  }
}
