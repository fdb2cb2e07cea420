/** The stores of all providers, in the catalog's database. Wiring only. */

import { DatabaseService, LoggerService } from '@backstage/backend-plugin-api';
import { Clock, systemClock } from '../util/clock';
import { CatalogOutcomes } from '../store/CatalogOutcomes';
import { DiscoveryDatabase } from '../store/DiscoveryDatabase';
import { DiscoveryReport } from '../store/DiscoveryReport';
import { ProviderStateStore } from '../store/ProviderStateStore';
import { readCatalogBaseline } from '../store/readCatalogBaseline';
import { WebhookStore } from '../store/WebhookStore';
import { plainLocationRef, providerName } from './locationEntities';

/** Where providers keep what they know. */
export interface Stores {
  readonly tables: DiscoveryDatabase;
  readonly store: ProviderStateStore;
  readonly reports: DiscoveryReport;
  readonly outcomes: CatalogOutcomes;
  readonly webhooks: WebhookStore;
}

/** Makes them; the tables are made at the first use. */
export function createStores(
  database: DatabaseService,
  logger: LoggerService,
  clock: Clock = systemClock,
): Stores {
  const tables = new DiscoveryDatabase(database, message => logger.warn(message));
  const store = new ProviderStateStore(tables, {
    clock,
    readBaseline: async (providerId, known) => {
      const name = providerName(providerId);
      try {
        return await readCatalogBaseline(database, name, plainLocationRef, known);
      } catch (error) {
        logger.warn(`What the catalog holds from ${name} could not be read: ${error}`);
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
