/**
 * Providers of one configuration among each other. The catalog takes a Location from one
 * provider only: where two have found it, the one that came second has to give it again
 * once the first one lets go.
 */

import { keyOf, keysOf, locationsOf } from '../discovery/locations';
import { CatalogLocation } from '../discovery/types';
import { ProviderMemoryStore } from '../store/ProviderMemoryStore';
import { CatalogWriter } from './CatalogWriter';

/** What one provider shares with the others. */
export interface SharedLocationsOptions {
  readonly providerId: string;
  readonly store: ProviderMemoryStore;
  readonly catalog: CatalogWriter;
  /** All of the configuration, this one among them. */
  readonly all: () => readonly SharedLocations[];
  readonly onError: (error: unknown) => void;
}

/** One provider's part in what several have found. */
export class SharedLocations {
  readonly #options: SharedLocationsOptions;

  constructor(options: SharedLocationsOptions) {
    this.#options = options;
  }

  /** Offers what this provider has just removed to all others. */
  async letGo(removed: readonly CatalogLocation[]): Promise<void> {
    const keys = keysOf(removed);
    const others = this.#options.all().filter(one => one !== this);
    for (const other of keys.size > 0 ? others : []) {
      await other.reclaim(keys);
    }
  }

  /** Gives the catalog what this provider has found and another one has just removed. */
  async reclaim(keys: ReadonlySet<string>): Promise<void> {
    const { catalog, providerId, store, onError } = this.#options;
    if (!catalog.isConnected) {
      return;
    }
    try {
      const memory = await store.load(providerId);
      const own = locationsOf(memory?.repositories ?? []).filter(one =>
        keys.has(keyOf(one.file)),
      );
      await catalog.change(own);
    } catch (error) {
      // The next run gives it anyway.
      onError(error);
    }
  }
}
