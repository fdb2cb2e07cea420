/** The process that measures this module. */

import { SchedulerService } from '@backstage/backend-plugin-api';
import knexFactory from 'knex';
import { createTestStore } from '../src/__testUtils__/testStores';
import { readDiscoveryConfig } from '../src/config/readProviderConfigs';
import { createProviders } from '../src/provider/createProviders';
import { DiscoveryDatabase } from '../src/store/DiscoveryDatabase';
import { ProviderStateStore } from '../src/store/ProviderStateStore';
import { systemClock } from '../src/util/clock';
import { measureProcess } from './measureProcess';

/** Takes the task and never runs it: the benchmark decides when. */
const idleScheduler: SchedulerService = {
  scheduleTask: async () => {},
  createScheduledTaskRunner: () => ({ run: async () => {} }),
  triggerTask: async () => {},
  cancelTask: async () => {},
  getScheduledTasks: async () => [],
};

/** As in production, on SQLite. */
function openStore(filename: string): ProviderStateStore {
  const knex = knexFactory({
    client: 'better-sqlite3',
    connection: { filename },
    useNullAsDefault: true,
  });
  const tables = new DiscoveryDatabase({ getClient: async () => knex });
  const readBaseline = async () => ({ repositories: [], held: [] });
  return new ProviderStateStore(tables, { clock: systemClock, readBaseline });
}

measureProcess(async ({ config, logger, connection, databaseFile }) => {
  const [created] = createProviders(readDiscoveryConfig(config), {
    logger,
    scheduler: idleScheduler,
    store: databaseFile ? openStore(databaseFile) : createTestStore(),
  });
  if (!created) {
    throw new Error('the configuration describes no provider');
  }
  const { provider } = created;
  await provider.connect(connection);
  return () => provider.refresh();
});
