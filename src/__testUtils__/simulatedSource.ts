/**
 * The engine's view of a simulated Bitbucket: the real client without sockets, and what
 * the server was asked for. Must not be used outside tests.
 */

import { parseRequest } from '../../dev/simulatedBitbucket/facts';
import { SimulatedBitbucket } from '../../dev/simulatedBitbucket';
import { RestClient } from '../bitbucket/RestClient';
import { LimiterRegistry } from '../http/limiters';
import { createClientFactory } from '../provider/createClient';
import { Clock, systemClock } from '../util/clock';
import { fetchOf } from './simulatedClient';

/** For {@link createSimulatedSource}. */
export interface SimulatedSourceOptions {
  /** HTTP access token of a user of the server. */
  readonly token: string;
  /** That of the machine when left out. */
  readonly clock?: Clock;
}

/** A client with credentials, 8 requests in flight, not limited in pace. */
export function createSimulatedSource(
  server: SimulatedBitbucket,
  options: SimulatedSourceOptions,
): RestClient {
  return createClientFactory({
    providerId: 'test',
    integration: {
      host: new URL(server.baseUrl).host,
      apiBaseUrl: server.apiBaseUrl,
      token: options.token,
    },
    rateLimit: { kind: 'off' },
    concurrency: 8,
    requestTimeoutMs: 30_000,
    limiters: new LimiterRegistry(),
    clock: options.clock ?? systemClock,
    onLimiterWarning: () => {},
    fetch: fetchOf(server),
  }).create({ onAttempt: () => {}, onWait: () => {} });
}

/** How many requests of each kind the server saw. */
export function countRequests(server: SimulatedBitbucket): Record<string, number> {
  const { origin, pathname } = new URL(server.baseUrl);
  const counts: Record<string, number> = {};
  for (const { method, path } of server.requests) {
    const request = new Request(`${origin}${path}`, { method });
    const { kind } = parseRequest(request, pathname.replace(/\/$/, '')).facts;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}
