/** Creates the stores of all providers, in the catalog's database. Wiring only. */

import {
  coreServices,
  createServiceFactory,
  createServiceRef,
  DatabaseService,
  LoggerService,
} from '@backstage/backend-plugin-api';
import { Clock, systemClock } from '../util/clock';
import { CatalogOutcomes } from '../store/CatalogOutcomes';
import { DiscoveryDatabase } from '../store/DiscoveryDatabase';
import { DiscoveryReport } from '../store/DiscoveryReport';
import { ProviderStateStore } from '../store/ProviderStateStore';
import { readCatalogBaseline } from '../store/readCatalogBaseline';
import { RepositoryStamps } from '../store/RepositoryStamps';
import { StampTable } from '../store/StampTable';
import { WebhookStore } from '../store/WebhookStore';
import { plainLocationRef, providerName } from './locationEntities';

/** The stores in which providers keep their state. */
export type Stores = Readonly<ReturnType<typeof createStores>>;

/** Opens this module's tables in a plugin's database; they are created at the first use. */
function openTables(database: DatabaseService, logger: LoggerService): DiscoveryDatabase {
  return new DiscoveryDatabase(database, message => logger.warn(message));
}

/**
 * The tables, shared by all modules of a plugin, so that they are migrated once. Only the
 * catalog's database has them.
 */
export const tablesServiceRef = createServiceRef<DiscoveryDatabase>({
  id: 'bitbucket-server.tables',
  scope: 'plugin',
  defaultFactory: async service =>
    createServiceFactory({
      service,
      deps: { database: coreServices.database, logger: coreServices.logger },
      factory: ({ database, logger }) => openTables(database, logger),
    }),
});

/**
 * The stamps, shared by all modules of a plugin: while the database does not store a change, only
 * its own replica knows of it.
 */
export const stampsServiceRef = createServiceRef<RepositoryStamps>({
  id: 'bitbucket-server.stamps',
  scope: 'plugin',
  defaultFactory: async service =>
    createServiceFactory({
      service,
      deps: {
        lifecycle: coreServices.lifecycle,
        logger: coreServices.logger,
        tables: tablesServiceRef,
      },
      factory({ lifecycle, logger, tables }) {
        const end = new AbortController();
        lifecycle.addShutdownHook(() => end.abort());
        return new RepositoryStamps({
          table: new StampTable(tables, systemClock),
          clock: systemClock,
          logger,
          signal: end.signal,
        });
      },
    }),
});

/** Creates the stores; the tables are created at the first use. */
export function createStores(
  database: DatabaseService,
  logger: LoggerService,
  {
    tables = openTables(database, logger),
    clock = systemClock,
  }: { readonly tables?: DiscoveryDatabase; readonly clock?: Clock } = {},
) {
  const store = new ProviderStateStore(tables, {
    clock,
    readBaseline: async (providerId, known) => {
      const name = providerName(providerId);
      try {
        return await readCatalogBaseline(database, name, plainLocationRef, known);
      } catch (error) {
        logger.warn(`The catalog's entities of ${name} could not be read: ${error}`);
        return undefined;
      }
    },
  });
  return {
    tables,
    store,
    reports: new DiscoveryReport(tables),
    outcomes: new CatalogOutcomes(tables),
    webhooks: new WebhookStore(tables),
  };
}
