/**
 * Coordinates the providers of one configuration. The catalog accepts a Location from one
 * provider only: if two have found it, the second one has to emit it again once the first
 * one releases it.
 */

import { getEntryKey, getEntryKeys, toLocations } from '../discovery/locations';
import { CatalogLocation } from '../discovery/types';
import { ProviderStateStore } from '../store/ProviderStateStore';
import { Clock } from '../util/clock';
import { CatalogWriter } from './CatalogWriter';
import { ConflictResolver, LocationReader } from '../conflicts/ConflictResolver';
import { providerName } from './locationEntities';

/** Options for {@link ContestedLocations}. */
export interface ContestedLocationsOptions {
  readonly providerId: string;
  readonly store: ProviderStateStore;
  readonly catalog: CatalogWriter;
  /** Those of all providers in the configuration, including this one. */
  readonly all: () => readonly ContestedLocations[];
  /** Notified about removals: other providers may now get entities that the catalog refused. */
  readonly resolver?: Pick<ConflictResolver, 'check'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly onError: (error: unknown) => void;
}

/** The Locations of one provider that other providers may have found too. */
export class ContestedLocations implements LocationReader {
  constructor(private readonly options: ContestedLocationsOptions) {}

  get locationKey(): string {
    return providerName(this.options.providerId);
  }

  /** Offers the Locations that this provider has just removed to all other providers. */
  async release(removed: readonly CatalogLocation[]): Promise<void> {
    const keys = getEntryKeys(removed);
    if (keys.size === 0) {
      return;
    }
    this.options.resolver?.check();
    for (const other of this.options.all().filter(provider => provider !== this)) {
      await other.reassert(keys);
    }
  }

  /** Emits the Locations that this provider has found and another one has just removed. */
  async reassert(keys: ReadonlySet<string>): Promise<void> {
    const { catalog, onError } = this.options;
    if (!catalog.isConnected) {
      return;
    }
    try {
      await this.#applyExclusively(
        ({ file }) => keys.has(getEntryKey(file)),
        locations => catalog.change(locations),
      );
    } catch (error) {
      // The next run emits them anyway.
      onError(error);
    }
  }

  async reprocess(targetUrls: ReadonlySet<string>): Promise<void> {
    const { catalog, clock } = this.options;
    await this.#applyExclusively(
      ({ file }) => file.entity === undefined && targetUrls.has(file.targetUrl),
      locations => catalog.reprocess(locations, new Date(clock.now()).toISOString()),
    );
  }

  refresh(targetUrls: readonly string[]): Promise<void> {
    return this.options.catalog.refresh(targetUrls);
  }

  /** Applies a change to stored Locations of the provider; none of them is removed meanwhile. */
  async #applyExclusively(
    isWanted: (location: CatalogLocation) => boolean,
    apply: (locations: readonly CatalogLocation[]) => Promise<void>,
  ): Promise<void> {
    const { providerId, store } = this.options;
    await store.exclusively(providerId, async () => {
      const state = await store.load(providerId);
      await apply(toLocations(state?.repositories ?? []).filter(isWanted));
    });
  }
}
