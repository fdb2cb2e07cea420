/** The databases that the suites run on. For tests. */

import { randomUUID } from 'node:crypto';
import { DatabaseService } from '@backstage/backend-plugin-api';
import knexFactory, { Knex } from 'knex';

/** The names in Backstage's own test utilities. */
export type TestDatabaseId = 'SQLITE_3' | 'POSTGRES_15';

/** The databases of a test file, which are deleted after its last test. */
export interface TestDatabases {
  supports(id: TestDatabaseId): boolean;
  /** The databases, for `describe.each`. */
  eachSupportedId(): [TestDatabaseId][];
  /** Creates an empty database. */
  init(id: TestDatabaseId): Promise<Knex>;
  /** Creates an empty database on PostgreSQL. @returns its connection string */
  createPostgres(): Promise<string>;
}

/** Set by the global setup where a server is available, unless already set. */
const SERVER_URL = 'BACKSTAGE_TEST_DATABASE_POSTGRES15_CONNECTION_STRING';

/**
 * SQLite everywhere, PostgreSQL where available; the global setup determines that.
 *
 * @remarks Backstage's test utilities would work as well, but load all of Backstage.
 */
export function createTestDatabases(): TestDatabases {
  const serverUrl = process.env[SERVER_URL];
  const opened: Knex[] = [];
  const made: string[] = [];
  const open = (config: Knex.Config): Knex => {
    const knex = knexFactory(config);
    opened.push(knex);
    return knex;
  };
  const createPostgres = async (): Promise<string> => {
    if (!serverUrl) {
      throw new Error(`there is no PostgreSQL: ${SERVER_URL} is not set`);
    }
    const name = `test_${randomUUID().replaceAll('-', '')}`;
    await onServer(serverUrl, server => server.raw('CREATE DATABASE ??', [name]));
    made.push(name);
    return urlOf(serverUrl, name);
  };
  afterAll(async () => {
    await Promise.all(opened.map(knex => knex.destroy()));
    for (const name of made) {
      await onServer(serverUrl ?? '', server =>
        server.raw('DROP DATABASE ?? WITH (FORCE)', [name]),
      );
    }
  }, 60_000);
  const ids: TestDatabaseId[] = serverUrl ? ['SQLITE_3', 'POSTGRES_15'] : ['SQLITE_3'];
  return {
    supports: id => ids.includes(id),
    eachSupportedId: () => ids.map(id => [id]),
    async init(id) {
      if (id === 'SQLITE_3') {
        return open({
          client: 'better-sqlite3',
          connection: ':memory:',
          useNullAsDefault: true,
        });
      }
      return open(postgresConfig(await createPostgres()));
    },
    createPostgres,
  };
}

function urlOf(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}

function postgresConfig(connection: string): Knex.Config {
  return { client: 'pg', connection, pool: { min: 0, max: 5 } };
}

/** Runs a statement outside the databases of the tests. */
async function onServer(
  serverUrl: string,
  action: (server: Knex) => Promise<unknown>,
): Promise<void> {
  const server = knexFactory(postgresConfig(urlOf(serverUrl, 'postgres')));
  try {
    await action(server);
  } finally {
    await server.destroy();
  }
}

const shared = new WeakMap<TestDatabases, Promise<Knex>>();

/**
 * Creates an empty database for one test.
 *
 * @remarks PostgreSQL takes a second or more to create a database, so the tests of a file share
 * one, each with its own schema.
 */
export async function emptyDatabase(
  databases: TestDatabases,
  id: TestDatabaseId,
): Promise<Knex> {
  if (id !== 'POSTGRES_15') {
    return databases.init(id);
  }
  const opened = shared.get(databases) ?? databases.init(id);
  shared.set(databases, opened);
  const knex = await opened;
  await knex.raw('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
  return knex;
}

/** A client as the backend provides it. */
export function asDatabaseService(knex: Knex): DatabaseService {
  return { getClient: async () => knex };
}
