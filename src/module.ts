/** The backend feature that `backend.add(...)` installs: wiring only. */

import {
  coreServices,
  createBackendModule,
  DatabaseService,
} from '@backstage/backend-plugin-api';
import { catalogProcessingExtensionPoint } from '@backstage/plugin-catalog-node';
import { BitbucketServerEntityProvider } from './provider/BitbucketServerEntityProvider';
import { providerName } from './provider/locationEntities';
import { DatabaseMemoryStore } from './store/DatabaseMemoryStore';
import { ProviderMemoryStore } from './store/ProviderMemoryStore';
import { readCatalogBaseline } from './store/readCatalogBaseline';

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
        database: coreServices.database,
        lifecycle: coreServices.lifecycle,
        logger: coreServices.logger,
        scheduler: coreServices.scheduler,
      },
      async init({ catalog, config, database, lifecycle, logger, scheduler }) {
        const shutdown = new AbortController();
        lifecycle.addShutdownHook(() =>
          shutdown.abort(new Error('the backend is shutting down')),
        );
        const providers = BitbucketServerEntityProvider.fromConfig(config, {
          logger,
          scheduler,
          store: createStore(database),
          shutdownSignal: shutdown.signal,
        });
        if (providers.length === 0) {
          logger.info(
            'No Bitbucket Server discovery: catalog.providers.bitbucketServer is not configured',
          );
        }
        catalog.addEntityProvider(providers);
      },
    });
  },
});

function createStore(database: DatabaseService): ProviderMemoryStore {
  return new DatabaseMemoryStore(database, providerId =>
    readCatalogBaseline(database, providerName(providerId)),
  );
}
