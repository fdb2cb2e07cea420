/** The tables of this module in the catalog's database, brought up to date when first needed. */

import path from 'node:path';
import { DatabaseService } from '@backstage/backend-plugin-api';
import type { Knex } from 'knex';

/** The catalog keeps the list of its own migrations in the same database. */
const MIGRATIONS = 'bitbucket_server_discovery_migrations';

/** Beside `src` in the work tree and beside `dist` in the published package. */
const MIGRATIONS_DIRECTORY = path.resolve(__dirname, '../../migrations');

/** Rows per statement: SQLite and PostgreSQL bound the number of values in one. */
const ROWS_PER_STATEMENT = 200;

/** Shared by everything that stores. */
export class DiscoveryDatabase {
  readonly #database: DatabaseService;
  #ready: Promise<Knex> | undefined;

  constructor(database: DatabaseService) {
    this.#database = database;
  }

  /** Brings the tables up to date once; a failure is tried again by the next call. */
  connect(): Promise<Knex> {
    this.#ready ??= this.#migrate().catch(error => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  async #migrate(): Promise<Knex> {
    const knex = await this.#database.getClient();
    if (!this.#database.migrations?.skip) {
      await knex.migrate.latest({
        directory: MIGRATIONS_DIRECTORY,
        tableName: MIGRATIONS,
        // After a downgrade the list names migrations that this version does not have.
        disableMigrationsListValidation: true,
      });
    }
    return knex;
  }
}

/** Splits items into what fits into one statement. */
export function chunksOf<T>(items: readonly T[], size = ROWS_PER_STATEMENT): T[][] {
  const chunks: T[][] = [];
  for (let start = 0; start < items.length; start += size) {
    chunks.push(items.slice(start, start + size));
  }
  return chunks;
}
