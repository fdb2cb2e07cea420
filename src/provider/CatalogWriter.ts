/** The only file that applies mutations: Locations in, entities out. */

import { stringifyEntityRef } from '@backstage/catalog-model';
import { DeferredEntity, EntityProviderConnection } from '@backstage/plugin-catalog-node';
import { CatalogLocation } from '../discovery/types';
import {
  AnchoredProvider,
  anchorEntity,
  providerName,
  toLocationEntity,
} from './locationEntities';

/** Writes for one provider; its anchor is always among what the catalog holds. */
export class CatalogWriter {
  readonly #provider: AnchoredProvider;
  #connection: EntityProviderConnection | undefined;

  constructor(provider: AnchoredProvider) {
    this.#provider = provider;
  }

  /** The catalog hands the connection out when it starts. */
  connect(connection: EntityProviderConnection): void {
    this.#connection = connection;
  }

  get isConnected(): boolean {
    return this.#connection !== undefined;
  }

  /** Shows in the catalog that the discovery exists; removes nothing. */
  async announce(): Promise<void> {
    await this.#connected().applyMutation({
      type: 'delta',
      added: [anchorEntity(this.#provider)],
      removed: [],
    });
  }

  /** Makes these all that the provider has in the catalog. */
  async replaceAll(locations: readonly CatalogLocation[]): Promise<void> {
    await this.#connected().applyMutation({
      type: 'full',
      entities: [anchorEntity(this.#provider), ...this.#toEntities(locations)],
    });
  }

  /** Adds some and removes others, and keeps the rest. */
  async change(
    added: readonly CatalogLocation[],
    removed: readonly CatalogLocation[] = [],
  ): Promise<void> {
    if (added.length > 0 || removed.length > 0) {
      const given = this.#toEntities(added);
      const refs = new Set(given.map(refOf));
      await this.#connected().applyMutation({
        type: 'delta',
        added: given,
        // What is given under the same name takes its place: removed, it would lose its uid.
        removed: this.#toEntities(removed).filter(one => !refs.has(refOf(one))),
      });
    }
  }

  /** Has the catalog read these again now. */
  async refresh(locations: readonly CatalogLocation[]): Promise<void> {
    if (locations.length > 0) {
      const keys = new Set(locations.map(one => `url:${one.file.targetUrl}`));
      await this.#connected().refresh({ keys: [...keys] });
    }
  }

  #connected(): EntityProviderConnection {
    if (!this.#connection) {
      throw new Error(
        `${providerName(this.#provider.id)} is not connected to a catalog yet`,
      );
    }
    return this.#connection;
  }

  #toEntities(locations: readonly CatalogLocation[]) {
    return locations.map(location => toLocationEntity(location, this.#provider.id));
  }
}

function refOf({ entity }: DeferredEntity): string {
  return stringifyEntityRef(entity);
}
