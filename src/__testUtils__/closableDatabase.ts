/** A backend's database service whose connections can be closed. For tests. */

import { DatabaseManager } from '@backstage/backend-defaults/database';
import {
  BackendFeature,
  coreServices,
  createServiceFactory,
} from '@backstage/backend-plugin-api';
import { ConfigReader } from '@backstage/config';
import { Knex } from 'knex';
import { eventually } from './eventually';

/** The result of {@link closableDatabase}. */
export interface ClosableDatabase {
  /** For the backend. */
  readonly feature: BackendFeature;
  /** Closes all connections of the backend, once that has stopped. */
  close(): Promise<void>;
}

/** The default database of Backstage's tests. */
const IN_MEMORY = new ConfigReader({
  backend: { database: { client: 'better-sqlite3', connection: ':memory:' } },
});

/**
 * Creates Backstage's own database service, extended to record each connection pool.
 *
 * @remarks A stopped backend leaves its SQLite connections open, and the catalog continues its
 * current work. In a separate process both end with the process; here they would lock the file
 * for the next backend, and prevent the process of the tests from ending.
 */
export function closableDatabase(): ClosableDatabase {
  const clients = new Set<Knex>();
  const feature = createServiceFactory({
    service: coreServices.database,
    deps: {
      config: coreServices.rootConfig,
      lifecycle: coreServices.lifecycle,
      logger: coreServices.logger,
      plugin: coreServices.pluginMetadata,
    },
    createRootContext: ({ config }) =>
      DatabaseManager.fromConfig(config.has('backend.database') ? config : IN_MEMORY),
    factory({ lifecycle, logger, plugin }, manager) {
      const database = manager.forPlugin(plugin.getId(), { lifecycle, logger });
      return {
        ...database,
        async getClient() {
          const client = await database.getClient();
          clients.add(client);
          return client;
        },
      };
    },
  });
  return {
    feature,
    async close() {
      await Promise.all([...clients].map(closeIdle));
    },
  };
}

/** Waits until no connection is awaited: a pending caller would print an error to the console. */
async function closeIdle(knex: Knex): Promise<void> {
  // `undefined` once it is closed.
  const pool: { numUsed(): number; numPendingAcquires(): number } | undefined =
    knex.client.pool;
  await eventually(async () => {
    if (pool && pool.numUsed() + pool.numPendingAcquires() > 0) {
      throw new Error('a connection is still in use');
    }
  });
  await knex.destroy();
}
