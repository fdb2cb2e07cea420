/** The process that measures this module. */

import { SchedulerService } from '@backstage/backend-plugin-api';
import { createTestStore } from '../src/__testUtils__/testStores';
import { createProviders } from '../src/provider/createProviders';
import { measureProcess } from './measureProcess';

/** Takes the task and never runs it: the benchmark decides when. */
const idleScheduler: SchedulerService = {
  scheduleTask: async () => {},
  createScheduledTaskRunner: () => ({ run: async () => {} }),
  triggerTask: async () => {},
  cancelTask: async () => {},
  getScheduledTasks: async () => [],
};

measureProcess(async ({ config, logger, connection }) => {
  const [created] = createProviders(config, {
    logger,
    scheduler: idleScheduler,
    store: createTestStore(),
  });
  if (!created) {
    throw new Error('the configuration describes no provider');
  }
  const { provider } = created;
  await provider.connect(connection);
  return () => provider.refresh();
});
