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
  /** `default` for the single form, the map's key otherwise. */
  readonly id: string;
  /** A `host` of `integrations.bitbucketServer`. */
  readonly host: string;
  /** The integration's where left out. Secret: must not be shown. */
  readonly credentials?: ProviderCredentials;
  /** At least one. */
  readonly catalogPaths: readonly CatalogPath[];
  /** Look here instead of on each repository's default branch; short name, without `refs/heads/`. */
  readonly branch?: string;
  readonly validateLocationsExist: boolean;
  /** Files that may be registered of one repository, 1 or more. */
  readonly maxFilesPerRepository: number;
  readonly filters: RepositoryFilters;
  readonly schedule: SchedulerServiceTaskScheduleDefinition;
  /** Requests in flight per host, 1 or more. */
  readonly concurrency: number;
  readonly rateLimit: RateLimitSetting;
  /** Per attempt. */
  readonly requestTimeoutMs: number;
  /** Whether code search may be asked. */
  readonly search: 'auto' | 'off';
  readonly recheck: {
    /** How long runs believe what they have found. */
    readonly foundMs: number;
    /** How long they believe, where code search covers a repository, that it has no file. */
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
  /** With the provider's own credentials, where it has some. */
  readonly integration: BitbucketServerIntegrationConfig;
  /** The one that the catalog picks for files on the host, with its own credentials. */
  readonly catalogIntegration: BitbucketServerIntegrationConfig;
  /** The provider as it stands in the configuration, without its credentials. */
  readonly written: JsonObject;
}

/** What the configuration of a backend says about discovery. */
export interface DiscoveryConfig {
  /** In the configuration's order; empty when there are none. */
  readonly providers: readonly ConfiguredProvider[];
  /** What works, and is worth a look all the same: sentences that name the full key. */
  readonly warnings: readonly string[];
}
