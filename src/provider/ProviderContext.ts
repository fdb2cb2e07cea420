/** What the parts of one provider share. Types only. */

import { RestClient } from '../bitbucket/RestClient';
import { ProviderConfig } from '../config/types';
import { ParseFiles } from '../discovery/types';
import { ProviderStateStore } from '../store/ProviderStateStore';
import { RepositoryStamps } from '../store/RepositoryStamps';
import { Clock } from '../util/clock';
import { CatalogErrorDetector } from './CatalogErrorDetector';
import { CatalogWriter } from './CatalogWriter';
import { ConflictDetector } from './ConflictDetector';
import { ClientFactory } from './createClient';
import { RunRecorder } from './RunRecorder';
import { RunLog } from './RunLog';
import { ContestedLocations } from './ContestedLocations';
import { WebhookRecorder } from './WebhookRecorder';

/** A custom location parser that asks with a given client. */
export type FileParser = (client: RestClient) => ParseFiles;

/** One provider, taken apart. */
export interface ProviderContext {
  readonly config: ProviderConfig;
  /** Fingerprint of what the provider looks for. */
  readonly configuration: string;
  readonly clients: ClientFactory;
  readonly store: ProviderStateStore;
  /** What tells the reader of files that there is something new. */
  readonly stamps?: Pick<RepositoryStamps, 'renew'>;
  /** Left out where the catalog reads the files itself. */
  readonly fileParser?: FileParser;
  readonly catalog: CatalogWriter;
  readonly contested: ContestedLocations;
  readonly log: RunLog;
  readonly recorder: RunRecorder;
  /** URLs of files that the catalog could not read; left out where there is no catalog to look into. */
  readonly unreadableTargets?: () => Promise<ReadonlySet<string>>;
  /** When files were last read and found, epoch milliseconds by URL; likewise. */
  readonly lastReads?: (urls: readonly string[]) => Promise<ReadonlyMap<string, number>>;
  /** Left out where there is no catalog to look into. */
  readonly conflicts?: ConflictDetector;
  /** Likewise. */
  readonly catalogErrors?: CatalogErrorDetector;
  /** What keeps the catalog from reading what is found; `undefined` where nothing is known to. */
  readonly findAccessProblem: (signal?: AbortSignal) => Promise<string | undefined>;
  /** Left out where nobody asks whether webhooks come. */
  readonly webhooks?: WebhookRecorder;
  readonly clock: Clock;
  /** Aborted when the backend shuts down. */
  readonly shutdownSignal?: AbortSignal;
}
