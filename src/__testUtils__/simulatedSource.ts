/**
 * The engine's view of a simulated Bitbucket: the real client without sockets, and the
 * requests to the server. Must not be used outside tests.
 */

import { SimulatedBitbucket } from '../../dev/simulatedBitbucket';
import { RestClient } from '../bitbucket/RestClient';
import { createClientFactory } from '../provider/createClient';
import { Clock, systemClock } from '../util/clock';
import { createFetch } from './simulatedClient';
import { createTestLimiters } from './testLimiters';

/** Options of {@link createSimulatedSource}. */
export interface SimulatedSourceOptions {
  /** HTTP access token of a user of the server. */
  readonly token: string;
  /** The system clock when left out. */
  readonly clock?: Clock;
}

/** A client with credentials, 8 requests in flight, and no rate limit. */
export function createSimulatedSource(
  server: SimulatedBitbucket,
  options: SimulatedSourceOptions,
): RestClient {
  const { clock = systemClock, token } = options;
  const { apiBaseUrl } = server;
  const integration = { host: new URL(server.baseUrl).host, apiBaseUrl, token };
  return createClientFactory({
    providerId: 'test',
    integration,
    requestTimeoutMs: 30_000,
    limiters: createTestLimiters(integration, { clock }),
    clock,
    fetch: createFetch(server),
  }).create();
}

/** The number of requests of each kind that the server received. */
export function countRequests(server: SimulatedBitbucket): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { kind } of server.requests) {
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}
