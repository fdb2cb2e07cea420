/** What conflicts of all providers are found, kept and reported with. Wiring only. */

import { LoggerService } from '@backstage/backend-plugin-api';
import { DiscoveryDatabase } from '../store/DiscoveryDatabase';
import { Clock } from '../util/clock';
import { ConflictReporter, ConflictReporterOptions } from './ConflictReporter';
import { ConflictResolver } from './ConflictResolver';
import { ConflictStore, ConflictStoreOptions } from './ConflictStore';
import { ConflictSubscriber } from './ConflictSubscriber';

/** What they are made from. */
interface ConflictServicesOptions extends ConflictStoreOptions {
  readonly tables: DiscoveryDatabase;
  readonly reports: ConflictReporterOptions['reports'];
  readonly logger: LoggerService;
  readonly clock: Clock;
  /** Ends what goes on beside runs. */
  readonly signal: AbortSignal;
}

/** All providers share them. */
export type ConflictServices = ReturnType<typeof createConflictServices>;

/** Makes them. */
export function createConflictServices(options: ConflictServicesOptions) {
  const store = new ConflictStore(options.tables, options);
  const resolver = new ConflictResolver({ ...options, store });
  return {
    store,
    resolver,
    reporter: new ConflictReporter({ ...options, store }),
    subscriber: new ConflictSubscriber({ ...options, store, resolver }),
  };
}
