/** The backend feature that reads files of Bitbucket Server for all plugins: wiring only. */

import {
  coreServices,
  createBackendFeatureLoader,
  createBackendModule,
  createServiceFactory,
  createServiceRef,
  LoggerService,
  RootConfigService,
} from '@backstage/backend-plugin-api';
import { catalogProcessingExtensionPoint } from '@backstage/plugin-catalog-node';
import { followOthers, scmEventsServiceRef } from '../events/scmEvents';
import { absentReadsServiceRef } from '../provider/absentReads';
import { stampsServiceRef, tablesServiceRef } from '../provider/createStores';
import { limitersServiceRef } from '../provider/limiters';
import { SharedBucketTable } from '../store/SharedBucketTable';
import { TreeResponseFactory } from './BitbucketServerUrlReader';
import { observeRefreshes } from '../router/manualRefresh';
import { createReaders, readIntegrations } from './createReaders';
import { RefreshedReads } from './RefreshedReads';

/** The plugin that reads the same files again and again. */
const CATALOG = 'catalog';

/** The function that Backstage calls to create the readers of a plugin. */
type ReaderFactory = (options: {
  readonly config: RootConfigService;
  readonly logger: LoggerService;
  readonly treeResponseFactory: TreeResponseFactory;
}) => ReturnType<typeof createReaders>;

/**
 * Backstage's own service, which is identified by its id. Its readers have priority over the
 * built-in ones.
 *
 * Source: `urlReaderFactoriesServiceRef` of backend-defaults 0.19.0.
 */
const readerFactoriesServiceRef = createServiceRef<ReaderFactory>({
  id: 'core.urlReader.factories',
  scope: 'plugin',
  multiton: true,
});

/** The plugins for which Backstage has created our readers. */
const servedPluginsServiceRef = createServiceRef<Set<string>>({
  id: 'bitbucket-server.read-plugins',
  scope: 'root',
  defaultFactory: async service =>
    createServiceFactory({ service, deps: {}, factory: () => new Set<string>() }),
});

const readerFactory = createServiceFactory({
  service: readerFactoriesServiceRef,
  deps: {
    absentReads: absentReadsServiceRef,
    served: servedPluginsServiceRef,
    limiters: limitersServiceRef,
    plugin: coreServices.pluginMetadata,
    stamps: stampsServiceRef,
  },
  factory: ({ absentReads, limiters, plugin, served, stamps }) => {
    const pluginId = plugin.getId();
    return ({ config, logger, treeResponseFactory }) => {
      served.add(pluginId);
      return createReaders({
        config,
        pluginId,
        logger,
        limiters,
        ...(pluginId === CATALOG && { catalog: { absentReads, stamps } }),
        treeResponseFactory,
      });
    };
  },
});

/** Shares the limiters between replicas, and makes refreshes read files again. */
const catalogModule = createBackendModule({
  pluginId: CATALOG,
  moduleId: 'bitbucket-server-url-reader',
  register(env) {
    env.registerInit({
      deps: {
        catalog: catalogProcessingExtensionPoint,
        config: coreServices.rootConfig,
        httpRouter: coreServices.httpRouter,
        limiters: limitersServiceRef,
        logger: coreServices.logger,
        scmEvents: scmEventsServiceRef,
        served: servedPluginsServiceRef,
        stamps: stampsServiceRef,
        tables: tablesServiceRef,
        // Makes Backstage create the readers, so that `served` shows whether ours are used.
        urlReader: coreServices.urlReader,
      },
      async init(services) {
        const {
          catalog,
          config,
          httpRouter,
          limiters,
          logger,
          scmEvents,
          served,
          stamps,
          tables,
        } = services;
        if (!served.has(CATALOG)) {
          logger.warn(
            'The URL reader for Bitbucket Server has no effect: this app has its own URL reader service (coreServices.urlReader), which does not use readers of other packages. Remove that service, or remove this feature',
          );
          return;
        }
        limiters.shareWithReplicas(new SharedBucketTable(tables));
        const refreshed = new RefreshedReads({
          hosts: readIntegrations(config).map(({ host }) => host),
          tables,
          stamps,
          logger,
        });
        catalog.addEntityProvider(refreshed);
        followOthers(scmEvents, urls => refreshed.followChanges(urls));
        httpRouter.use(
          observeRefreshes(entityRef => {
            void refreshed.follow(entityRef);
          }),
        );
      },
    });
  },
});

/**
 * Reads files of Bitbucket Server and Data Center for every plugin of the backend, within the
 * request budget of discovery, and requests the catalog's files only when they may have changed.
 *
 * @public
 */
export const bitbucketServerUrlReader = createBackendFeatureLoader({
  loader: () => [readerFactory, catalogModule],
});
