/**
 * The check of each webhook request, as Backstage's HTTP ingress calls it: who cannot sign
 * gets 403 and learns nothing. Publishes nothing itself.
 */

import { LoggerService } from '@backstage/backend-plugin-api';
import { RequestDetails, RequestValidator } from '@backstage/plugin-events-node';
import { z } from 'zod';
import { verifySignature } from './signature';
import { PING_EVENT_KEY, webhookHeader } from './webhookTopics';

/** What a ping may say. */
const PingBody = z.strictObject({
  test: z.boolean().optional(),
  eventKey: z.literal(PING_EVENT_KEY).optional(),
});

/** What the check needs. */
export interface WebhookValidatorOptions {
  /** What the webhooks are configured with in Bitbucket. */
  readonly secret: string;
  readonly logger: LoggerService;
}

/** Lets signed requests through, and pings. */
export function createWebhookValidator({
  secret,
  logger,
}: WebhookValidatorOptions): RequestValidator {
  let hasWarned = false;
  return async (request, context) => {
    const header = webhookHeader(request.headers, 'x-hub-signature');
    if (
      verifySignature({ rawBody: request.raw.body, header, secret }) ||
      (header === undefined && isPing(request))
    ) {
      return;
    }
    context.reject({
      status: 403,
      payload: { message: 'X-Hub-Signature is missing or wrong' },
    });
    // Anybody can cause this line: once is a hint for the operator, more is noise.
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
