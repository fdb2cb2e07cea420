/**
 * The limiters of a backend: one per host and credential, whoever asks; those of one user
 * share a budget. Must not keep
 * state in the module, so that two backends in one process (tests) do not slow each other
 * down. Created once by whoever wires things up.
 */

import { createHash } from 'node:crypto';
import {
  BitbucketServerIntegrationConfig,
  getBitbucketServerRequestOptions,
} from '@backstage/integration';
import { Clock } from '../util/clock';
import { AgreedLimits, describePace, PaceLimits, strictestPace } from './agreeOnLimits';
import { ReplicaShare, SharedBuckets } from './ReplicaShare';
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
  /** Told each time that the replicas could not be asked for what is left. */
  readonly onUnanswered?: () => void;
}

/** Where nobody has agreed on anything. */
const AUTO: PaceLimits = { auto: true };

/** A limiter, and whom it is for. */
interface Entry {
  /** In lower case. */
  readonly host: string;
  readonly credentialKey: string;
  readonly limiter: RequestLimiter;
  /** Shared by all credentials of one user, as soon as the server has named the user. */
  user: UserBudget;
  /** In lower case. */
  userName?: string;
}

/** Whose password is sent, where it is one: a token may be anybody's. */
function configuredUserName({
  token,
  username,
  password,
}: BitbucketServerIntegrationConfig): string | undefined {
  return !token && username && password ? username : undefined;
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
  readonly #replicaId: string;
  #agreed: readonly AgreedLimits[];
  #buckets: SharedBuckets | undefined;
  #isSaidToBeAlone = false;

  constructor(options: LimiterRegistryOptions) {
    this.#options = options;
    this.#agreed = options.agreed;
    this.#replicaId = options.clock.random().toString(36).slice(2);
  }

  /** Finds or makes the limiter; its limits are those that were agreed on. */
  limiterFor(integration: BitbucketServerIntegrationConfig): RequestLimiter {
    const host = integration.host.toLowerCase();
    const credentialKey = getCredentialKey(integration);
    const key = `${host} ${credentialKey}`;
    const known = this.#entries.get(key);
    if (known) return known.limiter;
    const entry = this.#create(host, credentialKey);
    this.#entries.set(key, entry);
    const userName = configuredUserName(integration);
    if (userName !== undefined) this.#join(entry, userName);
    return entry.limiter;
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
    this.#users().forEach(user => user.usePace(this.#getPace(user)));
  }

  /**
   * Shares the budgets of all users with other replicas from now on, as far as a budget is
   * told or set. Until this is called, each replica has the whole of it.
   */
  shareWithReplicas(buckets: SharedBuckets): void {
    this.#buckets = buckets;
    this.#users().forEach(user => this.#share(user));
  }

  #users(): Set<UserBudget> {
    return new Set([...this.#entries.values()].map(({ user }) => user));
  }

  #share(user: UserBudget): void {
    if (!this.#buckets) return;
    const { clock, onUnanswered, onWarning } = this.#options;
    const share = new ReplicaShare({
      buckets: this.#buckets,
      key: () => this.#getBucketKey(user),
      replicaId: this.#replicaId,
      clock,
      onFailure: error => {
        onUnanswered?.();
        if (this.#isSaidToBeAlone) return;
        this.#isSaidToBeAlone = true;
        onWarning(
          'The database does not tell what is left of the requests that Bitbucket grants, ' +
            `so that this replica keeps to its part of them by itself until it does: ${error}`,
        );
      },
    });
    user.shareWith(share);
  }

  /** Of the row that replicas share: nothing that could be guessed at tells of a password. */
  #getBucketKey(user: UserBudget): string {
    const entries = [...this.#entries.values()].filter(one => one.user === user);
    const named = entries.find(one => one.userName !== undefined) ?? entries[0];
    const who = named?.userName
      ? ['user', named.userName]
      : ['token', named?.credentialKey];
    return createHash('sha256')
      .update(JSON.stringify([named?.host, ...who]))
      .digest('hex');
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
      pace: this.#agreedPaces([{ host, credentialKey }])[0] ?? AUTO,
      clock,
      onDoubt: doubt => onWarning(`Bitbucket at ${host} ${doubt}`),
    });
    this.#share(user);
    const limiter = new RequestLimiter({
      host: limits,
      user,
      clock,
      onUser: userName => this.#join(entry, userName),
    });
    const entry: Entry = { host, credentialKey, user, limiter };
    return entry;
  }

  /**
   * Has credentials share what belongs to the user at the server: the bucket, and all that
   * was learned of it.
   */
  #join(entry: Entry, name: string): void {
    const userName = name.toLowerCase();
    if (entry.userName === userName) return;
    entry.userName = userName;
    // The row is another one now.
    entry.user.countForShare();
    const others = [...this.#entries.values()].filter(
      one => one !== entry && one.host === entry.host && one.userName === userName,
    );
    const user = others[0]?.user;
    if (!user || user === entry.user) return;
    const paces = this.#agreedPaces([entry, ...others]);
    user.absorb(entry.user);
    entry.user = user;
    entry.limiter.useBudgetOf(user);
    const pace = this.#getPace(user);
    user.usePace(pace);
    if (new Set(paces.map(describePace)).size > 1) {
      this.#options.onWarning(
        `Several credentials of ${entry.host} belong to one user of Bitbucket and share ` +
          `what it grants, with different rateLimit settings: ${describePace(pace)} holds for all`,
      );
    }
  }

  #getConcurrency(host: string): number {
    const limits = this.#agreed.find(one => one.host === host);
    return limits?.concurrency ?? this.#options.defaultConcurrency;
  }

  /** What holds for all credentials that share a budget. */
  #getPace(user: UserBudget): PaceLimits {
    const sharing = [...this.#entries.values()].filter(one => one.user === user);
    const agreed = this.#agreedPaces(sharing);
    return agreed.length > 0 ? strictestPace(agreed) : AUTO;
  }

  #agreedPaces(entries: readonly Pick<Entry, 'host' | 'credentialKey'>[]): PaceLimits[] {
    return this.#agreed
      .filter(limits =>
        entries.some(
          ({ host, credentialKey }) =>
            host === limits.host && credentialKey === limits.credentialKey,
        ),
      )
      .map(({ pace }) => pace);
  }
}
