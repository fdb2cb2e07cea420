/** The database of a world, which all its processes share and which outlives each. */

import knexFactory, { Knex } from 'knex';
import { watchActivity } from '../src/__testUtils__/databaseActivity';
import { FakeClock } from '../src/__testUtils__/FakeClock';
import { createTestStores, TestStores } from '../src/__testUtils__/testStores';
import { DiscoveryDatabase } from '../src/store/DiscoveryDatabase';

/** Hands out stores on one database. */
export interface WorldDatabase {
  /**
   * As one more process opens them.
   *
   * @param others - those of a process that still lives
   */
  open(clock: FakeClock, others?: TestStores): Promise<TestStores>;
  /** It has a clock of its own, which no fake one moves: nothing held back is ever due by it. */
  readonly hasOwnClock: boolean;
  /** Whether it has been asked and has not answered yet. */
  isBusy(): boolean;
}

/** Databases for one world after the other. */
export interface WorldDatabases {
  /** An empty one; those before it are not used any more. */
  next(): Promise<WorldDatabase>;
  /** Leaves nothing behind. */
  close(): Promise<void>;
}

/** SQLite in memory, a database for each world. */
export const memoryDatabases: WorldDatabases = {
  async next() {
    let first: TestStores | undefined;
    return {
      async open(clock, others) {
        // One process uses such a database: what keeps two from working at the same time is
        // in the process, so those that live share it.
        const stores = others ?? first?.reopen() ?? createTestStores({ clock });
        first ??= stores;
        await stores.tables.connect();
        return stores;
      },
      hasOwnClock: false,
      isBusy: () => false,
    };
  },
  async close() {},
};

const TABLES_OF_THIS_MODULE = `
  SELECT tablename FROM pg_tables WHERE schemaname = current_schema()
    AND tablename LIKE 'bitbucket\\_server\\_%' AND tablename NOT LIKE '%migrations%'`;

const CONNECTIONS = 8;

/** A database on a PostgreSQL server, emptied for each world. */
export async function openPostgresDatabases(serverUrl: string): Promise<WorldDatabases> {
  const name = `bitbucket_server_soak_${process.pid}`;
  const admin = knexFactory({ client: 'pg', connection: serverUrl });
  await admin.raw('CREATE DATABASE ??', [name]);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const knex = watchActivity(
    knexFactory({
      client: 'pg',
      connection: url.href,
      pool: { min: CONNECTIONS, max: CONNECTIONS },
    }),
  );
  const isBusy = watchConnections(knex);
  await new DiscoveryDatabase({ getClient: async () => knex }).connect();
  // To open a connection takes time that no fake clock waits for.
  await Promise.all(
    Array.from({ length: CONNECTIONS }, () => knex.raw('SELECT pg_sleep(0.1)')),
  );
  const { rows }: { rows: { tablename: string }[] } =
    await knex.raw(TABLES_OF_THIS_MODULE);
  const tables = rows.map(({ tablename }) => `"${tablename}"`).join(', ');
  return {
    async next() {
      await knex.raw(`TRUNCATE ${tables}`);
      return {
        async open(clock) {
          const stores = createTestStores({ clock, open: async () => knex });
          await stores.tables.connect();
          return stores;
        },
        hasOwnClock: true,
        isBusy,
      };
    },
    async close() {
      await knex.destroy();
      await admin.raw('DROP DATABASE ??', [name]);
      await admin.destroy();
    },
  };
}

/** @returns whether a connection is used or waited for */
function watchConnections(knex: Knex): () => boolean {
  const client: {
    readonly pool: { numUsed(): number; numPendingAcquires(): number };
  } = knex.client;
  return () => client.pool.numUsed() > 0 || client.pool.numPendingAcquires() > 0;
}
