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

/** What {@link closableDatabase} gives. */
export interface ClosableDatabase {
  /** For the backend. */
  readonly feature: BackendFeature;
  /** Closes what was opened through it; for a backend that has stopped. */
  close(): Promise<void>;
}

/** What Backstage's tests use where the configuration does not say anything else. */
const IN_MEMORY = new ConfigReader({
  backend: { database: { client: 'better-sqlite3', connection: ':memory:' } },
});

/**
 * Backstage's own database service, which also notes each connection pool it gives out.
 *
 * @remarks A backend that stops leaves its SQLite connections open, and what the catalog is
 * doing just then goes on. In a process of its own that dies with it; here it would lock
 * the file for the next backend, and keep the process of the tests from ending.
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

/** Whoever still waits for a connection would write to the console that there is none. */
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
