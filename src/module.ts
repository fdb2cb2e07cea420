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
import { createFileParser } from './api/createFileParser';
import {
  bitbucketServerEntityProviderExtensionPoint,
  BitbucketServerLocationParser,
} from './api/locationParser';
import { CatalogReporter } from './catalog/CatalogReporter';
import { readDiscoveryConfig } from './config/readProviderConfigs';
import {
  ConflictServices,
  createConflictServices,
} from './conflicts/createConflictServices';
import { connectEvents } from './events/connectEvents';
import {
  findSecondCatalogNode,
  ScmEvents,
  scmEventsServiceRef,
} from './events/scmEvents';
import { LimiterRegistry } from './http/LimiterRegistry';
import { countEvent } from './metrics/observers';
import { observeReports } from './metrics/observeReports';
import { CreatedProvider, createProviders } from './provider/createProviders';
import { createStores, Stores } from './provider/createStores';
import { describeLostProviders } from './provider/describeLostProviders';
import { limitersServiceRef } from './provider/limiters';
import { plainLocationRef, providerName } from './provider/locationEntities';
import { runAtStart } from './provider/runAtStart';
import { createReportRouter } from './router/createReportRouter';
import { createRefreshObserver } from './router/manualRefresh';
import { hasEntities } from './store/catalogState';
import { DatabaseEventStore } from './store/DatabaseEventStore';
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
    let parser: BitbucketServerLocationParser | undefined;
    env.registerExtensionPoint(bitbucketServerEntityProviderExtensionPoint, {
      setLocationParser(one) {
        if (parser) {
          throw new Error(
            'A location parser for Bitbucket Server is set already: only one module may call setLocationParser',
          );
        }
        parser = one;
      },
    });
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
        limiters: limitersServiceRef,
        logger: coreServices.logger,
        permissions: coreServices.permissions,
        scheduler: coreServices.scheduler,
        scmEvents: scmEventsServiceRef,
      },
      init: services => install(services, parser),
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
  readonly limiters: LimiterRegistry;
  readonly logger: LoggerService;
  readonly permissions: PermissionsService;
  readonly scheduler: SchedulerService;
  readonly scmEvents: ScmEvents;
}

async function install(
  services: Services,
  parser: BitbucketServerLocationParser | undefined,
): Promise<void> {
  const { catalog, config, limiters, logger, scheduler } = services;
  const shutdown = new AbortController();
  services.lifecycle.addShutdownHook(() =>
    shutdown.abort(new Error('the backend is shutting down')),
  );
  const stores = createStores(services.database, logger);
  const { tables, store, reports, webhooks } = stores;
  const discovery = readDiscoveryConfig(config);
  const ids = discovery.providers.map(one => one.config.id);
  const conflicts = createConflicts(ids, services, stores, shutdown.signal);
  const created = createProviders(discovery, {
    logger,
    scheduler,
    store,
    webhooks,
    conflicts,
    limiters,
    createFileParser: parser && (setup => createFileParser(parser, setup)),
    shutdownSignal: shutdown.signal,
  });
  const providers = created.map(one => one.provider);
  if (providers.length === 0) {
    logger.info(
      'No Bitbucket Server discovery: catalog.providers.bitbucketServer is not configured',
    );
  }
  catalog.addEntityProvider(providers);
  await warnOfLostProviders(services, providers);
  const secondCopy = findSecondCatalogNode();
  if (secondCopy) {
    logger.warn(secondCopy);
  }
  await connectEvents(services.events, {
    created,
    config,
    scmEvents: services.scmEvents,
    eventStore: new DatabaseEventStore(tables),
    webhooks,
    logger,
    clock: systemClock,
    signal: shutdown.signal,
    observer: { onEvent: countEvent },
  });
  await conflicts.subscriber.subscribe(services.events);
  observeReports({
    reports,
    webhooks,
    conflicts: conflicts.reporter,
    providerIds: providers.map(one => one.id),
    logger,
    clock: systemClock,
    signal: shutdown.signal,
  });
  addRoutes(services, { created, stores, conflicts, shutdownSignal: shutdown.signal });
  runSomeAtStart(services, created, shutdown.signal);
}

function runSomeAtStart(
  services: Services,
  created: readonly CreatedProvider[],
  signal: AbortSignal,
): void {
  const { lifecycle, logger } = services;
  lifecycle.addStartupHook(() => {
    for (const one of created) {
      startIfNeeded(one, services, signal).catch(error =>
        logger.debug(`Whether to run at once could not be found out: ${error}`),
      );
    }
  });
}

function startIfNeeded(
  { provider, context }: CreatedProvider,
  { database, scheduler }: Services,
  signal: AbortSignal,
): Promise<void> {
  const { config, configuration, log, store } = context;
  const name = provider.getProviderName();
  return runAtStart({
    loadState: async () => ({
      schedule: config.schedule,
      configuration,
      hasEntities: await hasEntities(await database.getClient(), name),
      lastRun: await store.loadLastRun(config.id),
    }),
    startTask: () => scheduler.triggerTask(provider.taskId),
    clock: systemClock,
    signal,
    onStart: reason => log.startedAtOnce(reason),
  });
}

async function warnOfLostProviders(
  { database, logger }: Services,
  providers: readonly { readonly id: string }[],
): Promise<void> {
  try {
    const ids = providers.map(one => one.id);
    const warning = await describeLostProviders(database, ids);
    if (warning) {
      logger.warn(warning);
    }
  } catch (error) {
    logger.debug(`Whether providers are lost could not be found out: ${error}`);
  }
}

function createConflicts(
  ids: readonly string[],
  { logger }: Services,
  stores: Stores,
  signal: AbortSignal,
): ConflictServices {
  return createConflictServices({
    ...stores,
    providers: new Map(ids.map(id => [providerName(id), id])),
    locationRef: plainLocationRef,
    logger,
    clock: systemClock,
    signal,
  });
}

interface Routed {
  readonly created: readonly CreatedProvider[];
  readonly stores: Stores;
  readonly conflicts: ConflictServices;
  readonly shutdownSignal: AbortSignal;
}

function addRoutes(services: Services, routed: Routed): void {
  const { created, stores, conflicts, shutdownSignal } = routed;
  const { auditor, httpAuth, logger, permissions, scheduler } = services;
  services.httpRouter.use(
    createRefreshObserver(created, { auditor, logger, scheduler, shutdownSignal }),
  );
  services.httpRouter.use(
    createReportRouter({
      ...stores,
      catalog: new CatalogReporter({ ...stores, locationRef: plainLocationRef, logger }),
      conflicts: conflicts.reporter,
      logger,
      providers: created.map(one => one.provider),
      httpAuth,
      permissions,
      auditor,
    }),
  );
}
