/** The real client on a simulated Bitbucket, without sockets. Must not be used outside tests. */

import { parseRequest } from '../../dev/simulatedBitbucket/facts';
import { SimulatedBitbucket } from '../../dev/simulatedBitbucket';
import { BitbucketServerClient } from '../bitbucket/BitbucketServerClient';
import { HttpTransport } from '../http/HttpTransport';
import { LimiterRegistry } from '../http/limiters';
import { Clock, systemClock } from '../util/clock';

/** For {@link createSimulatedClient}. */
export interface SimulatedClientOptions {
  /** HTTP access token of a user of the server. */
  readonly token: string;
  readonly concurrency?: number;
  readonly clock?: Clock;
}

/** A client with credentials, not limited in pace. */
export function createSimulatedClient(
  server: SimulatedBitbucket,
  options: SimulatedClientOptions,
): BitbucketServerClient {
  const { token, concurrency = 8, clock = systemClock } = options;
  const { host } = new URL(server.baseUrl);
  const limiter = new LimiterRegistry().limiterFor({
    host,
    credentialKey: token,
    setting: { kind: 'off' },
    concurrency,
    clock,
    requester: 'test',
  });
  return new BitbucketServerClient({
    address: { host, apiBaseUrl: server.apiBaseUrl },
    authenticated: true,
    transport: new HttpTransport({
      baseUrl: server.apiBaseUrl,
      headers: { Authorization: `Bearer ${token}` },
      secrets: [token],
      limiter,
      clock,
      requestTimeoutMs: 30_000,
      fetch: (input, init) => server.handle(new Request(input, init)),
    }),
  });
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
