/** A provider's configuration, read and checked. Types only. */

import { SchedulerServiceTaskScheduleDefinition } from '@backstage/backend-plugin-api';
import { CatalogPath, RepositoryFilters } from '../filters/types';
import { RateLimitSetting } from '../http/types';

/** One provider under `catalog.providers.bitbucketServer`, defaults filled in. */
export interface ProviderConfig {
  /** `default` for the single form, the map's key otherwise. */
  readonly id: string;
  /** A `host` of `integrations.bitbucketServer`. */
  readonly host: string;
  /** At least one. */
  readonly catalogPaths: readonly CatalogPath[];
  /** Look here instead of on each repository's default branch; short name, without `refs/heads/`. */
  readonly branch?: string;
  readonly validateLocationsExist: boolean;
  readonly filters: RepositoryFilters;
  readonly schedule: SchedulerServiceTaskScheduleDefinition;
  /** Requests in flight per host, 1 or more. */
  readonly concurrency: number;
  readonly rateLimit: RateLimitSetting;
  /** Per attempt. */
  readonly requestTimeoutMs: number;
  readonly removals: {
    /** 0 to 100. */
    readonly maxPercentage: number;
    readonly holdForMs: number;
  };
}
