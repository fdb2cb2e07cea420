/** The only file that applies mutations: Locations in, entities out. */

import { EntityProviderConnection } from '@backstage/plugin-catalog-node';
import { CatalogLocation } from '../discovery/types';
import { anchorEntity, toLocationEntity } from './locationEntities';

/** Writes for one provider; its anchor is always among what the catalog holds. */
export class CatalogWriter {
  readonly #connection: EntityProviderConnection;
  readonly #providerId: string;
  readonly #host: string;

  constructor(
    connection: EntityProviderConnection,
    provider: { id: string; host: string },
  ) {
    this.#connection = connection;
    this.#providerId = provider.id;
    this.#host = provider.host;
  }

  /** Shows in the catalog that the discovery exists; removes nothing. */
  async announce(): Promise<void> {
    await this.#connection.applyMutation({
      type: 'delta',
      added: [anchorEntity(this.#providerId, this.#host)],
      removed: [],
    });
  }

  /** Makes these all that the provider has in the catalog. */
  async replaceAll(locations: readonly CatalogLocation[]): Promise<void> {
    await this.#connection.applyMutation({
      type: 'full',
      entities: [
        anchorEntity(this.#providerId, this.#host),
        ...this.#toEntities(locations),
      ],
    });
  }

  /** Adds some and removes others, and keeps the rest. */
  async change(
    added: readonly CatalogLocation[],
    removed: readonly CatalogLocation[] = [],
  ): Promise<void> {
    if (added.length > 0 || removed.length > 0) {
      await this.#connection.applyMutation({
        type: 'delta',
        added: this.#toEntities(added),
        removed: this.#toEntities(removed),
      });
    }
  }

  #toEntities(locations: readonly CatalogLocation[]) {
    return locations.map(location => toLocationEntity(location, this.#providerId));
  }
}
