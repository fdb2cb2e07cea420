/**
 * The limiters of a backend: one per host and credential; those of one user share a budget. Must
 * not keep state in the module, so that two backends in one process (tests) do not slow each
 * other down. Created once per backend.
 */

import {
  BitbucketServerIntegrationConfig,
  getBitbucketServerRequestOptions,
} from '@backstage/integration';
import { Clock } from '../util/clock';
import { Outage } from '../util/Outage';
import { sha256 } from '../util/text';
import { AgreedLimits, describePace, PaceLimits, strictestPace } from './agreeOnLimits';
import { ReplicaShare, SharedBuckets } from './ReplicaShare';
import { HostLimits, RequestLimiter } from './RequestLimiter';
import { UserBudget } from './UserBudget';

/**
 * Returns the key under which requests with the same credential share a limiter.
 *
 * @returns the SHA-256 of the `Authorization` header, hexadecimal; `anonymous` without one
 */
export function getCredentialKey(integration: BitbucketServerIntegrationConfig): string {
  const { headers } = getBitbucketServerRequestOptions(integration);
  if (!headers.Authorization) return 'anonymous';
  return sha256(headers.Authorization);
}

/** For {@link LimiterRegistry}. */
export interface LimiterRegistryOptions {
  readonly agreed: readonly AgreedLimits[];
  /** Requests in flight on a host without agreed limits; its pace is `auto`. */
  readonly defaultConcurrency: number;
  readonly clock: Clock;
  /** Receives warnings, as sentences: an implausible budget, settings that differ, and so on. */
  readonly onWarning: (message: string) => void;
  /** Receives a sentence once what was warned of is over. */
  readonly onRelief?: (message: string) => void;
  /** Called each time the bucket that the replicas share does not answer. */
  readonly onUnanswered?: () => void;
}

/** The pace without agreed limits. */
const AUTO: PaceLimits = { auto: true };

/** A limiter, and the host, credential and user that it belongs to. */
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

/** The user whose password is sent; `undefined` for a token, whose user is not configured. */
function configuredUserName({
  token,
  username,
  password,
}: BitbucketServerIntegrationConfig): string | undefined {
  return !token && username && password ? username : undefined;
}

function createOutage({ clock, onRelief, onWarning }: LimiterRegistryOptions): Outage {
  return new Outage({
    clock,
    onBegin: error =>
      onWarning(
        'The database does not answer how much of the budget that Bitbucket grants is left; ' +
          `until it does, this replica uses only its own part of the budget: ${error}`,
      ),
    onEnd: () =>
      onRelief?.(
        'The database answers again how much of the budget that Bitbucket grants is left: the replicas share it',
      ),
  });
}

function getOrAdd<V>(map: Map<string, V>, key: string, create: () => V): V {
  const value = map.get(key) ?? create();
  map.set(key, value);
  return value;
}

/** Creates and finds the limiter that all requests to one host with one credential share. */
export class LimiterRegistry {
  readonly #hosts = new Map<string, HostLimits>();
  readonly #entries = new Map<string, Entry>();
  readonly #replicaId: string;
  /** Of the buckets that replicas share: all are in one database. */
  readonly #outage: Outage;
  #agreed: readonly AgreedLimits[];
  #buckets: SharedBuckets | undefined;

  constructor(private readonly options: LimiterRegistryOptions) {
    this.#agreed = options.agreed;
    this.#replicaId = options.clock.random().toString(36);
    this.#outage = createOutage(options);
  }

  /** Finds or creates the limiter; its limits are the agreed ones. */
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
   * Replaces the agreed limits. They apply to all requests from now on, also to those through
   * existing limiters; what these have learned about a server is kept.
   */
  updateAgreed(agreed: readonly AgreedLimits[]): void {
    this.#agreed = agreed;
    for (const [host, limits] of this.#hosts) {
      limits.useConcurrency(this.#getConcurrency(host));
    }
    this.#users().forEach(user => user.usePace(this.#getPace(user)));
  }

  /**
   * Shares the budgets of all users with other replicas from now on, as far as a budget is known
   * or configured. Until this is called, each replica uses the whole budget.
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
    const { clock, onUnanswered } = this.options;
    const share = new ReplicaShare({
      buckets: this.#buckets,
      key: () => this.#getBucketKey(user),
      replicaId: this.#replicaId,
      clock,
      outage: {
        failed: error => {
          onUnanswered?.();
          this.#outage.failed(error);
        },
        succeeded: () => this.#outage.succeeded(),
      },
    });
    user.shareWith(share);
  }

  /**
   * The key of the row that replicas share. It is no hash of a password, which could be guessed:
   * the user of a password is known.
   */
  #getBucketKey(user: UserBudget): string {
    // All credentials that share a budget have the same host, and the same user if there are several.
    const entry = [...this.#entries.values()].find(other => other.user === user);
    const who = entry?.userName
      ? ['user', entry.userName]
      : ['token', entry?.credentialKey];
    return sha256(JSON.stringify([entry?.host, ...who]));
  }

  #create(host: string, credentialKey: string): Entry {
    const { clock, onWarning } = this.options;
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
   * Makes all credentials of a user share what belongs to the user at the server: the bucket, and
   * everything learned about it.
   */
  #join(entry: Entry, name: string): void {
    const userName = name.toLowerCase();
    if (entry.userName === userName) return;
    entry.userName = userName;
    // The key depends on the user, so that this is another row now.
    entry.user.countForShare();
    const others = [...this.#entries.values()].filter(
      other =>
        other !== entry && other.host === entry.host && other.userName === userName,
    );
    const user = others[0]?.user;
    if (!user || user === entry.user) return;
    const paces = this.#agreedPaces([entry, ...others]);
    user.absorb(entry.user);
    entry.user = user;
    entry.limiter.useBudget(user);
    const pace = this.#getPace(user);
    user.usePace(pace);
    if (new Set(paces.map(describePace)).size > 1) {
      this.options.onWarning(
        `Several credentials of ${entry.host} belong to one user of Bitbucket and share its ` +
          `budget, with different rateLimit settings: ${describePace(pace)} applies to all`,
      );
    }
  }

  #getConcurrency(host: string): number {
    const limits = this.#agreed.find(agreed => agreed.host === host);
    return limits?.concurrency ?? this.options.defaultConcurrency;
  }

  /** The strictest pace of all credentials that share a budget. */
  #getPace(user: UserBudget): PaceLimits {
    const sharing = [...this.#entries.values()].filter(entry => entry.user === user);
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
