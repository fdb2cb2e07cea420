/** What the parts of one provider share. Types only. */

import { ProviderConfig } from '../config/types';
import { ProviderMemoryStore } from '../store/ProviderMemoryStore';
import { Clock } from '../util/clock';
import { CatalogWriter } from './CatalogWriter';
import { ClientFactory } from './createClient';
import { RunJournal } from './RunJournal';
import { RunLog } from './RunLog';
import { SharedLocations } from './SharedLocations';

/** One provider, taken apart. */
export interface ProviderContext {
  readonly config: ProviderConfig;
  readonly clients: ClientFactory;
  readonly store: ProviderMemoryStore;
  readonly catalog: CatalogWriter;
  readonly shared: SharedLocations;
  readonly log: RunLog;
  readonly journal: RunJournal;
  readonly clock: Clock;
  /** Aborted when the backend shuts down. */
  readonly shutdownSignal?: AbortSignal;
}
