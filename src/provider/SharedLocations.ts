/**
 * Providers of one configuration among each other. The catalog takes a Location from one
 * provider only: where two have found it, the one that came second has to give it again
 * once the first one lets go.
 */

import { keyOf, keysOf, locationsOf } from '../discovery/locations';
import { CatalogLocation } from '../discovery/types';
import { ProviderStateStore } from '../store/ProviderStateStore';
import { Clock } from '../util/clock';
import { CatalogWriter } from './CatalogWriter';
import { ConflictResolver, LocationReader } from '../conflicts/ConflictResolver';
import { providerName } from './locationEntities';

/** What one provider shares with the others. */
export interface SharedLocationsOptions {
  readonly providerId: string;
  readonly store: ProviderStateStore;
  readonly catalog: CatalogWriter;
  /** All of the configuration, this one among them. */
  readonly all: () => readonly SharedLocations[];
  /** Told of what is removed: others may have what the catalog refused them. */
  readonly resolver?: Pick<ConflictResolver, 'check'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly onError: (error: unknown) => void;
}

/** One provider's part in what several have found. */
export class SharedLocations implements LocationReader {
  readonly #options: SharedLocationsOptions;

  constructor(options: SharedLocationsOptions) {
    this.#options = options;
  }

  get locationKey(): string {
    return providerName(this.#options.providerId);
  }

  /** Offers what this provider has just removed to all others. */
  async letGo(removed: readonly CatalogLocation[]): Promise<void> {
    const keys = keysOf(removed);
    if (keys.size > 0) {
      this.#options.resolver?.check();
    }
    const others = this.#options.all().filter(one => one !== this);
    for (const other of keys.size > 0 ? others : []) {
      await other.reclaim(keys);
    }
  }

  /** Gives the catalog what this provider has found and another one has just removed. */
  async reclaim(keys: ReadonlySet<string>): Promise<void> {
    const { catalog, onError, providerId, store } = this.#options;
    if (!catalog.isConnected) {
      return;
    }
    try {
      await store.exclusively(providerId, async () =>
        catalog.change(await this.#find(one => keys.has(keyOf(one.file)))),
      );
    } catch (error) {
      // The next run gives it anyway.
      onError(error);
    }
  }

  async reprocess(targetUrls: ReadonlySet<string>): Promise<void> {
    const { catalog, clock } = this.#options;
    const locations = await this.#find(
      ({ file }) => file.entity === undefined && targetUrls.has(file.targetUrl),
    );
    await catalog.reprocess(locations, new Date(clock.now()).toISOString());
  }

  refresh(targetUrls: readonly string[]): Promise<void> {
    return this.#options.catalog.refresh(
      targetUrls.map(targetUrl => ({ file: { targetUrl } })),
    );
  }

  async #find(
    isWanted: (location: CatalogLocation) => boolean,
  ): Promise<CatalogLocation[]> {
    const { providerId, store } = this.#options;
    const memory = await store.load(providerId);
    return locationsOf(memory?.repositories ?? []).filter(isWanted);
  }
}
