/** The tables of this module in the catalog's database, brought up to date when first needed. */

import { DatabaseService } from '@backstage/backend-plugin-api';
import type { Knex } from 'knex';
import { yieldToEventLoop } from '../util/clock';
import { migrate } from './migrate';

/** Rows per statement: SQLite and PostgreSQL bound the number of values in one. */
const ROWS_PER_STATEMENT = 200;

/** Shared by everything that stores. */
export class DiscoveryDatabase {
  readonly #database: DatabaseService;
  readonly #onWarning: (message: string) => void;
  readonly #warned = new Set<string>();
  #ready: Promise<Knex> | undefined;

  /** @param onWarning - told of what somebody should know who looks after the database */
  constructor(
    database: DatabaseService,
    onWarning: (message: string) => void = () => {},
  ) {
    this.#database = database;
    this.#onWarning = onWarning;
  }

  /** Brings the tables up to date once; a failure is tried again by the next call. */
  connect(): Promise<Knex> {
    this.#ready ??= this.#migrate().catch(error => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  /** Says once what somebody should know who looks after the database. */
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

/** Splits items into what fits into one statement. */
export function toChunks<T>(items: readonly T[], size = ROWS_PER_STATEMENT): T[][] {
  const chunks: T[][] = [];
  for (let start = 0; start < items.length; start += size) {
    chunks.push(items.slice(start, start + size));
  }
  return chunks;
}

/** Works on what fits into one statement; then others get their turn: SQLite blocks while it works. */
export async function inBatches<T>(
  items: readonly T[],
  work: (some: T[]) => PromiseLike<unknown>,
): Promise<void> {
  for (const some of toChunks(items)) {
    await work(some);
    await yieldToEventLoop();
  }
}
