/** The databases that the suites run on. For tests. */

import { DatabaseService } from '@backstage/backend-plugin-api';
import { TestDatabaseId, TestDatabases } from '@backstage/backend-test-utils';
import type { Knex } from 'knex';

/** SQLite everywhere, PostgreSQL where there is one; the global setup says which. */
export function createTestDatabases(): TestDatabases {
  return TestDatabases.create({ ids: ['SQLITE_3', 'POSTGRES_15'], disableDocker: true });
}

const shared = new WeakMap<TestDatabases, Promise<Knex>>();

/**
 * An empty database for one test.
 *
 * @remarks To make one takes PostgreSQL a second or more, so that the tests of a file share
 * one, each with a schema of its own.
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

/** A client as the backend hands it out. */
export function asDatabaseService(knex: Knex): DatabaseService {
  return { getClient: async () => knex };
}
