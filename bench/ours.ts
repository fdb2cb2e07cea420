/** The process that measures this module. */

import { SchedulerService } from '@backstage/backend-plugin-api';
import { InProcessMemoryStore } from '../src/__testUtils__/InProcessMemoryStore';
import { BitbucketServerEntityProvider } from '../src/provider/BitbucketServerEntityProvider';
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
  const [provider] = BitbucketServerEntityProvider.fromConfig(config, {
    logger,
    scheduler: idleScheduler,
    store: new InProcessMemoryStore(async () => ({ repositories: [], held: [] })),
  });
  if (!provider) {
    throw new Error('the configuration describes no provider');
  }
  await provider.connect(connection);
  return () => provider.refresh();
});
