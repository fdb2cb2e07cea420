/** The backend feature that `backend.add(...)` installs: wiring only. */

import {
  AuditorService,
  coreServices,
  createBackendModule,
  DatabaseService,
  HttpAuthService,
  HttpRouterService,
  LifecycleService,
  LoggerService,
  PermissionsService,
  RootConfigService,
  SchedulerService,
} from '@backstage/backend-plugin-api';
import {
  CatalogProcessingExtensionPoint,
  catalogProcessingExtensionPoint,
} from '@backstage/plugin-catalog-node';
import { EventsService, eventsServiceRef } from '@backstage/plugin-events-node';
import { connectEvents } from './events/connectEvents';
import { ScmEvents, scmEventsServiceRef } from './events/scmEventsService';
import { EventMetrics } from './metrics/EventMetrics';
import { observeReports } from './metrics/observeReports';
import { createProviders } from './provider/createProviders';
import { providerName } from './provider/locationEntities';
import { RequestMeter } from './provider/RequestMeter';
import { createReportRouter } from './router/createReportRouter';
import { createRefreshObserver } from './router/createRefreshObserver';
import { refreshHandlers } from './router/refreshHandlers';
import { DatabaseEventStore } from './store/DatabaseEventStore';
import { DatabaseReportStore } from './store/DatabaseReportStore';
import { DatabaseMemoryStore } from './store/DatabaseMemoryStore';
import { DiscoveryDatabase } from './store/DiscoveryDatabase';
import { ProviderMemoryStore } from './store/ProviderMemoryStore';
import { readCatalogBaseline } from './store/readCatalogBaseline';
import { systemClock } from './util/clock';

/**
 * Installs one entity provider per entry of `catalog.providers.bitbucketServer`.
 *
 * @remarks The module id is the published module's own, so that installing both fails at
 * start instead of two providers fighting over the same entities.
 *
 * @public
 */
export const catalogModuleBitbucketServerEntityProvider = createBackendModule({
  pluginId: 'catalog',
  moduleId: 'bitbucket-server-entity-provider',
  register(env) {
    env.registerInit({
      deps: {
        auditor: coreServices.auditor,
        catalog: catalogProcessingExtensionPoint,
        config: coreServices.rootConfig,
        database: coreServices.database,
        events: eventsServiceRef,
        httpAuth: coreServices.httpAuth,
        httpRouter: coreServices.httpRouter,
        lifecycle: coreServices.lifecycle,
        logger: coreServices.logger,
        permissions: coreServices.permissions,
        scheduler: coreServices.scheduler,
        scmEvents: scmEventsServiceRef,
      },
      init: install,
    });
  },
});

interface Services {
  readonly auditor: AuditorService;
  readonly catalog: CatalogProcessingExtensionPoint;
  readonly config: RootConfigService;
  readonly database: DatabaseService;
  readonly events: EventsService;
  readonly httpAuth: HttpAuthService;
  readonly httpRouter: HttpRouterService;
  readonly lifecycle: LifecycleService;
  readonly logger: LoggerService;
  readonly permissions: PermissionsService;
  readonly scheduler: SchedulerService;
  readonly scmEvents: ScmEvents;
}

async function install(services: Services): Promise<void> {
  const { auditor, catalog, config, logger, scheduler } = services;
  const shutdown = new AbortController();
  services.lifecycle.addShutdownHook(() =>
    shutdown.abort(new Error('the backend is shutting down')),
  );
  const tables = new DiscoveryDatabase(services.database);
  const reports = new DatabaseReportStore(tables);
  const created = createProviders(config, {
    logger,
    scheduler,
    store: createStore(tables, services.database, logger),
    reports,
    shutdownSignal: shutdown.signal,
  });
  const providers = created.map(one => one.provider);
  if (providers.length === 0) {
    logger.info(
      'No Bitbucket Server discovery: catalog.providers.bitbucketServer is not configured',
    );
  }
  catalog.addEntityProvider(providers);
  await connectEvents(services.events, {
    created,
    config,
    scmEvents: services.scmEvents,
    eventStore: new DatabaseEventStore(tables),
    logger,
    clock: systemClock,
    signal: shutdown.signal,
    createMeter: () => new RequestMeter(),
    observer: new EventMetrics(),
  });
  observeReports({
    reports,
    providerIds: providers.map(one => one.id),
    logger,
    clock: systemClock,
    signal: shutdown.signal,
  });
  services.httpRouter.use(
    createRefreshObserver(
      refreshHandlers(created, {
        auditor,
        logger,
        scheduler,
        shutdownSignal: shutdown.signal,
      }),
    ),
  );
  services.httpRouter.use(
    createReportRouter({
      reports,
      providers,
      httpAuth: services.httpAuth,
      permissions: services.permissions,
      auditor,
    }),
  );
}

function createStore(
  tables: DiscoveryDatabase,
  database: DatabaseService,
  logger: LoggerService,
): ProviderMemoryStore {
  return new DatabaseMemoryStore(tables, async providerId => {
    try {
      return await readCatalogBaseline(database, providerName(providerId));
    } catch (error) {
      logger.warn(
        `What the catalog holds from ${providerName(providerId)} could not be read: ${error}`,
      );
      return undefined;
    }
  });
}
