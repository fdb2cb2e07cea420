/** The only file that applies mutations: Locations in, entities out. */

import { stringifyEntityRef } from '@backstage/catalog-model';
import { DeferredEntity, EntityProviderConnection } from '@backstage/plugin-catalog-node';
import { CatalogLocation } from '../discovery/types';
import { CatalogFile } from '../model';
import { ANNOTATION_REPROCESS_REQUESTED_AT } from '../util/annotations';
import { mapInTurns } from '../util/clock';
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
    const entities = await mapInTurns(locations, one => this.#toEntity(one));
    await this.#connected().applyMutation({
      type: 'full',
      entities: [anchorEntity(this.#provider), ...entities],
    });
  }

  /** Adds some and removes others, and keeps the rest. */
  async change(
    added: readonly CatalogLocation[],
    removed: readonly CatalogLocation[] = [],
  ): Promise<void> {
    if (added.length > 0 || removed.length > 0) {
      const given = this.#toEntities(added);
      const refs = new Set(given.map(getEntityRef));
      await this.#connected().applyMutation({
        type: 'delta',
        added: given,
        // What is given under the same name takes its place: removed, it would lose its uid.
        removed: this.#toEntities(removed).filter(one => !refs.has(getEntityRef(one))),
      });
    }
  }

  /** Has the catalog read these files again now. */
  async refresh(
    locations: readonly { readonly file: Pick<CatalogFile, 'targetUrl'> }[],
  ): Promise<void> {
    if (locations.length > 0) {
      const keys = new Set(locations.map(one => `url:${one.file.targetUrl}`));
      await this.#connected().refresh({ keys: [...keys] });
    }
  }

  /**
   * Has the catalog read these again and take what it refused before.
   *
   * @remarks A refresh is not enough: what comes to the same result as before, the catalog
   * does not look at, and who has an entity is a part of that result only as far as it was
   * known when the file was read. So each Location is given with an annotation that is new.
   * Source: DefaultCatalogProcessingEngine of catalog-backend 4.0.5.
   *
   * @param requestedAt - different from that of the last time
   */
  async reprocess(
    locations: readonly CatalogLocation[],
    requestedAt: string,
  ): Promise<void> {
    if (locations.length > 0) {
      const added = this.#toEntities(locations).map(one =>
        annotated(one, ANNOTATION_REPROCESS_REQUESTED_AT, requestedAt),
      );
      await this.#connected().applyMutation({ type: 'delta', added, removed: [] });
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
    return locations.map(location => this.#toEntity(location));
  }

  #toEntity(location: CatalogLocation): DeferredEntity {
    return toLocationEntity(location, this.#provider.id);
  }
}

function annotated(
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
