/** A look into the catalog of a backend in this process, and a hand on its tasks. For tests. */

import {
  BackendFeature,
  coreServices,
  createBackendModule,
  SchedulerService,
} from '@backstage/backend-plugin-api';
import type { Knex } from 'knex';

/** What a backend with the observer in it lets a test do. */
export interface CatalogObserver {
  /** To be added to the backend. */
  readonly feature: BackendFeature;
  /** The catalog's database. */
  database(): Knex;
  /** Runs a task of the catalog, and waits for it. */
  runTask(taskId: string): Promise<void>;
}

/** Makes an observer for one backend. */
export function createCatalogObserver(): CatalogObserver {
  const found: { database: Knex; scheduler: SchedulerService }[] = [];
  const inside = () => {
    const [first] = found;
    if (!first) {
      throw new Error('the observer is not installed');
    }
    return first;
  };
  return {
    feature: createBackendModule({
      pluginId: 'catalog',
      moduleId: 'observer',
      register: env =>
        env.registerInit({
          deps: { database: coreServices.database, scheduler: coreServices.scheduler },
          init: async ({ database, scheduler }) => {
            found.push({ database: await database.getClient(), scheduler });
          },
        }),
    }),
    database: () => inside().database,
    runTask: taskId => inside().scheduler.triggerTask(taskId),
  };
}
