/**
 * Access to the tables of this module in the catalog's database, which are migrated when
 * first needed.
 */

import { DatabaseService } from '@backstage/backend-plugin-api';
import type { Knex } from 'knex';
import { yieldToEventLoop } from '../util/clock';
import { isPostgres, migrate } from './migrate';

/** Rows per statement: SQLite and PostgreSQL limit the number of values in one. */
const ROWS_PER_STATEMENT = 200;

/** Longest time of a statement for which nobody waits any more by then, milliseconds. */
const MAX_STATEMENT_MS = 5_000;

/**
 * Ends a statement that takes too long, such as one that waits for a lock, so that it does not
 * keep one of the few connections of the whole catalog. SQLite answers at once.
 */
export function withinTime<
  T extends { timeout(ms: number, options: { cancel: boolean }): unknown },
>(knex: Knex, statement: T, ms = MAX_STATEMENT_MS): T {
  if (isPostgres(knex)) statement.timeout(ms, { cancel: true });
  return statement;
}

/** The database connection shared by all stores. */
export class DiscoveryDatabase {
  readonly #database: DatabaseService;
  readonly #onWarning: (message: string) => void;
  readonly #warned = new Set<string>();
  #ready: Promise<Knex> | undefined;

  /** @param onWarning - called with messages for the operator of the database */
  constructor(
    database: DatabaseService,
    onWarning: (message: string) => void = () => {},
  ) {
    this.#database = database;
    this.#onWarning = onWarning;
  }

  /** Migrates the tables once; after a failure, the next call tries again. */
  connect(): Promise<Knex> {
    this.#ready ??= this.#migrate().catch(error => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  /** Reports a message for the operator of the database, each text once. */
  warn(message: string): void {
    if (!this.#warned.has(message)) {
      this.#warned.add(message);
      this.#onWarning(message);
    }
  }

  async #migrate(): Promise<Knex> {
    const knex = await this.#database.getClient();
    const skip = this.#database.migrations?.skip ?? false;
    await migrate(knex, { skip, onWarning: this.#onWarning });
    return knex;
  }
}

/** Splits items into chunks that fit into one statement. */
export function toChunks<T>(items: readonly T[], size = ROWS_PER_STATEMENT): T[][] {
  const chunks: T[][] = [];
  for (let start = 0; start < items.length; start += size) {
    chunks.push(items.slice(start, start + size));
  }
  return chunks;
}

/**
 * Runs work on chunks that fit into one statement, yielding to the event loop in between:
 * SQLite blocks while it works.
 */
export async function inBatches<T>(
  items: readonly T[],
  work: (batch: T[]) => PromiseLike<unknown>,
): Promise<void> {
  for (const chunk of toChunks(items)) {
    await work(chunk);
    await yieldToEventLoop();
  }
}
