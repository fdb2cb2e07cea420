/**
 * Publishes each webhook of the plain topic once more under `bitbucketServer.<event key>`.
 * Does what the router of Backstage's own module for Bitbucket Server does, and also serves
 * events that arrive without headers.
 */

import {
  EventParams,
  EventsService,
  SubTopicEventRouter,
} from '@backstage/plugin-events-node';
import { eventKeyOf, WEBHOOK_TOPIC } from './webhookTopics';

/** See the head of the file. */
export class WebhookTopicRouter extends SubTopicEventRouter {
  constructor(events: EventsService) {
    super({ events, topic: WEBHOOK_TOPIC });
  }

  protected override getSubscriberId(): string {
    return 'bitbucket-server-webhooks';
  }

  protected override determineSubTopic(event: EventParams): string | undefined {
    return eventKeyOf(event.topic, event.metadata, event.eventPayload);
  }
}
