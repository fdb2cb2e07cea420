/**
 * The configuration of this module, as Backstage validates it. The schema detects wrong
 * types and missing keys; other faults (a misspelt key, a bad pattern, a host without an
 * integration) the module itself refuses when the backend starts.
 */

import { SchedulerServiceTaskScheduleDefinitionConfig } from '@backstage/backend-plugin-api';
import { HumanDuration } from '@backstage/types';

/** One provider: a Bitbucket Server or Data Center instance and the catalog files to find there. */
interface BitbucketServerProvider {
  /**
   * Required. The host of the instance, without a scheme or a path; must be the `host`
   * of one of `integrations.bitbucketServer`.
   */
  host: string;

  /**
   * The catalog file: a path from the root of the repository, or a list of paths. Each may
   * be a glob, where `**` matches any folders, including those that start with a dot, and
   * `*` a part of a name. The leading `/` is optional.
   * Default: `/catalog-info.yaml`.
   */
  catalogPath?: string | string[];

  /**
   * Use this branch instead, in every repository; its short name, such as `main`.
   * Default: `the repository's default branch`.
   */
  branch?: string;

  /**
   * Whether a Location is emitted only for files that exist. With `false`, every
   * repository gets one optional Location per plain path, without a check; globs are
   * checked anyway. Default: `true`.
   */
  validateLocationsExist?: boolean;

  /**
   * The most catalog files that one repository may have. A repository with more gets no new
   * Locations, and keeps those in the catalog. Default: `1000`.
   *
   * @minimum 1
   * @maximum 100000
   */
  maxFilesPerRepository?: number;

  /** Which repositories to include. */
  filters?: {
    /**
     * Regular expression that the project key must match, without slashes and flags.
     * It is not anchored: `PAY` also matches `PAYMENTS`, `^PAY$` does not. A pattern
     * that can only match known keys, such as `^(PAY|OPS)$`, lists only those projects.
     * Default: `all`.
     */
    projectKey?: string;

    /**
     * Regular expression that the repository slug must match, without slashes and
     * flags. It is not anchored. Default: `all`.
     */
    repoSlug?: string;

    /**
     * Labels; a repository needs at least one of them. Each label is looked up once per run,
     * for all repositories together; a label that does not exist matches nothing.
     * Default: `none`.
     */
    labels?: string[];

    /** Excludes repositories even if other filters include them. */
    exclude?: {
      /**
       * Regular expression; excludes projects whose key it matches. It is not
       * anchored. Default: `none`.
       */
      projectKey?: string;

      /**
       * Regular expression; excludes repositories whose slug it matches. It is not
       * anchored. Default: `none`.
       */
      repoSlug?: string;

      /** Excludes repositories with any of these labels. Default: `none`. */
      labels?: string[];
    };

    /** Exclude archived repositories. Default: `false`. */
    skipArchivedRepos?: boolean;

    /** Exclude forks. Default: `false`. */
    skipForkedRepos?: boolean;

    /** Include repositories in personal projects (`~user`). Default: `false`. */
    personalRepos?: boolean;

    /**
     * Only `public` repositories (the repository or its project is public) or only
     * `private` ones. Default: `any`.
     */
    visibility?: 'public' | 'private';
  };

  /**
   * When to run: the schedule of a Backstage task. `frequency: { trigger: manual }` runs
   * only on demand. A schedule needs both a frequency and a timeout.
   * Default: `every 30 minutes, timeout 25 minutes`.
   */
  schedule?: SchedulerServiceTaskScheduleDefinitionConfig;

  /**
   * Requests in flight at the same time, per host.
   * Default: `8`.
   *
   * @minimum 1
   * @maximum 100
   */
  concurrency?: number;

  /**
   * The rate limit of requests. `auto` reads the account's budget from the server and
   * leaves a share of it to the rest of Backstage, `off` does not limit, and an object
   * sets a fixed rate. A 429 pauses the host in every case. Write `"off"` in quotes.
   * Default: `auto`.
   */
  rateLimit?:
    | 'auto'
    | 'off'
    | {
        /**
         * Requests per second in the long run, 0.1 or more: with a lower rate no run would
         * finish, so it is raised to 0.1 with a warning.
         */
        requestsPerSecond: number;
        /**
         * Requests that may be sent without delay after a pause; a whole number.
         *
         * @minimum 1
         */
        burst: number;
      };

