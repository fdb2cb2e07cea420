/**
 * Assembles a client from integration, credentials, limiter and transport, and counts the
 * requests that it sends.
 */

import {
  BitbucketServerIntegrationConfig,
  getBitbucketServerRequestOptions,
} from '@backstage/integration';
import { BitbucketServerCredentialsError, isRefusedLogin } from '../bitbucket/errors';
import { RestClient } from '../bitbucket/RestClient';
import { SentCredentials } from '../bitbucket/Session';
import { ProviderCredentials, ProviderConfig } from '../config/types';
import { Fetch, HttpTransport } from '../http/HttpTransport';
import { LimiterRegistry } from '../http/LimiterRegistry';
import { createRedactor, Redact, getSecrets } from '../http/redact';
import { RequestLimiter } from '../http/RequestLimiter';
import { RequestClass, RequestKind, RequestObserver, Transport } from '../http/types';
import { combineObservers } from '../metrics/observers';
import { Clock } from '../util/clock';

/** Settings that the clients of one provider share. */
interface ClientSetup {
  readonly providerId: string;
  /** The integration, with the provider's own credentials if it has any. */
  readonly integration: BitbucketServerIntegrationConfig;
  /** The provider's own credentials, which messages must locate in another part of the configuration. */
  readonly credentials?: ProviderCredentials;
  readonly requestTimeoutMs: number;
  readonly limiters: LimiterRegistry;
  /** Default: `discovery`. */
  readonly requestClass?: RequestClass;
  readonly clock: Clock;
  /** Receives the requests of all clients, in addition to the observer of each client. */
  readonly observer?: RequestObserver;
  /** Default: the global `fetch`. */
  readonly fetch?: Fetch;
}

/** Creates clients that share one limiter. */
export interface ClientFactory {
  /** Whether requests are sent with credentials. */
  readonly areAuthenticated: boolean;
  /** Creates a client for one run; its requests are reported to `observer`, if there is one. */
  create(observer?: RequestObserver): RestClient;
  /**
   * Creates a client for one event.
   *
   * @throws BitbucketServerCredentialsError if the last login has failed: until a run can log
   * in again, events do not try, since many of them would lock the account
   */
  createForEvent(): RestClient;
  /** Notes the result of a login: the error that ended a run or an event, or `undefined`. */
  recordLogin(error: unknown): void;
  /**
   * Lets the client read the account's budget from the server unless it is already known; while
   * another client reads it, waits for that. Never throws: the run encounters the same error
   * again.
   */
  prepare(client: RestClient, signal?: AbortSignal): Promise<void>;
  /** Returns the account's budget as far as it is known. */
  budget(): RequestLimiter['budget'];
  /**
   * Switches all clients, including those of a run in progress, to other credentials for the
   * same server; an earlier refused login does not count for these.
   *
   * @remarks Does nothing for another server: credentials that are configured for one server
   * must not be sent to another.
   */
  useCredentials(integration: BitbucketServerIntegrationConfig): void;
}

/** Everything that depends on the configured credentials; replaced when they change. */
interface Access {
  readonly headers: Readonly<Record<string, string>>;
  readonly limiter: RequestLimiter;
  readonly redact: Redact;
}

/** Creates a factory that looks up the limiter once for each configured credential. */
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
      if (error === undefined || isRefusedLogin(error)) {
        refusal = error;
      }
    },
    async prepare(client, signal) {
      const { requestClass } = setup;
      const read = (stop?: AbortSignal) => client.readRateLimitBudget({ signal: stop });
      try {
        await access.limiter.lookUpBudget(read, { requestClass, signal });
      } catch {
        // An abort, or credentials that do not work: the run encounters and reports them.
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
  const { headers } = getBitbucketServerRequestOptions(integration);
  return {
    headers,
    limiter: limiters.limiterFor(integration),
    redact: createRedactor(getSecrets(integration)),
  };
}

/** Creates a transport that sends each request with the credentials configured at that time. */
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

/** Which credentials are sent, by the same rule as in `getBitbucketServerRequestOptions`. */
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

/** Options for {@link createCatalogClients} and {@link findAccessProblem}. */
export interface CatalogAccessOptions extends Omit<
  ClientSetup,
  'integration' | 'providerId'
> {
  readonly config: ProviderConfig;
  /** The integration as configured, without the provider's own credentials. */
  readonly catalogIntegration: BitbucketServerIntegrationConfig;
}

/** Creates clients that use the credentials with which the catalog reads files. */
export function createCatalogClients({
  config,
  catalogIntegration,
  ...setup
}: CatalogAccessOptions): ClientFactory {
  return createClientFactory({
    ...setup,
    // The setup may contain the credentials of the provider.
    credentials: undefined,
    providerId: config.id,
    integration: catalogIntegration,
  });
}

/**
 * Finds out what keeps the catalog from reading the files that the provider finds. Sends one
 * request, or none if the provider has no credentials of its own.
 *
 * @returns cause and remedy; `undefined` if no problem is known
 * @throws the signal's reason when aborted
 */
export async function findAccessProblem(
  options: CatalogAccessOptions,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const { credentials, host } = options.config;
  if (!credentials) {
    return undefined;
  }
  const place = `integrations.bitbucketServer, host ${host}`;
  const clients = createCatalogClients(options);
  if (!clients.areAuthenticated) {
    return `The catalog reads the files that are found with the credentials of ${place}, not with those of the provider, and none are configured there: it can read only what is public. Add a token, or username and password, that may read the same repositories`;
  }
  try {
    await clients.create().readServerInfo({ signal });
    return undefined;
  } catch (error) {
    signal?.throwIfAborted();
    return error instanceof BitbucketServerCredentialsError
      ? `The catalog reads the files that are found with the credentials of ${place}, not with those of the provider, and they do not work. ${error.message}`
      : undefined;
  }
}

/** Numbers of requests of a run. */
export interface RequestCounts {
  /** Attempts sent, retries included. */
  readonly total: number;
  readonly retries: number;
  /** Answers with status 429. */
  readonly rateLimited: number;
  readonly byKind: Readonly<Record<string, number>>;
  /** Milliseconds spent waiting for the limiter and between retries, summed over all requests. */
  readonly waitedMs: number;
}

/** Adds up the attempts and waits that a transport reports. */
export class RequestMeter implements RequestObserver {
  #total = 0;
  #retries = 0;
  #rateLimited = 0;
  #waitedMs = 0;
  readonly #byKind = new Map<RequestKind, number>();

  onAttempt(attempt: Parameters<RequestObserver['onAttempt']>[0]): void {
    this.#total += 1;
    this.#retries += attempt.retry ? 1 : 0;
    this.#rateLimited += attempt.result === 429 ? 1 : 0;
    this.#byKind.set(attempt.kind, (this.#byKind.get(attempt.kind) ?? 0) + 1);
  }

  onWait(wait: { ms: number }): void {
    this.#waitedMs += wait.ms;
  }

  counts(): RequestCounts {
    return {
      total: this.#total,
      retries: this.#retries,
      rateLimited: this.#rateLimited,
      byKind: Object.fromEntries(this.#byKind),
      waitedMs: this.#waitedMs,
    };
  }
}
