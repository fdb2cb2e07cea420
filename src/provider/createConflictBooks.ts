/** What conflicts of all providers are kept in and read from. Wiring only. */

import { Config } from '@backstage/config';
import { readProviderConfigs } from '../config/readProviderConfigs';
import { ConflictReport } from '../store/ConflictReport';
import { DatabaseConflictStore } from '../store/DatabaseConflictStore';
import { DiscoveryDatabase } from '../store/DiscoveryDatabase';
import { ReportStore } from '../store/ReportStore';
import { systemClock } from '../util/clock';
import { ConflictBooks } from './ConflictWatch';
import { plainLocationRef, providerName } from './locationEntities';

/** @param config - of the backend: says which providers are ours */
export function createConflictBooks(
  config: Config,
  { tables, reports }: { tables: DiscoveryDatabase; reports: ReportStore },
): ConflictBooks {
  const ids = readProviderConfigs(config).map(one => one.id);
  const providers = new Map(ids.map(id => [providerName(id), id]));
  const store = new DatabaseConflictStore(tables, {
    locationRef: plainLocationRef,
    clock: systemClock,
  });
  return { store, providers, report: new ConflictReport({ store, reports, providers }) };
}
