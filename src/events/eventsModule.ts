/** The backend feature that receives and authenticates webhooks. Wiring only. */

import {
  coreServices,
  createBackendModule,
  RootConfigService,
} from '@backstage/backend-plugin-api';
import { InputError } from '@backstage/errors';
import {
  EventParams,
  EventsService,
  eventsServiceRef,
  SubTopicEventRouter,
} from '@backstage/plugin-events-node';
import { eventsExtensionPoint } from '@backstage/plugin-events-node/alpha';
import { z } from 'zod';
import { createWebhookValidator } from './createWebhookValidator';
import { findEventKey, WEBHOOK_TOPIC } from './webhookTopics';

const SECRET_KEY = 'events.modules.bitbucketServer.webhookSecret';

const Secret = z.string().refine(text => text.trim() !== '');
const WebhookSecrets = z.union([
  Secret.transform(secret => [secret]),
  z.array(Secret).min(1),
]);

/**
 * Receives webhooks of Bitbucket Server at `/api/events/http/bitbucketServer`, rejects those
 * that are not signed with `events.modules.bitbucketServer.webhookSecret`, and publishes the
 * others under `bitbucketServer` and `bitbucketServer.<event key>`.
 *
 * @remarks Replaces `@backstage/plugin-events-backend-module-bitbucket-server`.
 *
 * @public
 */
export const eventsModuleBitbucketServerWebhooks = createBackendModule({
  pluginId: 'events',
  moduleId: 'bitbucket-server-webhooks',
  register(env) {
    env.registerInit({
      deps: {
        config: coreServices.rootConfig,
        events: eventsServiceRef,
        ingress: eventsExtensionPoint,
        logger: coreServices.logger,
      },
      async init({ config, events, ingress, logger }) {
        const secrets = readWebhookSecrets(config);
        ingress.addHttpPostIngress({
          topic: WEBHOOK_TOPIC,
          validator: createWebhookValidator({ secrets, logger }),
        });
        await new WebhookTopicRouter(events).subscribe();
      },
    });
  },
});

/** @throws InputError if there is none: anyone could send unsigned webhooks */
function readWebhookSecrets(config: RootConfigService): string[] {
  const value: unknown = config.getOptional(SECRET_KEY);
  const secrets = WebhookSecrets.safeParse(value);
  if (secrets.success) {
    return secrets.data;
  }
  throw new InputError(
    value === undefined
      ? `${SECRET_KEY} is missing; set it to the secret of the webhooks in Bitbucket, or do not install the events feature of this module`
      : `${SECRET_KEY} must be a non-empty string or a list of them; put each in quotes where YAML would read it as another type. Set it to the secret of the webhooks in Bitbucket, or to the old and the new one while you replace it`,
  );
}

/**
 * Publishes each webhook of the plain topic again under `bitbucketServer.<event key>`, as the
 * router of Backstage's own module for Bitbucket Server does, and also handles events that
 * arrive without headers.
 */
export class WebhookTopicRouter extends SubTopicEventRouter {
  constructor(events: EventsService) {
    super({ events, topic: WEBHOOK_TOPIC });
  }

  protected override getSubscriberId(): string {
    return 'bitbucket-server-webhooks';
  }

  protected override determineSubTopic(event: EventParams): string | undefined {
    return findEventKey(event.topic, event.metadata, event.eventPayload);
  }
}
