/** The renewals of stamps that the database has not accepted yet. In memory only. */

import { addressKey } from '../discovery/identify';
import { RepositoryAddress } from '../model';

/** With more repositories of a host than this, all of its stamps are to be renewed. */
export const MAX_OWED = 10_000;

/** Whose stamps are to be renewed: some repositories of a host, or all. */
export type OwedAddresses = readonly RepositoryAddress[] | 'all';

/** A set of repositories whose stamps are to be renewed. */
export class OwedRenewals {
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
