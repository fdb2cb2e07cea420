/**
 * A client that sends its requests to a simulated Bitbucket through the real transport, on a
 * fake clock. Must not be used outside tests.
 */

import { SimulatedBitbucket } from '../../dev/simulatedBitbucket';
import { RestClient } from '../bitbucket/RestClient';
import { AttemptResult, RateLimitSetting, RequestKind } from '../http/types';
import { createClientFactory } from '../provider/createClient';
import { createTestLimiters } from './testLimiters';
import { FakeClock } from './FakeClock';

/** How the client signs in. */
export type SignIn =
  | { readonly token: string }
  | { readonly username: string; readonly password: string }
  | 'nobody';

/** Options of {@link createSimulatedClient}. */
export interface SimulatedClientOptions {
  readonly bitbucket: SimulatedBitbucket;
  readonly signIn: SignIn;
  /** Should also be the clock of the simulated Bitbucket, if that waits for anything. */
  readonly clock?: FakeClock;
  /** Default `off`. */
  readonly rateLimit?: RateLimitSetting;
  /** Requests go through the global `fetch`, which msw has replaced. */
  readonly throughGlobalFetch?: boolean;
  /** The integration's `apiBaseUrl`; that of the simulated Bitbucket when left out. */
  readonly apiBaseUrl?: string;
}

/** The client and the tools of a test. */
export interface SimulatedClient {
  readonly client: RestClient;
  /** Advances simulated time as far as the work needs. */
  ask<T>(work: (client: RestClient) => Promise<T>): Promise<T>;
  /** Reads a listing to its end. */
  list<T>(steps: (client: RestClient) => AsyncIterable<T>): Promise<T[]>;
  /** Every attempt so far, retries included. */
  readonly attempts: readonly { kind: RequestKind; result: AttemptResult }[];
  /** The requests to the server, without the base URL, such as `/repos?start=0`. */
  asked(): string[];
}

/** Answers like `fetch`: a request without an answer is a network error. */
export function createFetch(bitbucket: SimulatedBitbucket): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    const response = await bitbucket.handle(request);
    request.signal.throwIfAborted();
    if (response.type === 'error') {
      const cause = Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
      throw new TypeError('fetch failed', { cause });
    }
    return response;
  };
}

/** Creates a client as a provider does. */
export function createSimulatedClient(options: SimulatedClientOptions): SimulatedClient {
  const { bitbucket, signIn, clock = new FakeClock() } = options;
  const attempts: { kind: RequestKind; result: AttemptResult }[] = [];
  const integration = {
    host: new URL(bitbucket.baseUrl).host,
    apiBaseUrl: options.apiBaseUrl ?? bitbucket.apiBaseUrl,
    ...(signIn === 'nobody' ? {} : signIn),
  };
  const client = createClientFactory({
    providerId: 'test',
    integration,
    requestTimeoutMs: 30_000,
    limiters: createTestLimiters(integration, { clock, rateLimit: options.rateLimit }),
    clock,
    fetch: options.throughGlobalFetch ? undefined : createFetch(bitbucket),
  }).create({
    onAttempt: ({ kind, result }) => attempts.push({ kind, result }),
    onWait: () => {},
  });
  const { pathname } = new URL(bitbucket.apiBaseUrl);
  return {
    client,
    attempts,
    ask: work => clock.run(work(client)),
    list: steps => clock.run(collect(steps(client))),
    asked: () => bitbucket.requests.map(({ path }) => path.slice(pathname.length)),
  };
}

async function collect<T>(steps: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const step of steps) {
    all.push(step);
  }
  return all;
}
