/** The backend feature that `backend.add(...)` installs: wiring only. */

import {
  AuditorService,
  coreServices,
  createBackendModule,
  DatabaseService,
  LoggerService,
  SchedulerService,
} from '@backstage/backend-plugin-api';
import { toError } from '@backstage/errors';
import { catalogProcessingExtensionPoint } from '@backstage/plugin-catalog-node';
import { BitbucketServerEntityProvider } from './provider/BitbucketServerEntityProvider';
import { createProviders } from './provider/createProviders';
import { providerName } from './provider/locationEntities';
import { ManualRuns } from './provider/ManualRuns';
import {
  createRefreshObserver,
  OnRefresh,
  RefreshRequest,
} from './router/createRefreshObserver';
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
        catalog: catalogProcessingExtensionPoint,
        config: coreServices.rootConfig,
        auditor: coreServices.auditor,
        database: coreServices.database,
        httpRouter: coreServices.httpRouter,
        lifecycle: coreServices.lifecycle,
        logger: coreServices.logger,
        scheduler: coreServices.scheduler,
      },
      async init({
        auditor,
        catalog,
        config,
        database,
        httpRouter,
        lifecycle,
        logger,
        scheduler,
      }) {
        const shutdown = new AbortController();
        lifecycle.addShutdownHook(() =>
          shutdown.abort(new Error('the backend is shutting down')),
        );
        const created = createProviders(config, {
          logger,
          scheduler,
          store: createStore(database, logger),
          shutdownSignal: shutdown.signal,
        });
        const providers = created.map(one => one.provider);
        if (providers.length === 0) {
          logger.info(
            'No Bitbucket Server discovery: catalog.providers.bitbucketServer is not configured',
          );
        }
        catalog.addEntityProvider(providers);
        httpRouter.use(
          createRefreshObserver(
            refreshHandlers(providers, {
              auditor,
              logger,
              scheduler,
              shutdownSignal: shutdown.signal,
            }),
          ),
        );
      },
    });
  },
});

interface ManualRunDependencies {
  readonly auditor: AuditorService;
  readonly logger: LoggerService;
  readonly scheduler: SchedulerService;
  readonly shutdownSignal: AbortSignal;
}

/** What refreshing the anchor of each provider does. */
function refreshHandlers(
  providers: readonly BitbucketServerEntityProvider[],
  { auditor, logger, scheduler, shutdownSignal }: ManualRunDependencies,
): Map<string, OnRefresh> {
  return new Map(
    providers.map(provider => {
      const runs = new ManualRuns({
        startTask: () => scheduler.triggerTask(provider.taskId),
        clock: systemClock,
        signal: shutdownSignal,
      });
      const start = async (request: RefreshRequest) => {
        const event = await auditor.createEvent({
          eventId: 'bitbucket-server-discovery-run',
          severityLevel: 'medium',
          request,
          meta: { provider: provider.getProviderName(), trigger: 'refresh' },
        });
        try {
          await runs.request();
          await event.success();
        } catch (error) {
          await event.fail({ error: toError(error) });
        }
      };
      const onRefresh: OnRefresh = request => {
        start(request).catch(error => {
          logger.warn(`The run that was asked for could not be started: ${error}`);
        });
      };
      return [provider.anchorRef, onRefresh];
    }),
  );
}

function createStore(
  database: DatabaseService,
  logger: LoggerService,
): ProviderMemoryStore {
  return new DatabaseMemoryStore(new DiscoveryDatabase(database), async providerId => {
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
