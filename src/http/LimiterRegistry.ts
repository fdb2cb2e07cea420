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
import { AgreedLimits, PaceLimits } from './agreeOnLimits';
import { HostLimits, RequestLimiter } from './RequestLimiter';
import { UserBudget } from './UserBudget';

/**
 * Makes the key under which requests with the same credential share a limiter.
 *
 * @returns the SHA-256 of the `Authorization` header, hexadecimal; `anonymous` without one
 */
export function getCredentialKey(integration: BitbucketServerIntegrationConfig): string {
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

/** A limiter, and whom it is for. */
interface Entry {
  /** In lower case. */
  readonly host: string;
  readonly credentialKey: string;
  readonly user: UserBudget;
  readonly limiter: RequestLimiter;
}

function getOrAdd<V>(map: Map<string, V>, key: string, make: () => V): V {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}

/** Finds the limiter that all who ask one host with one credential share. */
export class LimiterRegistry {
  readonly #hosts = new Map<string, HostLimits>();
  readonly #entries = new Map<string, Entry>();
  readonly #options: LimiterRegistryOptions;
  #agreed: readonly AgreedLimits[];

  constructor(options: LimiterRegistryOptions) {
    this.#options = options;
    this.#agreed = options.agreed;
  }

  /** Finds or makes the limiter; its limits are those that were agreed on. */
  limiterFor(integration: BitbucketServerIntegrationConfig): RequestLimiter {
    const host = integration.host.toLowerCase();
    const credentialKey = getCredentialKey(integration);
    return getOrAdd(this.#entries, `${host} ${credentialKey}`, () =>
      this.#create(host, credentialKey),
    ).limiter;
  }

  /**
   * Takes over what all have agreed on anew. It holds for whoever asks from now on, also
   * through a limiter found before; what was learned of a server stays.
   */
  agreeAnew(agreed: readonly AgreedLimits[]): void {
    this.#agreed = agreed;
    for (const [host, limits] of this.#hosts) {
      limits.useConcurrency(this.#getConcurrency(host));
    }
    for (const { host, credentialKey, user } of this.#entries.values()) {
      user.usePace(this.#getPace(host, credentialKey));
    }
  }

  #create(host: string, credentialKey: string): Entry {
    const { clock, onWarning } = this.#options;
    const concurrency = this.#getConcurrency(host);
    const limits = getOrAdd(
      this.#hosts,
      host,
      () => new HostLimits({ concurrency, clock }),
    );
    const user = new UserBudget({
      pace: this.#getPace(host, credentialKey),
      clock,
      onDoubt: doubt => onWarning(`Bitbucket at ${host} ${doubt}`),
    });
    const limiter = new RequestLimiter({ host: limits, user, clock });
    return { host, credentialKey, user, limiter };
  }

  #getConcurrency(host: string): number {
    const limits = this.#agreed.find(one => one.host === host);
    return limits?.concurrency ?? this.#options.defaultConcurrency;
  }

  #getPace(host: string, credentialKey: string): PaceLimits {
    const limits = this.#agreed.find(
      one => one.host === host && one.credentialKey === credentialKey,
    );
    return limits?.pace ?? { auto: true };
  }
}
