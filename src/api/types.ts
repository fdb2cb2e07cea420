/** What others see of repositories and of a provider's configuration. Types only. */

/**
 * A project as Bitbucket shows it.
 *
 * @public
 */
export interface BitbucketServerProject {
  /** `~user` for a personal project. */
  key: string;
}

/**
 * A repository, with the fields of Bitbucket's own answer that Bitbucket documents.
 * Source: `GET /projects/{projectKey}/repos/{repositorySlug}`, Bitbucket Data Center 10.0
 * OpenAPI.
 *
 * @public
 */
export interface BitbucketServerRepository {
  /** Stays the same when the repository is renamed or moved. */
  id: number;
  /** The project it is in now. */
  project: BitbucketServerProject;
  /** Its name in URLs. */
  slug: string;
  /** As people write it; the slug is made of it. */
  name: string;
  /** Empty where there is none. */
  description: string;
  /** `self`: the web page of the repository, ending in `/browse`; `clone`: its clone URLs. */
  links: Record<string, { href: string }[]>;
  /** Read-only; `false` on servers before 8.0, which have no archive. */
  archived: boolean;
  /** Readable without logging in, by itself or through its project. */
  public: boolean;
  /** It was made of another repository. */
  fork: boolean;
  /** Short name; few servers tell it here, `getDefaultBranch` asks for it. */
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
  /** The same, by its former name; empty where a server does not tell it. */
  latestChangeset: string;
  /** Always `true` here. */
  isDefault: boolean;
}

/**
 * Which part of a listing to read; further parameters are passed on to Bitbucket.
 *
 * @public
 */
export interface BitbucketServerListOptions {
  /** A parameter of the endpoint. */
  [key: string]: number | undefined;
  /** Rows per page; Bitbucket's own default is 25, and it may give fewer. */
  limit?: number | undefined;
  /** `nextPageStart` of the page before. */
  start?: number | undefined;
}

/**
 * One page of a listing.
 *
 * @public
 */
export interface BitbucketServerPagedResponse<T> {
  /** How many rows this page has. */
  size: number;
  /** How many it could have. */
  limit: number;
  /** Where it begins. */
  start: number;
  /** There are no more after it. */
  isLastPage: boolean;
  /** The rows. */
  values: T[];
  /** Where the next page begins; `undefined` on the last one. */
  nextPageStart: number | undefined;
}

/**
 * A provider's configuration, as far as it concerns what is read from a repository.
 *
 * @public
 */
export interface BitbucketServerProviderConfig {
  /** `default`, or its key under `catalog.providers.bitbucketServer`. */
  readonly id: string;
  /** Of the integration. */
  readonly host: string;
  /** From the repository root, with a leading slash; some may be globs. */
  readonly catalogPaths: readonly string[];
  /** Short name; `undefined` for the default branch of each repository. */
  readonly branch?: string;
  /** Whether only files that exist are given to the parser. */
  readonly validateLocationsExist: boolean;
}
