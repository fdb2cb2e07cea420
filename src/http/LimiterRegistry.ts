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
import { LimitAgreement } from './agreeOnLimits';
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

interface Host {
  readonly limits: HostLimits;
  readonly limiters: Map<string, RequestLimiter>;
}

/** For {@link LimiterRegistry}. */
export interface LimiterRegistryOptions {
  readonly agreement: LimitAgreement;
  /** Requests in flight on a host that nobody has agreed on; its pace is `auto`. */
  readonly defaultConcurrency: number;
  readonly clock: Clock;
  /** Told in a sentence of a budget of the server's that cannot be meant. */
  readonly onWarning: (message: string) => void;
}

/** Finds the limiter that all who ask one host with one credential share. */
export class LimiterRegistry {
  readonly #hosts = new Map<string, Host>();
  readonly #options: LimiterRegistryOptions;

  constructor(options: LimiterRegistryOptions) {
    this.#options = options;
  }

  /** Finds or makes the limiter; its limits are those that were agreed on. */
  limiterFor(integration: BitbucketServerIntegrationConfig): RequestLimiter {
    const { agreement, clock, onWarning } = this.#options;
    const { host } = integration;
    const credentialKey = credentialKeyOf(integration);
    const { limits, limiters } = this.#hostOf(host);
    const agreed = agreement.hosts.get(host.toLowerCase());
    const limiter =
      limiters.get(credentialKey) ??
      new RequestLimiter({
        host: limits,
        pace: agreed?.paceByCredential.get(credentialKey) ?? { auto: true },
        clock,
        onDoubt: doubt => onWarning(`Bitbucket at ${host} ${doubt}`),
      });
    limiters.set(credentialKey, limiter);
    return limiter;
  }

  #hostOf(host: string): Host {
    const { agreement, clock, defaultConcurrency } = this.#options;
    const key = host.toLowerCase();
    const { concurrency } = agreement.hosts.get(key) ?? {
      concurrency: defaultConcurrency,
    };
    const found = this.#hosts.get(key) ?? {
      limits: new HostLimits({ concurrency, clock }),
      limiters: new Map(),
    };
    this.#hosts.set(key, found);
    return found;
  }
}
