/**
 * The limiters of a backend: one per host and credential, whoever asks. Must not keep
 * state in the module, so that two backends in one process (tests) do not slow each other
 * down. Created once by whoever wires things up.
 */

import { createHash } from 'node:crypto';
import {
  BitbucketServerIntegrationConfig,
  getBitbucketServerRequestOptions,
} from '@backstage/integration';
import { Clock } from '../util/clock';
import { AgreedLimits } from './agreeOnLimits';
import { HostLimits, RequestLimiter } from './RequestLimiter';

/**
 * Makes the key under which requests with the same credential share a limiter.
 *
 * @returns the SHA-256 of the `Authorization` header, hexadecimal; `anonymous` without one
 */
export function credentialKeyOf(integration: BitbucketServerIntegrationConfig): string {
  const { headers } = getBitbucketServerRequestOptions(integration);
  if (!headers?.Authorization) return 'anonymous';
  return createHash('sha256').update(headers.Authorization).digest('hex');
}

/** For {@link LimiterRegistry}. */
export interface LimiterRegistryOptions {
  readonly agreed: readonly AgreedLimits[];
  /** Requests in flight on a host that nobody has agreed on; its pace is `auto`. */
  readonly defaultConcurrency: number;
  readonly clock: Clock;
  /** Told in a sentence of a budget of the server's that cannot be meant. */
  readonly onWarning: (message: string) => void;
}

function getOrAdd<V>(map: Map<string, V>, key: string, make: () => V): V {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}

/** Finds the limiter that all who ask one host with one credential share. */
export class LimiterRegistry {
  readonly #hosts = new Map<string, HostLimits>();
  readonly #limiters = new Map<string, RequestLimiter>();
  readonly #options: LimiterRegistryOptions;

  constructor(options: LimiterRegistryOptions) {
    this.#options = options;
  }

  /** Finds or makes the limiter; its limits are those that were agreed on. */
  limiterFor(integration: BitbucketServerIntegrationConfig): RequestLimiter {
    const { agreed, clock, defaultConcurrency, onWarning } = this.#options;
    const host = integration.host.toLowerCase();
    const credentialKey = credentialKeyOf(integration);
    const onHost = agreed.filter(limits => limits.host === host);
    const own = onHost.find(limits => limits.credentialKey === credentialKey);
    const concurrency = onHost[0]?.concurrency ?? defaultConcurrency;
    return getOrAdd(
      this.#limiters,
      `${host} ${credentialKey}`,
      () =>
        new RequestLimiter({
          host: getOrAdd(this.#hosts, host, () => new HostLimits({ concurrency, clock })),
          pace: own?.pace ?? { auto: true },
          clock,
          onDoubt: doubt => onWarning(`Bitbucket at ${host} ${doubt}`),
        }),
    );
  }
}
