/** Public types of repositories and of a provider's configuration. Types only. */

/**
 * A project in Bitbucket.
 *
 * @public
 */
export interface BitbucketServerProject {
  /** `~user` for a personal project. */
  key: string;
}

/**
 * A repository, with the documented fields of Bitbucket's answer.
 * Source: `GET /projects/{projectKey}/repos/{repositorySlug}`, Bitbucket Data Center 10.0
 * OpenAPI.
 *
 * @public
 */
export interface BitbucketServerRepository {
  /** Stays the same when the repository is renamed or moved. */
  id: number;
  /** Its current project. */
  project: BitbucketServerProject;
  /** Its name in URLs. */
  slug: string;
  /** Its display name, from which Bitbucket derives the slug. */
  name: string;
  /** Empty if there is none. */
  description: string;
  /** `self`: the web page of the repository, ending in `/browse`; `clone`: its clone URLs. */
  links: Record<string, { href: string }[]>;
  /** Read-only; `false` on servers before 8.0, which have no archive. */
  archived: boolean;
  /** Readable without logging in, by itself or through its project. */
  public: boolean;
  /** Whether it is a fork of another repository. */
  fork: boolean;
  /** Short name; few servers return it here, `getDefaultBranch` requests it. */
  defaultBranch?: string;
}

/**
 * The default branch of a repository.
 *
 * @public
 */
export interface BitbucketServerDefaultBranch {
  /** `refs/heads/main` */
  id: string;
  /** `main` */
  displayId: string;
  /** `BRANCH` */
  type: string;
  /** Hash of the latest commit; empty in a repository without commits. */
  latestCommit: string;
  /** The same, under its former name; empty if the server does not return it. */
  latestChangeset: string;
  /** Always `true` here. */
  isDefault: boolean;
}

/**
 * The part of a listing to read; further parameters are passed on to Bitbucket.
 *
 * @public
 */
export interface BitbucketServerListOptions {
  /** A parameter of the endpoint. */
  [key: string]: number | undefined;
  /** Rows per page; Bitbucket's default is 25, and it may return fewer. */
  limit?: number | undefined;
  /** `nextPageStart` of the previous page. */
  start?: number | undefined;
}

/**
 * One page of a listing.
 *
 * @public
 */
export interface BitbucketServerPagedResponse<T> {
  /** Number of rows on this page. */
  size: number;
  /** Maximum number of rows. */
  limit: number;
  /** Index of its first row. */
  start: number;
  /** Whether this is the last page. */
  isLastPage: boolean;
  /** The rows. */
  values: T[];
  /** `start` of the next page; `undefined` on the last one. */
  nextPageStart: number | undefined;
}

/**
 * The part of a provider's configuration that concerns the content of a repository.
 *
 * @public
 */
export interface BitbucketServerProviderConfig {
  /** `default`, or its key under `catalog.providers.bitbucketServer`. */
  readonly id: string;
  /** Host of the integration. */
  readonly host: string;
  /** Paths from the repository root, with a leading slash; some may be globs. */
  readonly catalogPaths: readonly string[];
  /** Short name; `undefined` for the default branch of each repository. */
  readonly branch?: string;
  /** Whether the parser receives only files that exist. */
  readonly validateLocationsExist: boolean;
}