  /**
   * How long one attempt of a request may take: a duration such as `30 seconds`, `PT30S`
   * or `{ seconds: 30 }`, more than 0 and at most 10 minutes. Default: `30 seconds`.
   */
  requestTimeout?: string | HumanDuration;

  /**
   * Code search as a hint, where the server offers it: a file that it finds is registered
   * without a request for its repository, and a repository without a hit is checked once per
   * `recheck.absent`. It never removes anything. `off` never uses it. Default: `auto`.
   */
  search?: 'auto' | 'off';

  /** When runs check repositories again. */
  recheck?: {
    /**
     * How long runs assume that a file they found under a plain path still exists: a duration
     * such as `6 hours`, `PT6H` or `{ hours: 6 }`, at most 30 days. The catalog itself reads
     * the file regularly; events and manual runs check it immediately. `0` checks in every
     * run. Default: `6 hours`.
     */
    found?: string | HumanDuration;

    /**
     * How long runs assume that a repository has no catalog file, where code search covers it
     * without a hit: a duration, at most 30 days. Without search, every run checks it. `0`
     * checks in every run. Default: `24 hours`.
     */
    absent?: string | HumanDuration;
  };

  /** Protection against mass removals by mistake. */
  removals?: {
    /**
     * A run that would remove more than this percentage of the known Locations, and more
     * than 5 of them, or all of them, holds the removals back until they are confirmed.
     * Exactly this percentage is still removed. `100` switches the protection off, `0`
     * removes nothing without approval. Default: `30`.
     *
     * @minimum 0
     * @maximum 100
     */
    maxPercentage?: number;

    /**
     * Removals that were held back happen once every run has confirmed them for this
     * duration, such as `24 hours`, `PT24H` or `{ hours: 24 }`.
     * Default: `24 hours`.
     */
    holdFor?: string | HumanDuration;
  };

  /**
   * HTTP access token for the requests of this provider, such as one of a project. The
   * catalog itself still reads the files with the credentials of the integration. Not
   * together with `username` and `password`.
   * Default: `the integration's`.
   *
   * @visibility secret
   */
  token?: string;

  /**
   * User for the requests of this provider, together with `password`.
   * Default: `the integration's`.
   *
   * @visibility secret
   */
  username?: string;

  /**
   * Password of `username`, or an HTTP access token of that user.
   * Default: `the integration's`.
   *
   * @visibility secret
   */
  password?: string;
}

export interface Config {
  backend?: {
    reading?: {
      /**
       * How files of Bitbucket Server are read. Applies only where the feature
       * `…/url-reader` of this package is installed.
       */
      bitbucketServer?: {
        /**
         * How long a file that was read counts as current while no event reports a change of
         * its repository: a duration such as `15 minutes`, `PT15M` or `{ minutes: 15 }`.
         * With webhooks it can be hours; `0 seconds` reads at every processing.
         * Default: `15 minutes`.
         */
        maxAge?: string | HumanDuration;

        /**
         * How long a read waits for its turn and for retries, more than 0 and at most
         * 5 minutes: the catalog processes only ten entities at a time.
         * Default: `10 seconds`.
         */
        maxWait?: string | HumanDuration;

        /**
         * How long the catalog keeps using the files it has read while Bitbucket does not
         * answer; after that the entity shows the error. Default: `24 hours`.
         */
        staleIfUnavailable?: string | HumanDuration;
      };
    };
  };
  events?: {
    modules?: {
      bitbucketServer?: {
        /**
         * The secret of the webhooks in Bitbucket, with which it signs them; a list during
         * the replacement of a secret. Required where the feature `…/events` of this
         * package is installed.
         *
         * @visibility secret
         * @deepVisibility secret
         */
        webhookSecret?: string | string[];
      };
    };
  };
  catalog?: {
    providers?: {
      /**
       * Finds the catalog files of Bitbucket Server and Data Center repositories: either
       * one provider, whose id is then `default`, or a map from ids to providers.
       */
      bitbucketServer?:
        BitbucketServerProvider | { [id: string]: BitbucketServerProvider };
    };
  };
}
