/** What conflicts of all providers are kept in and read from. Wiring only. */

import { LoggerService } from '@backstage/backend-plugin-api';
import { Config } from '@backstage/config';
import { readProviderConfigs } from '../config/readProviderConfigs';
import { ConflictReport } from '../conflicts/ConflictReport';
import { DatabaseConflictStore } from '../conflicts/DatabaseConflictStore';
import { DiscoveryDatabase } from '../store/DiscoveryDatabase';
import { DiscoveryReport } from '../store/DiscoveryReport';
import { Clock } from '../util/clock';
import { ConflictResolver } from '../conflicts/ConflictResolver';
import { ConflictBooks } from './ConflictWatch';
import { plainLocationRef, providerName } from './locationEntities';

/** What conflicts are looked for with. */
export interface ConflictBooksOptions {
  readonly tables: DiscoveryDatabase;
  readonly reports: DiscoveryReport;
  readonly logger: LoggerService;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** @param config - of the backend: says which providers are ours */
export function createConflictBooks(
  config: Config,
  { tables, reports, ...options }: ConflictBooksOptions,
): ConflictBooks {
  const ids = readProviderConfigs(config).map(one => one.id);
  const providers = new Map(ids.map(id => [providerName(id), id]));
  const locationRef = plainLocationRef;
  const store = new DatabaseConflictStore(tables, { ...options, locationRef });
  return {
    store,
    providers,
    report: new ConflictReport({ store, reports, providers }),
    resolver: new ConflictResolver({ ...options, store }),
  };
}
