/**
 * Takes Bitbucket's webhooks from the events service and hands what they say to every
 * provider. Never throws, whatever arrives.
 */

import { EventParams, EventsService } from '@backstage/plugin-events-node';
import { EventStore } from '../store/EventStore';
import { Clock } from '../util/clock';
import { analyzeWebhookEvent } from './analyzeWebhookEvent';
import { contentIdentity, DeliveryMemory } from './DeliveryMemory';
import { EventLog } from './EventLog';
import { RepositoryChange } from './repositoryChanges';
import { eventKeyOf, WEBHOOK_TOPICS } from './webhookTopics';

/** The same on every replica: so the event bus gives each event to one of them. */
const SUBSCRIBER_ID = 'bitbucket-server-entity-provider';

/** No other replica takes an event again within this time. */
const TAKEN_FOR_MS = 300_000;

/** What the subscriber works with. */
export interface WebhookSubscriberOptions {
  readonly reactors: readonly { note(change: RepositoryChange): void }[];
  readonly deliveries: Pick<EventStore, 'takeDelivery'>;
  readonly log: EventLog;
  readonly clock: Pick<Clock, 'now'>;
}

/** Subscribes for all providers together. */
export class WebhookSubscriber {
  readonly #options: WebhookSubscriberOptions;
  readonly #seen: DeliveryMemory;

  constructor(options: WebhookSubscriberOptions) {
    this.#options = options;
    this.#seen = new DeliveryMemory({ clock: options.clock });
  }

  /** Begins to take events. */
  async subscribe(events: EventsService): Promise<void> {
    await events.subscribe({
      id: SUBSCRIBER_ID,
      topics: [...WEBHOOK_TOPICS],
      onEvent: event => this.onEvent(event),
    });
  }

  /** Takes one event. */
  async onEvent(event: EventParams): Promise<void> {
    const { log, reactors } = this.#options;
    const { topic, metadata, eventPayload: payload } = event;
    try {
      const eventKey = eventKeyOf(topic, metadata, payload);
      const what = eventKey ?? 'An event';
      const analysis = analyzeWebhookEvent(eventKey, payload);
      if (analysis.kind !== 'changes') {
        log[analysis.kind](what, analysis.reason);
        return;
      }
      if (eventKey !== undefined && !(await this.#isFirst(eventKey, event))) {
        log.duplicate(what);
        return;
      }
      for (const change of analysis.changes) {
        reactors.forEach(reactor => reactor.note(change));
      }
    } catch (error) {
      log.notTaken('A webhook', error);
    }
  }

  async #isFirst(eventKey: string, event: EventParams): Promise<boolean> {
    const { metadata, eventPayload: payload } = event;
    if (!this.#seen.add({ eventKey, metadata, payload })) {
      return false;
    }
    const identity = contentIdentity(eventKey, payload);
    if (identity === undefined) {
      return true;
    }
    const { clock, deliveries, log } = this.#options;
    try {
      return await deliveries.takeDelivery(identity, clock.now(), TAKEN_FOR_MS);
    } catch (error) {
      // Twice is better than never.
      log.retried(eventKey, `other replicas could not be told: ${error}`);
      return true;
    }
  }
}
