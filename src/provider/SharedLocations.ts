/**
 * Providers of one configuration among each other. The catalog takes a Location from one
 * provider only: where two have found it, the one that came second has to give it again
 * once the first one lets go.
 */

import { locationsOf } from '../discovery/locations';
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
    const targets = new Set(removed.map(one => one.file.targetUrl));
    const others = this.#options.all().filter(one => one !== this);
    for (const other of targets.size > 0 ? others : []) {
      await other.reclaim(targets);
    }
  }

  /** Gives the catalog what this provider has found and another one has just removed. */
  async reclaim(targetUrls: ReadonlySet<string>): Promise<void> {
    const { catalog, providerId, store, onError } = this.#options;
    if (!catalog.isConnected) {
      return;
    }
    try {
      const memory = await store.load(providerId);
      const own = locationsOf(memory?.repositories ?? []).filter(one =>
        targetUrls.has(one.file.targetUrl),
      );
      await catalog.change(own);
    } catch (error) {
      // The next run gives it anyway.
      onError(error);
    }
  }
}
