/**
 * The configuration this module reads, as Backstage validates it. The schema sees wrong
 * types and missing keys; what it cannot see (a misspelt key, a bad pattern, a host that
 * is no integration) the module itself refuses when the backend starts.
 */

import { SchedulerServiceTaskScheduleDefinitionConfig } from '@backstage/backend-plugin-api';
import { HumanDuration } from '@backstage/types';

/** One provider: a Bitbucket Server or Data Center instance and what to find there. */
interface BitbucketServerProvider {
  /**
   * Required. The host of the instance, without a scheme or a path; must be the `host`
   * of one of `integrations.bitbucketServer`.
   */
  host: string;

  /**
   * The catalog file to look for: a path from the root of the repository, or a list of
   * them. Each may be a glob, where `**` stands for any folders, those that start with a
   * dot included, and `*` for a part of a name. The leading `/` is optional.
   * Default: `/catalog-info.yaml`.
   */
  catalogPath?: string | string[];

  /**
   * Look on this branch instead, in every repository; its short name, such as `main`.
   * Default: `the repository's default branch`.
   */
  branch?: string;

  /**
   * Whether a Location is emitted only for files that exist. With `false`, every
   * repository gets one optional Location per plain path, unchecked; globs are looked
   * up all the same. Default: `true`.
   */
  validateLocationsExist?: boolean;

  /**
   * Catalog files that one repository may have. Of one with more, nothing new is
   * registered, and what the catalog has of it stays. Default: `1000`.
   *
   * @minimum 1
   * @maximum 100000
   */
  maxFilesPerRepository?: number;

  /** Which repositories to look at. */
  filters?: {
    /**
     * Regular expression that the project key must match, without slashes and flags.
     * It is not anchored: `PAY` also matches `PAYMENTS`, `^PAY$` does not. A pattern
     * that can only match known keys, such as `^(PAY|OPS)$`, lists just those projects.
     * Default: `all`.
     */
    projectKey?: string;

    /**
     * Regular expression that the repository slug must match, without slashes and
     * flags. It is not anchored. Default: `all`.
     */
    repoSlug?: string;

    /**
     * Labels of repositories; one of them suffices. Each label is looked up once per run,
     * for all repositories together; one that does not exist matches nothing.
     * Default: `none`.
     */
    labels?: string[];

    /** Leaves out what would be included otherwise: exclusion wins. */
    exclude?: {
      /**
       * Regular expression; projects whose key matches are left out. It is not
       * anchored. Default: `none`.
       */
      projectKey?: string;

      /**
       * Regular expression; repositories whose slug matches are left out. It is not
       * anchored. Default: `none`.
       */
      repoSlug?: string;

      /** Repositories with one of these labels are left out. Default: `none`. */
      labels?: string[];
    };

    /** Leave out archived repositories. Default: `false`. */
    skipArchivedRepos?: boolean;

    /** Leave out forks. Default: `false`. */
    skipForkedRepos?: boolean;

    /** Also look at repositories in personal projects (`~user`). Default: `false`. */
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
   * How fast requests may follow each other. `auto` reads the account's budget from the
   * server and leaves a share of it to the rest of Backstage, `off` does not limit, and
   * an object sets a fixed rate. A 429 pauses the host in every case. Write `"off"` in
   * quotes. Default: `auto`.
   */
  rateLimit?:
    | 'auto'
    | 'off'
    | {
        /**
         * Requests per second in the long run, 0.1 or more: with less no run would get
         * done, so that it is raised to 0.1 with a warning.
         */
        requestsPerSecond: number;
        /**
         * Requests that may follow each other at once after a pause; a whole number.
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
   * Code search as a hint, where the server offers it: what it shows is registered without a
   * request per repository, and what it does not show is looked at once per
   * `recheck.absent`. It never removes anything. `off` never asks. Default: `auto`.
   */
  search?: 'auto' | 'off';

  /** When runs look again at what they know. */
  recheck?: {
    /**
     * How long runs believe that a file which they have found under a plain path is still
     * there: a duration such as `6 hours`, `PT6H` or `{ hours: 6 }`, at most 30 days. The
     * catalog itself reads the file all the time; events and manual runs look at once. `0`
     * looks in every run. Default: `6 hours`.
     */
    found?: string | HumanDuration;

    /**
     * How long runs believe that a repository has no catalog file, where code search covers
     * it and shows none: a duration, at most 30 days. Without search, every run looks. `0`
     * looks in every run. Default: `24 hours`.
     */
    absent?: string | HumanDuration;
  };

  /** Guards against removing much of the catalog by mistake. */
  removals?: {
    /**
     * A run that would remove more than this share of the known Locations, and more
     * than 5 of them, or all of them, removes none until it is confirmed. Exactly this
     * share is still removed. `100` switches the guard off, `0` removes nothing without
     * approval. Default: `30`.
     *
     * @minimum 0
     * @maximum 100
     */
    maxPercentage?: number;

    /**
     * Removals that were held back happen once every run has confirmed them for this
     * long: a duration such as `24 hours`, `PT24H` or `{ hours: 24 }`.
     * Default: `24 hours`.
     */
    holdFor?: string | HumanDuration;
  };

  /**
   * HTTP access token that this provider asks Bitbucket with, such as one of a project.
   * The catalog itself reads the files with the credentials of the integration all the
   * same. Not together with `username` and `password`.
   * Default: `the integration's`.
   *
   * @visibility secret
   */
  token?: string;

  /**
   * User that this provider asks Bitbucket as, together with `password`.
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
       * How files of Bitbucket Server are read. Only where the feature `…/url-reader` of
       * this package is installed.
       */
      bitbucketServer?: {
        /**
         * For so long the catalog believes what it has read of a repository of which nobody
         * has told a change: a duration such as `15 minutes`, `PT15M` or `{ minutes: 15 }`.
         * With webhooks it can be hours; `0 seconds` reads at every processing.
         * Default: `15 minutes`.
         */
        maxAge?: string | HumanDuration;

        /**
         * For so long a read waits for its turn and for retries, more than 0 and at most
         * 5 minutes: the catalog has ten places for all its processing.
         * Default: `10 seconds`.
         */
        maxWait?: string | HumanDuration;

        /**
         * For so long the catalog goes on with what it has read where Bitbucket gives no
         * answer; after that the error shows on the entity. Default: `24 hours`.
         */
        staleIfUnavailable?: string | HumanDuration;
      };
    };
  };
  events?: {
    modules?: {
      bitbucketServer?: {
        /**
         * The secret of the webhooks in Bitbucket, with which it signs what it sends; a list
         * of them while one takes the place of another. Needed where the feature `…/events`
         * of this package is installed.
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
