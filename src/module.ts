/** The backend feature that `backend.add(...)` installs. Wiring only. */

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
import { observeReports, observeConfiguration } from './metrics/observeReports';
import { AbsentReads, absentReadsServiceRef } from './provider/absentReads';
import { createProviderFactory } from './provider/createProviders';
import { createStores, Stores, tablesServiceRef } from './provider/createStores';
import { describeLostProviders } from './provider/describeLostProviders';
import { limitersServiceRef } from './provider/limiters';
import { LiveConfiguration, LiveProvider } from './provider/LiveConfiguration';
import { plainLocationRef, providerName, getTaskId } from './provider/locationEntities';
import { runAtStart, StartState } from './provider/unscheduledRuns';
import { createReportRouter } from './router/createReportRouter';
import { createManualStart, createRefreshObserver } from './router/manualRefresh';
import {
  ActionsRegistry,
  actionsRegistryRef,
  registerActions,
} from './router/registerActions';
import { hasEntities } from './store/catalogState';
import { DatabaseEventStore } from './store/DatabaseEventStore';
import { DiscoveryDatabase } from './store/DiscoveryDatabase';
import { SharedBucketTable } from './store/SharedBucketTable';
import { systemClock } from './util/clock';

/**
 * Installs one entity provider per entry of `catalog.providers.bitbucketServer`.
 *
 * @remarks The module id is that of the published module, so that installing both fails at
 * start instead of letting two providers compete for the same entities.
 *
 * @public
 */
export const catalogModuleBitbucketServerEntityProvider = createBackendModule({
  pluginId: 'catalog',
  moduleId: 'bitbucket-server-entity-provider',
  register(env) {
    let parser: BitbucketServerLocationParser | undefined;
    env.registerExtensionPoint(bitbucketServerEntityProviderExtensionPoint, {
      setLocationParser(newParser) {
        if (parser) {
          throw new Error(
            'A location parser for Bitbucket Server is already set: only one module may call setLocationParser',
          );
        }
        parser = newParser;
      },
    });
    env.registerInit({
      deps: {
        absentReads: absentReadsServiceRef,
        actions: actionsRegistryRef,
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
        tables: tablesServiceRef,
      },
      init: services => install(services, parser),
    });
  },
});

interface Services {
  readonly absentReads: AbsentReads;
  readonly actions: ActionsRegistry;
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
  readonly tables: DiscoveryDatabase;
}

async function install(
  services: Services,
  parser: BitbucketServerLocationParser | undefined,
): Promise<void> {
  const { catalog, config, logger } = services;
  const shutdown = new AbortController();
  services.lifecycle.addShutdownHook(() =>
    shutdown.abort(new Error('the backend is shutting down')),
  );
  const { tables } = services;
  const stores = createStores(services.database, logger, { tables });
  services.limiters.shareWithReplicas(new SharedBucketTable(tables));
  const { reports, stamps, webhooks } = stores;
  const discovery = createDiscovery(services, {
    parser,
    stores,
    signal: shutdown.signal,
  });
  const { conflicts, providers } = discovery;
  if (providers.length === 0) {
    logger.info(
      'No Bitbucket Server discovery: catalog.providers.bitbucketServer is not configured',
    );
  }
  catalog.addEntityProvider(providers);
  await warnAtStart(services, providers);
  await connectEvents(services.events, {
    providers,
    config,
    scmEvents: services.scmEvents,
    absentReads: services.absentReads,
    eventStore: new DatabaseEventStore(tables),
    stamps,
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
    inCatalog: discovery.inCatalog,
    providerIds: providers.map(({ id }) => id),
    logger,
    clock: systemClock,
    signal: shutdown.signal,
  });
  observeConfiguration({
    isRefused: () => discovery.live.problem !== undefined,
    signal: shutdown.signal,
  });
  addRoutes(services, { ...discovery, stores, shutdownSignal: shutdown.signal });
  runSomeAtStart(services, providers, shutdown.signal);
  discovery.live.follow();
}

interface DiscoveryParts extends Reporters {
  readonly providers: LiveProvider[];
  readonly live: LiveConfiguration;
}

