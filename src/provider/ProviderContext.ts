/** Services and settings that the parts of one provider share. Types only. */

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

/** Creates a custom location parser that sends its requests through the client. */
export type FileParser = (client: RestClient) => ParseFiles;

/** The parts of one provider. */
export interface ProviderContext {
  readonly config: ProviderConfig;
  /** Fingerprint of the settings that determine what the provider discovers. */
  readonly configuration: string;
  readonly clients: ClientFactory;
  readonly store: ProviderStateStore;
  /** Notes changed repositories for the reader of files. */
  readonly stamps?: Pick<RepositoryStamps, 'renew'>;
  /** `undefined` if the catalog reads the files itself. */
  readonly fileParser?: FileParser;
  readonly catalog: CatalogWriter;
  readonly contested: ContestedLocations;
  readonly log: RunLog;
  readonly recorder: RunRecorder;
  /** URLs of files that the catalog could not read; `undefined` without access to a catalog. */
  readonly unreadableTargets?: () => Promise<ReadonlySet<string>>;
  /**
   * When files were last read and found, epoch milliseconds by URL; `undefined` without access
   * to a catalog.
   */
  readonly lastReads?: (urls: readonly string[]) => Promise<ReadonlyMap<string, number>>;
  /** `undefined` without access to a catalog. */
  readonly conflicts?: ConflictDetector;
  /** `undefined` without access to a catalog. */
  readonly catalogErrors?: CatalogErrorDetector;
  /**
   * Finds out what keeps the catalog from reading the files that are found; `undefined` if no
   * problem is known.
   */
  readonly findAccessProblem: (signal?: AbortSignal) => Promise<string | undefined>;
  /** `undefined` if the delivery of webhooks is not observed. */
  readonly webhooks?: WebhookRecorder;
  readonly clock: Clock;
  /** Aborted when the backend shuts down. */
  readonly shutdownSignal?: AbortSignal;
}
