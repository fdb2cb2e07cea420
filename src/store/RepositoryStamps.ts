/**
 * Stamps for callers that must not wait long for the database: the catalog's reads, each of which
 * occupies one of its few places for processing, and those who report changes. A stamp that is
 * not known in time counts as unknown, and a renewal that fails is repeated until it succeeds.
 */

import { LoggerService } from '@backstage/backend-plugin-api';
import { addressKey } from '../discovery/identify';
import { RepositoryAddress } from '../model';
import { Clock, withTimeout } from '../util/clock';
import { Outage } from '../util/Outage';
import { toChunks } from './DiscoveryDatabase';
import { StampTable } from './StampTable';

/** Time without another attempt after one that failed, milliseconds. */
const RETRY_MS = 5_000;

/** Longest wait for a renewal, milliseconds. */
const MAX_RENEWAL_MS = 5_000;

/** With more repositories of a host than this, all of its stamps are to be renewed. */
export const MAX_OWED = 10_000;

/** Whose stamps are to be renewed: some repositories of a host, or all. */
type OwedAddresses = readonly RepositoryAddress[] | 'all';

/** The renewals that the database has not accepted yet. In memory only. */
class OwedRenewals {
  readonly #byHost = new Map<string, Map<string, RepositoryAddress> | 'all'>();

  get isEmpty(): boolean {
    return this.#byHost.size === 0;
  }

  has(host: string, address: RepositoryAddress): boolean {
    const owed = this.#byHost.get(host);
    return owed === 'all' || (owed?.has(addressKey(address)) ?? false);
  }

  add(host: string, addresses: OwedAddresses): void {
    const owed = this.#byHost.get(host) ?? new Map<string, RepositoryAddress>();
    if (owed === 'all') return;
    if (addresses === 'all' || owed.size + addresses.length > MAX_OWED) {
      this.#byHost.set(host, 'all');
      return;
    }
    addresses.forEach(address => owed.set(addressKey(address), address));
    this.#byHost.set(host, owed);
  }

  /** Lists what is owed, by host. */
  list(): [host: string, addresses: OwedAddresses][] {
    return [...this.#byHost].map(([host, owed]) => [
      host,
      owed === 'all' ? owed : [...owed.values()],
    ]);
  }
}

/** For {@link RepositoryStamps}. */
export interface RepositoryStampsOptions {
  readonly table: Pick<StampTable, 'load' | 'renew' | 'renewAll'>;
  readonly clock: Clock;
  readonly logger: Pick<LoggerService, 'info' | 'warn'>;
  /** Ends the attempts; renewals that still fail by then are lost. */
  readonly signal?: AbortSignal;
}

/** Loads and renews stamps; never throws, and never waits longer than its limits. */
export class RepositoryStamps {
  readonly #options: RepositoryStampsOptions;
  readonly #outage: Outage;
  #owed = new OwedRenewals();
  /** Those of the attempt in progress. */
  #attempted = new OwedRenewals();
  #isRepeating = false;
  #isUnanswered = false;
  #retryAtMs = -Infinity;

  constructor(options: RepositoryStampsOptions) {
    const { clock, logger } = options;
    this.#options = options;
    this.#outage = new Outage({
      clock,
      onBegin: error =>
        logger.warn(
          `The database does not answer which repositories have changed: until it does, their files are read each time, and reported changes are stored later: ${error}`,
        ),
      onEnd: () =>
        logger.info('The database answers again which repositories have changed'),
    });
  }

  /**
   * Loads the current stamp of a repository.
   *
   * @returns `undefined` if it is unknown: the database does not answer within `maxWaitMs`, has
   * recently not answered, or a change of the repository is still to be stored
   */
  async load(
    host: string,
    address: RepositoryAddress,
    maxWaitMs: number,
  ): Promise<string | undefined> {
    if (this.#isOwed(host, address) || !this.#canQuery()) return undefined;
    try {
      const { table } = this.#options;
      const stamp = await this.#inTime(() => table.load(host, address), maxWaitMs);
      this.#isUnanswered = false;
      this.#retryAtMs = -Infinity;
      this.#outage.succeeded();
      return this.#isOwed(host, address) ? undefined : stamp;
    } catch (error) {
      this.#isUnanswered = true;
      this.#retryAtMs = this.#options.clock.monotonicMs() + RETRY_MS;
      this.#outage.failed(error);
      return undefined;
    }
  }

  /**
   * Invalidates everything that was read from these repositories. To be called before anything
   * triggers a read. If the database does not store that in time, it is repeated until it does,
   * and the stamps are unknown to this replica meanwhile.
   */
  async renew(host: string, addresses: readonly RepositoryAddress[]): Promise<void> {
    if (addresses.length === 0) return;
    if (!this.#isRepeating && (await this.#attempt(host, addresses))) return;
    this.#owed.add(host, addresses);
    if (this.#isRepeating) return;
    this.#isRepeating = true;
    // Rejects only at the end.
    this.#repeat().catch(() => undefined);
  }

  /** Repeats renewals until all have succeeded. */
  async #repeat(): Promise<void> {
    const { clock, signal } = this.#options;
    while (!this.#owed.isEmpty) {
      await clock.sleep(RETRY_MS, signal);
      this.#attempted = this.#owed;
      // Changes that are reported from now on need another renewal.
      this.#owed = new OwedRenewals();
      for (const [host, addresses] of this.#attempted.list()) {
        const isDone = await this.#attempt(host, addresses);
        if (!isDone) this.#owed.add(host, addresses);
      }
      this.#attempted = new OwedRenewals();
    }
    this.#isRepeating = false;
  }

  async #attempt(host: string, addresses: OwedAddresses): Promise<boolean> {
    const { table } = this.#options;
    try {
      if (addresses === 'all') {
        await this.#inTime(() => table.renewAll(host), MAX_RENEWAL_MS);
      } else {
        for (const chunk of toChunks(addresses)) {
          await this.#inTime(() => table.renew(host, chunk), MAX_RENEWAL_MS);
        }
      }
      this.#outage.succeeded();
      return true;
    } catch (error) {
      this.#outage.failed(error);
      return false;
    }
  }

  #isOwed(host: string, address: RepositoryAddress): boolean {
    return this.#owed.has(host, address) || this.#attempted.has(host, address);
  }

  /** After an attempt that failed, one caller at a time asks again, and the others do not wait. */
  #canQuery(): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs < this.#retryAtMs) return false;
    if (this.#isUnanswered) this.#retryAtMs = nowMs + RETRY_MS;
    return true;
  }

  #inTime<T>(work: () => Promise<T>, ms: number): Promise<T> {
    return withTimeout(work, { clock: this.#options.clock, ms });
  }
}
