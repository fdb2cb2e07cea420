/** What conflicts of all providers are found, kept and reported with. Wiring only. */

import { LoggerService } from '@backstage/backend-plugin-api';
import { DiscoveryDatabase } from '../store/DiscoveryDatabase';
import { Clock } from '../util/clock';
import { ConflictReporter, ConflictReporterOptions } from './ConflictReporter';
import { ConflictResolver } from './ConflictResolver';
import { ConflictStore } from './ConflictStore';
import { ConflictSubscriber } from './ConflictSubscriber';
import { ProviderIds } from './describeConflicts';

/** All providers share them. */
export interface ConflictServices {
  readonly store: ConflictStore;
  readonly reporter: ConflictReporter;
  readonly resolver: ConflictResolver;
  readonly subscriber: ConflictSubscriber;
}

/** What they are made from. */
interface ConflictServicesOptions {
  readonly tables: DiscoveryDatabase;
  readonly reports: ConflictReporterOptions['reports'];
  /** Those of this configuration. */
  readonly providers: ProviderIds;
  /** The entity ref of the Location by which the catalog reads a URL. */
  readonly locationRef: (targetUrl: string) => string;
  readonly logger: LoggerService;
  readonly clock: Clock;
  /** Ends what goes on beside runs. */
  readonly signal: AbortSignal;
}

/** Makes them. */
export function createConflictServices(
  options: ConflictServicesOptions,
): ConflictServices {
  const store = new ConflictStore(options.tables, options);
  const resolver = new ConflictResolver({ ...options, store });
  return {
    store,
    resolver,
    reporter: new ConflictReporter({ ...options, store }),
    subscriber: new ConflictSubscriber({ ...options, store, resolver }),
  };
}
