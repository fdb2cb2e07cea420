/** The stores of all providers, in the catalog's database. Wiring only. */

import { DatabaseService, LoggerService } from '@backstage/backend-plugin-api';
import { DatabaseMemoryStore } from '../store/DatabaseMemoryStore';
import { DatabaseReportStore } from '../store/DatabaseReportStore';
import { DiscoveryDatabase } from '../store/DiscoveryDatabase';
import { ProviderMemoryStore } from '../store/ProviderMemoryStore';
import { ReportStore } from '../store/ReportStore';
import { readCatalogBaseline } from '../store/readCatalogBaseline';
import { plainLocationRef, providerName } from './locationEntities';

/** Where providers keep what they know. */
export interface Stores {
  readonly tables: DiscoveryDatabase;
  readonly store: ProviderMemoryStore;
  readonly reports: ReportStore;
}

/** Makes them; the tables are made at the first use. */
export function createStores(database: DatabaseService, logger: LoggerService): Stores {
  const tables = new DiscoveryDatabase(database);
  const store = new DatabaseMemoryStore(tables, async providerId => {
    const name = providerName(providerId);
    try {
      return await readCatalogBaseline(database, name, plainLocationRef);
    } catch (error) {
      logger.warn(`What the catalog holds from ${name} could not be read: ${error}`);
      return undefined;
    }
  });
  return { tables, store, reports: new DatabaseReportStore(tables) };
}
