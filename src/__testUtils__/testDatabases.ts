/** The databases that the suites run on. For tests. */

import { DatabaseService } from '@backstage/backend-plugin-api';
import { TestDatabases } from '@backstage/backend-test-utils';
import type { Knex } from 'knex';

/** SQLite everywhere, PostgreSQL where there is one; the global setup says which. */
export function createTestDatabases(): TestDatabases {
  return TestDatabases.create({ ids: ['SQLITE_3', 'POSTGRES_15'], disableDocker: true });
}

/** A client as the backend hands it out. */
export function asDatabaseService(knex: Knex): DatabaseService {
  return { getClient: async () => knex };
}
