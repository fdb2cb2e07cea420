/**
 * Creates the services that detect, store and report conflicts of all providers. Wiring
 * only.
 */

import { LoggerService } from '@backstage/backend-plugin-api';
import { DiscoveryDatabase } from '../store/DiscoveryDatabase';
import { Clock } from '../util/clock';
import { ConflictReporter, ConflictReporterOptions } from './ConflictReporter';
import { ConflictResolver } from './ConflictResolver';
import { ConflictStore, ConflictStoreOptions } from './ConflictStore';
import { ConflictSubscriber } from './ConflictSubscriber';

/** Dependencies of these services. */
interface ConflictServicesOptions extends ConflictStoreOptions {
  readonly tables: DiscoveryDatabase;
  readonly reports: ConflictReporterOptions['reports'];
  readonly logger: LoggerService;
  readonly clock: Clock;
  /** Stops background work. */
  readonly signal: AbortSignal;
}

/** The services, shared by all providers. */
export type ConflictServices = ReturnType<typeof createConflictServices>;

/** Creates the services. */
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
