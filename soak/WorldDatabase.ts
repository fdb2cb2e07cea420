/** The database of a world, which all its processes share and which outlives them. */

import knexFactory, { Knex } from 'knex';
import { watchActivity } from '../src/__testUtils__/databaseActivity';
import { FakeClock } from '../src/__testUtils__/FakeClock';
import { createTestStores, TestStores } from '../src/__testUtils__/testStores';
import { DiscoveryDatabase } from '../src/store/DiscoveryDatabase';

/** Creates stores on one database. */
export interface WorldDatabase {
  /**
   * Opens the stores for one more process.
   *
   * @param others - the stores of a process that is still alive
   */
  open(clock: FakeClock, others?: TestStores): Promise<TestStores>;
  /** Whether it has its own clock, which no fake clock moves, so that held removals never become due. */
  readonly hasOwnClock: boolean;
  /** Whether a query is in progress. */
  isBusy(): boolean;
}

/** Databases for consecutive worlds. */
export interface WorldDatabases {
  /** Creates an empty database; earlier ones are no longer used. */
  next(): Promise<WorldDatabase>;
  /** Releases all resources. */
  close(): Promise<void>;
}

/** In-memory SQLite, one database per world. */
export const memoryDatabases: WorldDatabases = {
  async next() {
    let first: TestStores | undefined;
    return {
      async open(clock, others) {
        // Only one process can use such a database: its locks are in the process, so live
        // processes share the stores.
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
  // Opening a connection takes time for which no fake clock waits.
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

/** @returns whether a connection is in use or awaited */
function watchConnections(knex: Knex): () => boolean {
  const client: {
    readonly pool: { numUsed(): number; numPendingAcquires(): number };
  } = knex.client;
  return () => client.pool.numUsed() > 0 || client.pool.numPendingAcquires() > 0;
}
