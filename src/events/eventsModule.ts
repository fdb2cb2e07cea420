/**
 * The backend feature that receives and authenticates webhooks when they arrive at Backstage's
 * HTTP ingress: a sender without the secret gets 403 and no further information.
 */

import {
  coreServices,
  createBackendModule,
  RootConfigService,
  LoggerService,
} from '@backstage/backend-plugin-api';
import { InputError } from '@backstage/errors';
import {
  EventParams,
  EventsService,
  eventsServiceRef,
  SubTopicEventRouter,
  RequestDetails,
  RequestValidator,
} from '@backstage/plugin-events-node';
import { eventsExtensionPoint } from '@backstage/plugin-events-node/alpha';
import { z } from 'zod';
import {
  findEventKey,
  WEBHOOK_TOPIC,
  PING_EVENT_KEY,
  webhookHeader,
} from './webhookTopics';
import { createHmac, timingSafeEqual } from 'node:crypto';

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

/**
 * Webhooks have a dozen levels. A body with thousands of levels can be parsed but not
 * serialized again: publishing the event would exhaust the stack.
 */
const MAX_DEPTH = 100;

/** The permitted body of a ping. */
const PingBody = z.strictObject({
  test: z.boolean().optional(),
  eventKey: z.literal(PING_EVENT_KEY).optional(),
});

/** Options for {@link createWebhookValidator}. */
interface WebhookValidatorOptions {
  /** The secrets of the webhooks in Bitbucket. */
  readonly secrets: readonly string[];
  readonly logger: LoggerService;
}

/** Creates a validator that accepts signed requests, and pings. */
export function createWebhookValidator({
  secrets,
  logger,
}: WebhookValidatorOptions): RequestValidator {
  let hasWarned = false;
  return async (request, context) => {
    const header = webhookHeader(request.headers, 'x-hub-signature');
    if (verifySignature({ rawBody: request.raw.body, header, secrets })) {
      if (isDeeperThan(MAX_DEPTH, request.body)) {
        const message = `The body is nested more than ${MAX_DEPTH} levels deep`;
        context.reject({ status: 400, payload: { message } });
      }
      return;
    }
    if (header === undefined && isPing(request)) {
      return;
    }
    context.reject({
      status: 403,
      payload: { message: 'X-Hub-Signature is missing or wrong' },
    });
    // Anyone can cause this line: the first one is a hint for the operator, more are noise.
    const log = hasWarned ? 'debug' : 'warn';
    hasWarned = true;
    logger[log](
      'Rejected a webhook of Bitbucket Server: its signature is missing or wrong. If it was yours, compare the secret of the webhook in Bitbucket with events.modules.bitbucketServer.webhookSecret',
    );
  };
}

/**
 * Whether this is a test of the connection and nothing else.
 *
 * @remarks The header alone proves nothing: the event bus drops headers, so other processes
 * would treat a push that was sent as a ping as a push. Headers sent twice count as missing,
 * as in `webhookHeader`.
 *
 * Source: recorded ping: header `X-Event-Key: diagnostics:ping`, body `{"test": true}`.
 */
function isPing({ headers, body }: RequestDetails): boolean {
  return (
    webhookHeader(headers, 'x-event-key') === PING_EVENT_KEY &&
    PingBody.safeParse(body).success
  );
}

/** Iterates level by level, since recursion would exhaust the stack as well. */
function isDeeperThan(maxDepth: number, body: unknown): boolean {
  let level = [body].filter(isNested);
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth === maxDepth) {
      return true;
    }
    level = level.flatMap(value => Object.values(value).filter(isNested));
  }
  return false;
}

function isNested(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

const SIGNATURE = /^sha256=([0-9a-fA-F]{64})$/;

/** A received body with its signature. */
interface SignedBody {
  /** The bytes as received: JSON that was parsed and serialized again may differ. */
  readonly rawBody: Uint8Array | string;
  /** The header `X-Hub-Signature`, as received. */
  readonly header: unknown;
  /** The secrets of the webhooks in Bitbucket; several while one replaces another. */
  readonly secrets: readonly string[];
}

/**
 * Checks `X-Hub-Signature`, in constant time with respect to digests and secrets.
 *
 * @remarks Accepts only the exact format that Bitbucket sends. Blanks around the value of a
 * header are not part of it (RFC 9110, section 5.5), and Node.js removes them first.
 *
 * @returns `false` also for a missing or malformed header, another algorithm and an empty
 * secret, with which anyone could sign
 *
 * Source: Atlassian, "Manage webhooks" (8.9): `sha256=<HMAC of the body in hexadecimal>`.
 */
export function verifySignature({ rawBody, header, secrets }: SignedBody): boolean {
  const hex = typeof header === 'string' ? SIGNATURE.exec(header)?.[1] : undefined;
  if (hex === undefined) {
    return false;
  }
  const received = Buffer.from(hex, 'hex');
  const usable = secrets.filter(secret => secret !== '');
  // All are compared, so that the time does not reveal which one matched.
  const matches = usable.map(secret =>
    timingSafeEqual(createHmac('sha256', secret).update(rawBody).digest(), received),
  );
  return matches.includes(true);
}
