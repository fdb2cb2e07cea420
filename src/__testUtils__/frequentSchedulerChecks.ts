/**
 * Has the catalog's scheduler look every half second for what is due. By itself it looks after
 * the frequency of a task, counted from the end of the last run, so that one of a few seconds
 * would fall behind. For tests.
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
