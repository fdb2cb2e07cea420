/**
 * The check of each webhook request, as Backstage's HTTP ingress calls it: who cannot sign
 * gets 403 and learns nothing. Publishes nothing itself.
 */

import { createHmac, timingSafeEqual } from 'node:crypto';
import { LoggerService } from '@backstage/backend-plugin-api';
import { RequestDetails, RequestValidator } from '@backstage/plugin-events-node';
import { z } from 'zod';
import { PING_EVENT_KEY, webhookHeader } from './webhookTopics';

/**
 * Webhooks have a dozen levels. Thousands of them, once parsed, cannot be written again:
 * publishing the event would exhaust the stack.
 */
const MAX_DEPTH = 100;

/** What a ping may say. */
const PingBody = z.strictObject({
  test: z.boolean().optional(),
  eventKey: z.literal(PING_EVENT_KEY).optional(),
});

/** What the check needs. */
interface WebhookValidatorOptions {
  /** What the webhooks are configured with in Bitbucket. */
  readonly secrets: readonly string[];
  readonly logger: LoggerService;
}

/** Lets signed requests through, and pings. */
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
    // Anyone can cause this line: once is a hint for the operator, more is noise.
    const log = hasWarned ? 'debug' : 'warn';
    hasWarned = true;
    logger[log](
      'Refused a webhook of Bitbucket Server: its signature is missing or wrong. If it was yours, compare the secret of the webhook in Bitbucket with events.modules.bitbucketServer.webhookSecret',
    );
  };
}

/**
 * Whether this is a test of the connection and nothing else.
 *
 * @remarks The header alone proves nothing: the event bus drops headers, so a push sent under
 * the name of a ping would be taken for a push by other processes. Headers sent twice are
 * missing here, as in `webhookHeader`.
 *
 * Source: recorded ping: header `X-Event-Key: diagnostics:ping`, body `{"test": true}`.
 */
function isPing({ headers, body }: RequestDetails): boolean {
  return (
    webhookHeader(headers, 'x-event-key') === PING_EVENT_KEY &&
    PingBody.safeParse(body).success
  );
}

/** Level by level, since a call for each would run out of stack itself. */
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

/** A received body with the signature that came with it. */
interface SignedBody {
  /** The bytes as they were received: JSON that was parsed and written again has others. */
  readonly rawBody: Uint8Array | string;
  /** The header `X-Hub-Signature`, as received. */
  readonly header: unknown;
  /** What webhooks are configured with in Bitbucket; several while one takes the place of another. */
  readonly secrets: readonly string[];
}

/**
 * Checks `X-Hub-Signature`, in constant time as far as digests and secrets go.
 *
 * @remarks Exactly as Bitbucket writes it. Blanks around the value of a header are not part
 * of it (RFC 9110, section 5.5), and Node.js takes them off first.
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
  // Each is tried, so that the time does not tell which one it was.
  const matches = usable.map(secret =>
    timingSafeEqual(createHmac('sha256', secret).update(rawBody).digest(), received),
  );
  return matches.includes(true);
}