/** Creates the providers, and the part that applies a changed configuration to them. */
function createDiscovery(
  services: Services,
  options: {
    readonly parser: BitbucketServerLocationParser | undefined;
    readonly stores: Stores;
    readonly signal: AbortSignal;
  },
): DiscoveryParts {
  const { config, limiters, logger, scheduler } = services;
  const { parser, signal, stores } = options;
  const initial = readDiscoveryConfig(config);
  initial.warnings.forEach(warning => logger.warn(warning));
  const ids = initial.providers.map(provider => provider.config.id);
  const reporters = createReporters(ids, services, stores, signal);
  const createProvider = createProviderFactory({
    logger,
    store: stores.store,
    stamps: stores.stamps,
    webhooks: stores.webhooks,
    outcomes: stores.outcomes,
    ...reporters,
    limiters,
    createFileParser: parser && (setup => createFileParser(parser, setup)),
    shutdownSignal: signal,
  });
  const providers = initial.providers.map(
    provider => new LiveProvider(createProvider(provider), scheduler),
  );
  const live = new LiveConfiguration({
    config,
    initial,
    providers,
    createProvider,
    limiters,
    startIfNeeded: (provider, change) =>
      startIfNeeded(provider, services, signal, change),
    logger,
    signal,
  });
  return { ...reporters, providers, live };
}

function runSomeAtStart(
  services: Services,
  providers: readonly LiveProvider[],
  signal: AbortSignal,
): void {
  services.lifecycle.addStartupHook(() =>
    providers.forEach(provider => startIfNeeded(provider, services, signal)),
  );
}

/** Starts a run if there is a reason for one; does not wait for it. */
function startIfNeeded(
  provider: LiveProvider,
  { database, logger, scheduler }: Services,
  signal: AbortSignal,
  change: Pick<StartState, 'isIntegrationChanged'> = {},
): void {
  const name = provider.getProviderName();
  runAtStart({
    loadState: async () => {
      const { config, configuration, store } = provider.current.context;
      return {
        ...change,
        schedule: config.schedule,
        configuration,
        hasEntities: await hasEntities(await database.getClient(), name),
        lastRun: await store.loadLastRun(config.id),
      };
    },
    startTask: () => scheduler.triggerTask(getTaskId(provider.id)),
    clock: systemClock,
    signal,
    onStart: reason => provider.current.context.log.startedImmediately(reason),
  }).catch(error =>
    logger.debug(`It could not be decided whether to run at the start: ${error}`),
  );
}

async function warnAtStart(
  { database, logger }: Services,
  providers: readonly { readonly id: string }[],
): Promise<void> {
  const secondCopy = findSecondCatalogNode();
  if (secondCopy) {
    logger.warn(secondCopy);
  }
  try {
    const ids = providers.map(({ id }) => id);
    const warning = await describeLostProviders(database, ids);
    if (warning) {
      logger.warn(warning);
    }
  } catch (error) {
    logger.debug(`It could not be checked whether providers are missing: ${error}`);
  }
}

/** Report the state of the catalog, in addition to the results of runs. */
interface Reporters {
  readonly conflicts: ConflictServices;
  readonly inCatalog: CatalogReporter;
}

function createReporters(
  ids: readonly string[],
  { logger }: Services,
  stores: Stores,
  signal: AbortSignal,
): Reporters {
  const options = {
    ...stores,
    providers: new Map(ids.map(id => [providerName(id), id])),
    locationRef: plainLocationRef,
    logger,
    clock: systemClock,
    signal,
  };
  return {
    conflicts: createConflictServices(options),
    inCatalog: new CatalogReporter(options),
  };
}

interface Routed extends DiscoveryParts {
  readonly stores: Stores;
  readonly shutdownSignal: AbortSignal;
}

function addRoutes(services: Services, routed: Routed): void {
  const { conflicts, inCatalog, live, providers, stores, shutdownSignal } = routed;
  const { auditor, httpAuth, logger, permissions, scheduler } = services;
  const starts = providers.map(({ current }) =>
    createManualStart(current, { auditor, scheduler, shutdownSignal }),
  );
  services.httpRouter.use(createRefreshObserver(starts, logger));
  const report = {
    ...stores,
    inCatalog,
    conflicts: conflicts.reporter,
    logger,
    providers,
    configurationProblem: () => live.problem,
    permissions,
  };
  services.httpRouter.use(createReportRouter({ ...report, httpAuth, auditor }));
  registerActions(services.actions, { ...report, starts });
}
