/** What a provider is made of. Types only. */

import { LoggerService, SchedulerService } from '@backstage/backend-plugin-api';
import { ProviderConfig } from '../config/types';
import { Fetch } from '../http/HttpTransport';
import { ProviderMemoryStore } from '../store/ProviderMemoryStore';
import { Clock } from '../util/clock';
import { ClientFactory } from './createClient';

/** What a provider is made of. */
export interface BitbucketServerEntityProviderOptions {
  readonly config: ProviderConfig;
  readonly clients: ClientFactory;
  readonly store: ProviderMemoryStore;
  readonly clock: Clock;
  readonly logger: LoggerService;
  /** Called once connected: sets up when `refresh` runs. */
  readonly schedule: (refresh: (signal: AbortSignal) => Promise<void>) => Promise<void>;
  /** Aborted when the backend shuts down. */
  readonly shutdownSignal?: AbortSignal;
  /** The providers of the same configuration, this one among them. */
  readonly siblings?: () => readonly Sibling[];
}

/** What providers may ask of each other. */
export interface Sibling {
  /** Gives the catalog what this provider has found and another one has just removed. */
  reclaim(targetUrls: ReadonlySet<string>): Promise<void>;
}

/** What `fromConfig` needs besides the configuration. */
export interface FromConfigOptions {
  readonly logger: LoggerService;
  readonly scheduler: SchedulerService;
  readonly store: ProviderMemoryStore;
  readonly shutdownSignal?: AbortSignal;
  /** The machine's when left out. */
  readonly clock?: Clock;
  /** The global one when left out. */
  readonly fetch?: Fetch;
}
