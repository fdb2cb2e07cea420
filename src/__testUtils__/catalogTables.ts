/** The catalog's own tables as its installed version creates them, filled directly. For tests. */

import path from 'node:path';
import { stringifyEntityRef } from '@backstage/catalog-model';
import type { Knex } from 'knex';
import { providerName, toLocationEntity } from '../provider/locationEntities';

const CATALOG = path.dirname(
  require.resolve('@backstage/plugin-catalog-backend/package.json'),
);

/** Rows per statement: SQLite limits the number of values in a statement. */
const ROWS_PER_STATEMENT = 100;

/** A time in the future, so that a running catalog does not process the entities. */
const NEVER = '2100-01-01 00:00:00';

/** An entity in the catalog. */
export interface CatalogRow {
  readonly ref: string;
  /** Its source: an entity, or a provider by its name. */
  readonly parent?: string;
  /** The catalog's processing errors of the entity. */
  readonly errors?: readonly { readonly name: string; readonly message: string }[];
  /** `false`: the entity was never valid, so that the catalog does not show it. */
  readonly isShown?: boolean;
  readonly entity?: object;
  /** The location key of its owner; any provider may take the entity over when left out. */
  readonly locationKey?: string;
}

/** Creates the tables. */
export async function createCatalogTables(knex: Knex): Promise<void> {
  await knex.migrate.latest({ directory: path.join(CATALOG, 'migrations') });
}

/** Deletes all rows. */
export async function clearCatalogTables(knex: Knex): Promise<void> {
  for (const table of ['refresh_state_references', 'final_entities', 'refresh_state']) {
    await knex(table).delete();
  }
}

/** The Location by which the catalog reads a file, as a provider emits it. */
export function locationRow(
  targetUrl: string,
  rest: Omit<CatalogRow, 'ref' | 'entity'> = {},
  providerId = 'default',
): CatalogRow {
  const file = { path: 'catalog-info.yaml', targetUrl, presence: 'required' } as const;
  const repository = { id: 1, projectKey: 'PAY', slug: 'api' };
  const entity = toLocationEntity({ repository, file });
  return {
    parent: providerName(providerId),
    ...rest,
    ref: stringifyEntityRef(entity),
    entity,
  };
}

/** Puts entities into the catalog. */
export async function insertIntoCatalog(
  knex: Knex,
  rows: readonly CatalogRow[],
): Promise<void> {
  const states = rows.map(({ ref, errors = [], entity = {}, locationKey }) => ({
    entity_id: ref,
    entity_ref: ref,
    unprocessed_entity: JSON.stringify(entity),
    unprocessed_hash: '',
    errors: JSON.stringify(errors),
    location_key: locationKey ?? null,
    next_update_at: NEVER,
    last_discovery_at: NEVER,
  }));
  const shown = rows.filter(({ isShown = true }) => isShown).map(toFinalRow);
  const edges = rows.flatMap(({ ref, parent }) => {
    if (parent === undefined) {
      return [];
    }
    const isEntity = parent.includes('/');
    return {
      source_key: isEntity ? null : parent,
      source_entity_ref: isEntity ? parent : null,
      target_entity_ref: ref,
    };
  });
  await knex.batchInsert('refresh_state', states, ROWS_PER_STATEMENT);
  await knex.batchInsert('final_entities', shown, ROWS_PER_STATEMENT);
  await knex.batchInsert('refresh_state_references', edges, ROWS_PER_STATEMENT);
}

function toFinalRow({ ref, entity = {} }: CatalogRow) {
  return {
    entity_id: ref,
    entity_ref: ref,
    hash: '',
    final_entity: JSON.stringify(entity),
  };
}
