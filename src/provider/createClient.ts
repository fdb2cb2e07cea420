/** Puts a client together: integration, credentials, limiter, transport. Wiring only. */

import {
  BitbucketServerIntegrationConfig,
  getBitbucketServerRequestOptions,
} from '@backstage/integration';
import { BitbucketServerCredentialsError } from '../bitbucket/errors';
import { RestClient } from '../bitbucket/RestClient';
import { SentCredentials } from '../bitbucket/Session';
import { ProviderCredentials } from '../config/types';
import { Fetch, HttpTransport } from '../http/HttpTransport';
import { LimiterRegistry } from '../http/LimiterRegistry';
import { createRedactor, Redact, getSecrets } from '../http/redact';
import { RequestLimiter } from '../http/RequestLimiter';
import { RequestClass, RequestObserver, Transport } from '../http/types';
import { combineObservers } from '../metrics/observers';
import { Clock } from '../util/clock';

/** What the clients of one provider share. */
export interface ClientSetup {
  readonly providerId: string;
  /** With the provider's own credentials, where it has some. */
  readonly integration: BitbucketServerIntegrationConfig;
  /** Those that the provider has of its own: they are configured elsewhere. */
  readonly credentials?: ProviderCredentials;
  readonly requestTimeoutMs: number;
  readonly limiters: LimiterRegistry;
  /** `discovery` when left out. */
  readonly requestClass?: RequestClass;
  readonly clock: Clock;
  /** Told of the requests of all clients, besides the observer of each. */
  readonly observer?: RequestObserver;
  /** The global one when left out. */
  readonly fetch?: Fetch;
}

/** Makes clients that share one limiter. */
export interface ClientFactory {
  /** Whether there are credentials to ask with. */
  readonly areAuthenticated: boolean;
  /** A client for one run; its requests are reported to `observer`. */
  create(observer: RequestObserver): RestClient;
  /**
   * A client for one event.
   *
   * @throws BitbucketServerCredentialsError where the last attempt to log in has failed:
   * until a run gets in again, no event tries, or a busy day would lock the account
   */
  createForEvent(): RestClient;
  /** Notes how logging in went: the error that ended a run or an event, or `undefined`. */
  recordLogin(error: unknown): void;
  /**
   * Has the client read the own budget at the server unless that is known already; one that
   * asks before anything else sends nothing while another reads it. Never throws: the run
   * meets what went wrong again.
   */
  prepare(client: RestClient, signal?: AbortSignal): Promise<void>;
  /** What is known of the own budget. */
  budget(): RequestLimiter['budget'];
  /**
   * Lets all clients, also those of a run under way, ask with other credentials for the same
   * server; what was refused before does not count for these.
   *
   * @remarks Does nothing for another server: what is configured for one must not reach
   * another.
   */
  useCredentials(integration: BitbucketServerIntegrationConfig): void;
}

/** What a request is sent with, as long as its credentials are the ones configured. */
interface Access {
  readonly headers: Readonly<Record<string, string>>;
  readonly limiter: RequestLimiter;
  readonly redact: Redact;
}

/** Finds the limiter of the host and credential once for each credential. */
export function createClientFactory(setup: ClientSetup): ClientFactory {
  let access = accessTo(setup.integration, setup.limiters);
  let refusal: BitbucketServerCredentialsError | undefined;
  const create = (observer?: RequestObserver) =>
    new RestClient({
      address: setup.integration,
      credentials: sentCredentials(setup.integration),
      configuredAt: placeOfCredentials(setup),
      transport: createTransport(setup, () => access, observer),
    });
  return {
    areAuthenticated: access.headers.Authorization !== undefined,
    create,
    createForEvent() {
      if (refusal) {
        throw refusal;
      }
      return create();
    },
    recordLogin(error) {
      // Where Bitbucket could not find out, trying again locks nothing.
      const isRefusal =
        error instanceof BitbucketServerCredentialsError &&
        error.problem !== 'not-verified';
      if (error === undefined || isRefusal) {
        refusal = error;
      }
    },
    async prepare(client, signal) {
      const { requestClass } = setup;
      const read = (stop?: AbortSignal) => client.readRateLimitBudget({ signal: stop });
      try {
        await access.limiter.lookUpBudget(read, { requestClass, signal });
      } catch {
        // An abort, or credentials that do not work: the run meets them again and says so.
      }
    },
    budget: () => access.limiter.budget,
    useCredentials(integration) {
      const { apiBaseUrl, host } = setup.integration;
      if (integration.apiBaseUrl === apiBaseUrl && integration.host === host) {
        access = accessTo(integration, setup.limiters);
        refusal = undefined;
      }
    },
  };
}

function accessTo(
  integration: BitbucketServerIntegrationConfig,
  limiters: LimiterRegistry,
): Access {
  const { headers = {} } = getBitbucketServerRequestOptions(integration);
  return {
    headers,
    limiter: limiters.limiterFor(integration),
    redact: createRedactor(getSecrets(integration)),
  };
}

/** Sends each request with what is configured when it is sent. */
function createTransport(
  setup: ClientSetup,
  currentAccess: () => Access,
  observer: RequestObserver | undefined,
): Transport {
  const { clock, fetch, integration, requestClass, requestTimeoutMs } = setup;
  const open = (access: Access) => ({
    access,
    transport: new HttpTransport({
      ...access,
      baseUrl: integration.apiBaseUrl,
      clock,
      requestTimeoutMs,
      requestClass,
      observer: combineObservers(observer, setup.observer),
      fetch,
    }),
  });
  let opened = open(currentAccess());
  return {
    get(...request) {
      const access = currentAccess();
      opened = opened.access === access ? opened : open(access);
      return opened.transport.get(...request);
    },
  };
}

/** As `getBitbucketServerRequestOptions` chooses. */
function sentCredentials({
  token,
  username,
  password,
}: BitbucketServerIntegrationConfig): SentCredentials {
  const passwordOrNone = username && password ? 'password' : 'none';
  return token ? 'token' : passwordOrNone;
}

function placeOfCredentials({ credentials, providerId, integration }: ClientSetup) {
  return credentials
    ? `catalog.providers.bitbucketServer, provider ${providerId}`
    : `integrations.bitbucketServer, host ${integration.host}`;
}
