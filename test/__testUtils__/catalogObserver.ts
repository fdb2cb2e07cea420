/** Observes the catalog of a backend in this process, and controls its tasks. For tests. */

import {
  BackendFeature,
  coreServices,
  createBackendModule,
  SchedulerService,
} from '@backstage/backend-plugin-api';
import {
  EventParams,
  EventsService,
  eventsServiceRef,
} from '@backstage/plugin-events-node';
import {
  CatalogScmEvent,
  CatalogScmEventsService,
  catalogScmEventsServiceRef,
} from '@backstage/plugin-catalog-node/alpha';
import type { Knex } from 'knex';

/** What a backend with the observer in it lets a test do. */
export interface CatalogObserver {
  /** To be added to the backend. */
  readonly feature: BackendFeature;
  /** The catalog's database. */
  database(): Knex;
  /** Runs a task of the catalog, and waits for it. */
  runTask(taskId: string): Promise<void>;
  /** Publishes what another part of the backend would. */
  publish(event: EventParams): Promise<void>;
  /** Publishes that files or repositories have changed, as another module of the catalog does. */
  publishScmEvents(events: CatalogScmEvent[]): Promise<void>;
}

/** Makes an observer for one backend. */
export function createCatalogObserver(): CatalogObserver {
  const found: {
    database: Knex;
    events: EventsService;
    scheduler: SchedulerService;
    scmEvents: CatalogScmEventsService;
  }[] = [];
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
          deps: {
            database: coreServices.database,
            events: eventsServiceRef,
            scheduler: coreServices.scheduler,
            scmEvents: catalogScmEventsServiceRef,
          },
          init: async ({ database, ...services }) => {
            found.push({ database: await database.getClient(), ...services });
          },
        }),
    }),
    database: () => inside().database,
    runTask: taskId => inside().scheduler.triggerTask(taskId),
    publish: event => inside().events.publish(event),
    publishScmEvents: events => inside().scmEvents.publish(events),
  };
}
