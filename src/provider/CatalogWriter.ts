/** Applies mutations to the catalog, as the only file that does: Locations in, entities out. */

import { stringifyEntityRef } from '@backstage/catalog-model';
import { DeferredEntity, EntityProviderConnection } from '@backstage/plugin-catalog-node';
import { CatalogLocation } from '../discovery/types';
import { ANNOTATION_REPROCESS_REQUESTED_AT } from '../util/annotations';
import { forEachInTurns } from '../util/clock';
import {
  AnchoredProvider,
  anchorEntity,
  providerName,
  toLocationEntity,
} from './locationEntities';

/** Writes the Locations of one provider, whose anchor always stays in the catalog. */
export class CatalogWriter {
  #connection: EntityProviderConnection | undefined;
  readonly #locationKey: string;

  constructor(private readonly provider: AnchoredProvider) {
    this.#locationKey = providerName(provider.id);
  }

  /** Takes the connection that the catalog passes when it starts. */
  connect(connection: EntityProviderConnection): void {
    this.#connection = connection;
  }

  get isConnected(): boolean {
    return this.#connection !== undefined;
  }

  /** Adds the provider's anchor to the catalog; removes nothing. */
  async announce(): Promise<void> {
    await this.#connected().applyMutation({
      type: 'delta',
      added: [anchorEntity(this.provider)],
      removed: [],
    });
  }

  /** Replaces everything that the provider has in the catalog with these Locations. */
  async replaceAll(locations: readonly CatalogLocation[]): Promise<void> {
    const entities = [anchorEntity(this.provider)];
    await forEachInTurns(locations, location => entities.push(this.#toEntity(location)));
    await this.#connected().applyMutation({ type: 'full', entities });
  }

  /** Adds and removes Locations, and keeps all others. */
  async change(
    added: readonly CatalogLocation[],
    removed: readonly CatalogLocation[] = [],
  ): Promise<void> {
    if (added.length > 0 || removed.length > 0) {
      const addedEntities = this.#toEntities(added);
      const addedRefs = new Set(addedEntities.map(getEntityRef));
      await this.#connected().applyMutation({
        type: 'delta',
        added: addedEntities,
        // An added entity replaces the one of the same name. If that were removed, the uid
        // would be lost.
        removed: this.#toEntities(removed).filter(
          entity => !addedRefs.has(getEntityRef(entity)),
        ),
      });
    }
  }

  /** Makes the catalog read these files again now. */
  async refresh(targetUrls: readonly string[]): Promise<void> {
    if (targetUrls.length > 0) {
      const keys = new Set(targetUrls.map(url => `url:${url}`));
      await this.#connected().refresh({ keys: [...keys] });
    }
  }

  /**
   * Makes the catalog read these Locations again and accept entities that it refused before.
   *
   * @remarks A refresh is not enough: the catalog skips a file whose processing result is the
   * same as before, and the owner of an entity is part of that result only as it was known
   * when the file was read. So each Location is emitted with a changed annotation.
   * Source: DefaultCatalogProcessingEngine of catalog-backend 4.0.5.
   *
   * @param requestedAt - value of the annotation; must differ from the previous one
   */
  async reprocess(
    locations: readonly CatalogLocation[],
    requestedAt: string,
  ): Promise<void> {
    if (locations.length > 0) {
      const added = this.#toEntities(locations).map(entity =>
        annotate(entity, ANNOTATION_REPROCESS_REQUESTED_AT, requestedAt),
      );
      await this.#connected().applyMutation({ type: 'delta', added, removed: [] });
    }
  }

  #connected(): EntityProviderConnection {
    if (!this.#connection) {
      throw new Error(`${this.#locationKey} is not connected to a catalog yet`);
    }
    return this.#connection;
  }

  #toEntities(locations: readonly CatalogLocation[]) {
    return locations.map(location => this.#toEntity(location));
  }

  #toEntity(location: CatalogLocation): DeferredEntity {
    return { locationKey: this.#locationKey, entity: toLocationEntity(location) };
  }
}

function annotate(
  { entity, ...rest }: DeferredEntity,
  key: string,
  value: string,
): DeferredEntity {
  const { metadata } = entity;
  const annotations = { ...metadata.annotations, [key]: value };
  return { ...rest, entity: { ...entity, metadata: { ...metadata, annotations } } };
}

function getEntityRef({ entity }: DeferredEntity): string {
  return stringifyEntityRef(entity);
}
