/** The backend feature that `backend.add(...)` installs. Wiring only. */

import { coreServices, createBackendModule } from '@backstage/backend-plugin-api';
import { catalogProcessingExtensionPoint } from '@backstage/plugin-catalog-node';
import { eventsServiceRef } from '@backstage/plugin-events-node';
import { createFileParser } from './api/createFileParser';
import {
  bitbucketServerEntityProviderExtensionPoint,
  BitbucketServerLocationParser,
} from './api/locationParser';
import { CatalogReporter } from './catalog/CatalogReporter';
import { readDiscoveryConfig } from './config/readProviderConfigs';
import { createConflictServices } from './conflicts/createConflictServices';
import { connectEvents } from './events/connectEvents';
import { findSecondCatalogNode, scmEventsServiceRef } from './events/scmEvents';
import { countEvent } from './metrics/observers';
import { observeReports, observeConfiguration } from './metrics/observeReports';
import { absentReadsServiceRef } from './provider/absentReads';
import { createProviderFactory } from './provider/createProviders';
import {
  createStores,
  stampsServiceRef,
  Stores,
  tablesServiceRef,
} from './provider/createStores';
import { describeLostProviders } from './provider/describeLostProviders';
import { limitersServiceRef } from './provider/limiters';
import { LiveConfiguration, LiveProvider } from './provider/LiveConfiguration';
import { plainLocationRef, providerName } from './provider/locationEntities';
import { runAtStart, StartState } from './provider/unscheduledRuns';
import { createReportRouter } from './router/createReportRouter';
import { createManualStart, createRefreshObserver } from './router/manualRefresh';
import { actionsRegistryRef, registerActions } from './router/registerActions';
import { hasEntities } from './store/catalogState';
import { DatabaseEventStore } from './store/DatabaseEventStore';
import { SharedBucketTable } from './store/SharedBucketTable';
import { systemClock } from './util/clock';

const DEPENDENCIES = {
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
  stamps: stampsServiceRef,
  tables: tablesServiceRef,
};

type Services = {
  readonly [K in keyof typeof DEPENDENCIES]: (typeof DEPENDENCIES)[K]['T'];
};

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
      deps: DEPENDENCIES,
      init: services => install(services, parser),
    });
  },
});

async function install(
  services: Services,
  parser: BitbucketServerLocationParser | undefined,
): Promise<void> {
  const { catalog, config, logger } = services;
  const shutdown = new AbortController();
  const { signal } = shutdown;
  services.lifecycle.addShutdownHook(() =>
    shutdown.abort(new Error('the backend is shutting down')),
  );
  const { tables } = services;
  const stores = createStores(services.database, logger, { tables });
  services.limiters.shareWithReplicas(new SharedBucketTable(tables));
  const { reports, webhooks } = stores;
  const discovery = createDiscovery(services, { parser, stores, signal });
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
    stamps: services.stamps,
    webhooks,
    logger,
    clock: systemClock,
    signal,
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
    signal,
  });
  observeConfiguration({ isRefused: () => discovery.live.problem !== undefined, signal });
  addRoutes(services, discovery, stores, signal);
  services.lifecycle.addStartupHook(() =>
    providers.forEach(provider => startIfNeeded(provider, services, signal)),
  );
  discovery.live.follow();
}

/** Creates the providers, and the part that applies a changed configuration to them. */
function createDiscovery(
  services: Services,
  options: {
    readonly parser: BitbucketServerLocationParser | undefined;
    readonly stores: Stores;
    readonly signal: AbortSignal;
  },
) {
  const { config, limiters, logger, scheduler, stamps } = services;
  const { parser, signal, stores } = options;
  const initial = readDiscoveryConfig(config);
  initial.warnings.forEach(warning => logger.warn(warning));
  const ids = initial.providers.map(provider => provider.config.id);
  const reporters = createReporters(ids, services, stores, signal);
  const createProvider = createProviderFactory({
    logger,
    store: stores.store,
    stamps,
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

/** Starts a run if there is a reason for one; does not wait for it. */
function startIfNeeded(
  provider: LiveProvider,
  { database, logger, scheduler }: Services,
  signal: AbortSignal,
  change: Pick<StartState, 'isIntegrationChanged'> = {},
): void {
  const name = provider.getProviderName();
  runAtStart({
    exclusively: work => provider.current.context.store.exclusively(provider.id, work),
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
    startTask: () => provider.startTask(scheduler),
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

/** Creates what reports the state of the catalog, in addition to the results of runs. */
function createReporters(
  ids: readonly string[],
  { logger }: Services,
  stores: Stores,
  signal: AbortSignal,
) {
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

function addRoutes(
  services: Services,
  { conflicts, inCatalog, live, providers }: ReturnType<typeof createDiscovery>,
  stores: Stores,
  shutdownSignal: AbortSignal,
): void {
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
