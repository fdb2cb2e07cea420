/** A provider's configuration, read and checked. Types only. */

import { SchedulerServiceTaskScheduleDefinition } from '@backstage/backend-plugin-api';
import { BitbucketServerIntegrationConfig } from '@backstage/integration';
import { JsonObject } from '@backstage/types';
import { CatalogPath, RepositoryFilters } from '../filters/types';
import { RateLimitSetting } from '../http/types';

/** Credentials of one provider, used instead of those of the integration. */
export type ProviderCredentials =
  | {
      /** HTTP access token, of a user, a project or a repository. */
      readonly token: string;
    }
  | { readonly username: string; readonly password: string };

/** One provider under `catalog.providers.bitbucketServer`, defaults filled in. */
export interface ProviderConfig {
  /** `default` for the single form, otherwise the key in the map. */
  readonly id: string;
  /** A `host` of `integrations.bitbucketServer`. */
  readonly host: string;
  /** The integration's credentials apply when left out. Secret: must not be shown. */
  readonly credentials?: ProviderCredentials;
  /** At least one. */
  readonly catalogPaths: readonly CatalogPath[];
  /** Used instead of each repository's default branch; short name, without `refs/heads/`. */
  readonly branch?: string;
  readonly validateLocationsExist: boolean;
  /** The most files of one repository that are registered, 1 or more. */
  readonly maxFilesPerRepository: number;
  readonly filters: RepositoryFilters;
  readonly schedule: SchedulerServiceTaskScheduleDefinition;
  /** Requests in flight per host, 1 or more. */
  readonly concurrency: number;
  readonly rateLimit: RateLimitSetting;
  /** Time limit of one attempt. */
  readonly requestTimeoutMs: number;
  /** Whether code search may be used. */
  readonly search: 'auto' | 'off';
  readonly recheck: {
    /** How long runs assume that a file they found still exists. */
    readonly foundMs: number;
    /** How long runs assume that a repository has no catalog file, where code search covers it. */
    readonly absentMs: number;
  };
  readonly removals: {
    /** 0 to 100. */
    readonly maxPercentage: number;
    readonly holdForMs: number;
  };
}

/** One provider with the integration of its host. */
export interface ConfiguredProvider {
  readonly config: ProviderConfig;
  /** With the provider's own credentials, where it has any. */
  readonly integration: BitbucketServerIntegrationConfig;
  /** The integration that the catalog picks for files on the host, with its own credentials. */
  readonly catalogIntegration: BitbucketServerIntegrationConfig;
  /** The provider as written in the configuration, without its credentials. */
  readonly written: JsonObject;
}

/** The discovery configuration of a backend. */
export interface DiscoveryConfig {
  /** In the order of the configuration; empty when there are none. */
  readonly providers: readonly ConfiguredProvider[];
  /** Settings that work, but that the operator should check: sentences that name the full key. */
  readonly warnings: readonly string[];
}
