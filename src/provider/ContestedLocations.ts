/**
 * Providers of one configuration among each other. The catalog takes a Location from one
 * provider only: where two have found it, the one that came second has to emit it again
 * once the first one releases it.
 */

import { getEntryKey, getEntryKeys, toLocations } from '../discovery/locations';
import { CatalogLocation } from '../discovery/types';
import { ProviderStateStore } from '../store/ProviderStateStore';
import { Clock } from '../util/clock';
import { CatalogWriter } from './CatalogWriter';
import { ConflictResolver, LocationReader } from '../conflicts/ConflictResolver';
import { providerName } from './locationEntities';

/** What a provider works with here. */
export interface ContestedLocationsOptions {
  readonly providerId: string;
  readonly store: ProviderStateStore;
  readonly catalog: CatalogWriter;
  /** All of the configuration, this one among them. */
  readonly all: () => readonly ContestedLocations[];
  /** Told of what is removed: others may have what the catalog refused them. */
  readonly resolver?: Pick<ConflictResolver, 'check'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly onError: (error: unknown) => void;
}

/** One provider's part in what several have found. */
export class ContestedLocations implements LocationReader {
  readonly #options: ContestedLocationsOptions;

  constructor(options: ContestedLocationsOptions) {
    this.#options = options;
  }

  get locationKey(): string {
    return providerName(this.#options.providerId);
  }

  /** Offers what this provider has just removed to all others. */
  async release(removed: readonly CatalogLocation[]): Promise<void> {
    const keys = getEntryKeys(removed);
    if (keys.size > 0) {
      this.#options.resolver?.check();
    }
    const others = this.#options.all().filter(one => one !== this);
    for (const other of keys.size > 0 ? others : []) {
      await other.reassert(keys);
    }
  }

  /** Gives the catalog what this provider has found and another one has just removed. */
  async reassert(keys: ReadonlySet<string>): Promise<void> {
    const { catalog, onError } = this.#options;
    if (!catalog.isConnected) {
      return;
    }
    try {
      await this.#with(
        one => keys.has(getEntryKey(one.file)),
        locations => catalog.change(locations),
      );
    } catch (error) {
      // The next run gives it anyway.
      onError(error);
    }
  }

  async reprocess(targetUrls: ReadonlySet<string>): Promise<void> {
    const { catalog, clock } = this.#options;
    await this.#with(
      ({ file }) => file.entity === undefined && targetUrls.has(file.targetUrl),
      locations => catalog.reprocess(locations, new Date(clock.now()).toISOString()),
    );
  }

  refresh(targetUrls: readonly string[]): Promise<void> {
    return this.#options.catalog.refresh(
      targetUrls.map(targetUrl => ({ file: { targetUrl } })),
    );
  }

  /** Does something with what the provider has found, so that nobody removes it meanwhile. */
  async #with(
    isWanted: (location: CatalogLocation) => boolean,
    apply: (locations: readonly CatalogLocation[]) => Promise<void>,
  ): Promise<void> {
    const { providerId, store } = this.#options;
    await store.exclusively(providerId, async () => {
      const state = await store.load(providerId);
      await apply(toLocations(state?.repositories ?? []).filter(isWanted));
    });
  }
}
