/** Adapts the signature of `fetch` to the rate-limited transport. */

import { ServiceUnavailableError } from '@backstage/errors';
import { BitbucketServerIntegrationConfig } from '@backstage/integration';
import { durationToMilliseconds } from '@backstage/types';
import { RestClient } from '../bitbucket/RestClient';
import { DEFAULTS } from '../config/configurationKeys';
import { LimiterRegistry } from '../http/LimiterRegistry';
import { createClientFactory } from '../provider/createClient';
import { limitersOfProcess } from '../provider/limiters';
import { systemClock } from '../util/clock';

/** Statuses whose responses must not have a body, not even an empty one. */
const BODILESS = [204, 205, 304];

/**
 * Returns a function that sends requests through a client of a run: with its credentials and rate
 * limit, and aborted with it.
 *
 * @param client - receives the requests as those of a location parser
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

/** Returns a function that sends requests outside of a provider, within the limits of the backend. */
export function createPacedFetch(
  integration: BitbucketServerIntegrationConfig,
): (url: string) => Promise<Response> {
  const open = (limiters: LimiterRegistry) => {
    const clients = createClientFactory({
      providerId: 'BitbucketServerClient',
      integration,
      requestTimeoutMs: durationToMilliseconds(DEFAULTS.requestTimeout),
      limiters,
      clock: systemClock,
    });
    const client = clients.create({ onAttempt: () => {}, onWait: () => {} });
    return {
      limiters,
      prepare: () => clients.prepare(client),
      send: fetchThrough(client),
    };
  };
  let opened = open(limitersOfProcess());
  return async url => {
    // A client may be created before the backend has created its limiters.
    const limiters = limitersOfProcess();
    if (opened.limiters !== limiters) {
      opened = open(limiters);
    }
    const { prepare, send } = opened;
    await prepare();
    return send(url);
  };
}
