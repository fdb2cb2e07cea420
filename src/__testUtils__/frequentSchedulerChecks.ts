/**
 * Makes the catalog's scheduler check for due tasks every half second. By default it checks
 * after the frequency of a task, counted from the end of its last run, so that a task that
 * runs every few seconds would fall behind. For tests.
 */

import { coreServices, createBackendModule } from '@backstage/backend-plugin-api';

export default createBackendModule({
  pluginId: 'catalog',
  moduleId: 'frequent-scheduler-checks',
  register: env =>
    env.registerInit({
      deps: { scheduler: coreServices.scheduler },
      init: ({ scheduler }) =>
        scheduler.scheduleTask({
          id: 'frequent-scheduler-checks',
          frequency: { milliseconds: 500 },
          timeout: { seconds: 5 },
          fn: async () => {},
        }),
    }),
});
