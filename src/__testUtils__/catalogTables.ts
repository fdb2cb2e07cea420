/** The catalog's own tables as its installed version makes them, filled by hand. For tests. */

import path from 'node:path';
import { stringifyEntityRef } from '@backstage/catalog-model';
import type { Knex } from 'knex';
import { toLocationEntity } from '../provider/locationEntities';

const CATALOG = path.dirname(
  require.resolve('@backstage/plugin-catalog-backend/package.json'),
);

/** Rows per statement: SQLite bounds the number of values in one. */
const ROWS_PER_STATEMENT = 100;

/** So that a catalog which runs leaves them alone. */
const NEVER = '2100-01-01 00:00:00';

/** An entity in the catalog. */
export interface CatalogRow {
  readonly ref: string;
  /** What it came of: an entity, or a provider by its name. */
  readonly parent?: string;
  /** What the catalog has to say of it. */
  readonly errors?: readonly { readonly name: string; readonly message: string }[];
  /** `false`: it was never right, so that nobody sees it. */
  readonly isShown?: boolean;
  readonly entity?: object;
  /** Whose it is; anybody may take it over when left out. */
  readonly locationKey?: string;
}

/** Makes the tables. */
export async function createCatalogTables(knex: Knex): Promise<void> {
  await knex.migrate.latest({ directory: path.join(CATALOG, 'migrations') });
}

/** Takes out all that is in them. */
export async function clearCatalogTables(knex: Knex): Promise<void> {
  for (const table of ['refresh_state_references', 'final_entities', 'refresh_state']) {
    await knex(table).delete();
  }
}

/** The Location by which the catalog reads a file, as a provider gives it. */
export function locationRow(
  targetUrl: string,
  rest: Omit<CatalogRow, 'ref' | 'entity'> = {},
  providerId = 'default',
): CatalogRow {
  const file = { path: 'catalog-info.yaml', targetUrl, presence: 'required' } as const;
  const repository = { id: 1, projectKey: 'PAY', slug: 'api' };
  const { entity, locationKey } = toLocationEntity({ repository, file }, providerId);
  return { parent: locationKey, ...rest, ref: stringifyEntityRef(entity), entity };
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
  const shown = rows.filter(one => one.isShown ?? true).map(toFinalRow);
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
