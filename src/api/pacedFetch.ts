/** Between requests as others send them and the paced transport. */

import { ServiceUnavailableError } from '@backstage/errors';
import { BitbucketServerIntegrationConfig } from '@backstage/integration';
import { RestClient } from '../bitbucket/RestClient';
import { LimiterRegistry } from '../http/limiters';
import { createClientFactory } from '../provider/createClient';
import { systemClock } from '../util/clock';

/** The defaults of the provider's keys `concurrency` and `requestTimeout`. */
const CONCURRENCY = 8;
const REQUEST_TIMEOUT_MS = 30_000;

/** Statuses whose answers have no body, not even an empty one. */
const BODILESS = [204, 205, 304];

/**
 * Sends requests through a client of a run: same credentials, same pace, ended with it.
 *
 * @param client - told that what is asked for is asked for by a location parser
 */
export function fetchThrough(
  client: RestClient,
  signal?: AbortSignal,
): (url: string) => Promise<Response> {
  return async url => {
    const answer = await client.ask({ kind: 'location-parser', url }, { signal });
    if (answer.kind === 'unknown') {
      throw new ServiceUnavailableError(answer.problem.detail);
    }
    const { status, headers, body } = answer.reply;
    return new Response(BODILESS.includes(status) ? null : body, { status, headers });
  };
}

/** Makes a client of its own, for whoever uses one outside of a provider. */
export function createPacedFetch(
  integration: BitbucketServerIntegrationConfig,
): (url: string) => Promise<Response> {
  const clients = createClientFactory({
    providerId: 'BitbucketServerClient',
    integration,
    rateLimit: { kind: 'auto' },
    concurrency: CONCURRENCY,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    limiters: new LimiterRegistry(),
    clock: systemClock,
    onLimiterWarning: () => {},
  });
  const client = clients.create({ onAttempt: () => {}, onWait: () => {} });
  const send = fetchThrough(client);
  let prepared: Promise<void> | undefined;
  return async url => {
    prepared ??= clients.prepare(client);
    await prepared;
    return send(url);
  };
}
