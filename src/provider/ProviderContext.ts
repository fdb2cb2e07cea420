/**
 * Services and settings that the parts of one provider share, and how much they may remove.
 * Some servers answer anonymous users that private repositories do not exist, so without
 * credentials they look deleted: a variable that is no longer set must not remove the files
 * that earlier runs have found with it.
 */

import { RestClient } from '../bitbucket/RestClient';
import { ProviderConfig } from '../config/types';
import { Run } from '../discovery/performRun';
import { RemovalPolicy } from '../discovery/planRemovals';
import { ParseFiles } from '../discovery/types';
import { ProviderStateStore } from '../store/ProviderStateStore';
import { RepositoryStamps } from '../store/RepositoryStamps';
import { Clock } from '../util/clock';
import { CatalogWriter } from './CatalogWriter';
import { ConflictDetector, CatalogErrorDetector } from './catalogDetectors';
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

type Parts = Pick<ProviderContext, 'clients' | 'config' | 'store'>;

/** Returns the configured policy; if credentials are gone, one that removes nothing without approval. */
export async function getRemovalPolicy(context: Parts): Promise<RemovalPolicy> {
  const { config } = context;
  return (await areCredentialsGone(context))
    ? {
        ...config.removals,
        maxPercentage: 0,
        nothingBecause: 'no credentials are configured, although earlier runs had some',
      }
    : config.removals;
}

/**
 * Whether the next run must know that there were credentials: until a run without any
 * succeeds and holds nothing back.
 */
export function knowsCredentials(
  { failure, summary }: Run,
  policy: RemovalPolicy,
  { clients }: Pick<ProviderContext, 'clients'>,
): boolean {
  const wereGone = policy.nothingBecause !== undefined;
  return clients.areAuthenticated || (wereGone && (!!failure || summary.heldBack > 0));
}

async function areCredentialsGone({ clients, config, store }: Parts): Promise<boolean> {
  return (
    !clients.areAuthenticated &&
    (await store.loadLastRun(config.id))?.authenticated === true
  );
}
