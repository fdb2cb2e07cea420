/**
 * The nouns every layer shares: what Bitbucket holds, what one look-up can say and
 * how a repository ends a run. Types and constant lists only; imports nothing.
 */

/**
 * A repository as the listing shows it, reduced to the fields discovery uses.
 *
 * @remarks The numeric `id` is the identity on one server: key and slug change when a
 * repository is moved or renamed (Bitbucket Data Center 10.0 OpenAPI, `PUT …/repos/{slug}`).
 */
export interface Repository {
  readonly id: number;
  readonly projectKey: string;
  readonly slug: string;
  /**
   * What it shares with its forks and with nothing on another server. Recorded answers have it
   * from 2020 on, those of 2019 do not.
   */
  readonly hierarchyId?: string;
  readonly name: string;
  readonly description?: string;
  /** `AVAILABLE`, `INITIALISING`, `INITIALISATION_FAILED`, `OFFLINE`; `undefined` where a server sends none. */
  readonly state?: string;
  /** `false` on servers before 8.0, which have no archive. */
  readonly archived: boolean;
  /** The repository has an `origin`. */
  readonly fork: boolean;
  /** It lives in a personal project (`~user`). */
  readonly personal: boolean;
  /** The repository itself or its project is public. */
  readonly public: boolean;
  /** `links.self[0].href`, the web page of the repository ending in `/browse`. */
  readonly selfUrl?: string;
}

/** A project as `GET /projects` shows it. */
export interface Project {
  readonly id?: number;
  readonly key: string;
  readonly personal: boolean;
}

/** One catalog file that exists, or is registered unchecked. */
export interface CatalogFile {
  /** Path from the repository root, without a leading slash, not encoded. */
  readonly path: string;
  /** The URL the catalog reads: `<web page of the repository>/<path>`, encoded, with `?at=` where a branch is set. */
  readonly targetUrl: string;
  /**
   * Of its Location: `required` where the file was proven to exist, so that a file which the
   * catalog does not find is an error to it and takes no entities along; `optional` where
   * nobody has checked.
   */
  readonly presence: Presence;
  /** What a location parser made of it; without one, the catalog gets a Location that reads the file. */
  readonly entity?: ParsedEntity;
}

/** Whether the catalog takes a missing file for an error. */
export const PRESENCES = ['required', 'optional'] as const;
export type Presence = (typeof PRESENCES)[number];

/** An entity as it is given to the catalog, in a form that can be compared and kept. */
export interface ParsedEntity {
  /** What tells it from others: its entity ref. */
  readonly key: string;
  /** The whole entity as JSON, properties in alphabetical order. */
  readonly json: string;
}

/** Why a filter left a repository out. */
export const EXCLUSION_REASONS = [
  'project-key',
  'repo-slug',
  'excluded-by-pattern',
  'archived',
  'fork',
  'personal',
  'visibility',
  'label',
] as const;
export type ExclusionReason = (typeof EXCLUSION_REASONS)[number];

/** What proves that a repository holds no catalog file. */
export const ABSENCE_REASONS = [
  'no-catalog-file',
  'empty-repository',
  'branch-not-found',
] as const;
export type AbsenceReason = (typeof ABSENCE_REASONS)[number];

/** Why nothing is known about a repository. Never a ground for removing anything. */
export const UNKNOWN_REASONS = [
  'rate-limited',
  'server-error',
  'timeout',
  'not-permitted',
  'unexpected-answer',
  'parser-failed',
  'too-many-files',
  'not-available',
  'not-checked',
] as const;
export type UnknownReason = (typeof UNKNOWN_REASONS)[number];

/** What went wrong while asking, as a code and a sentence without secrets. */
export interface Problem {
  readonly reason: UnknownReason;
  readonly detail: string;
}

/** Why a question was not answered. */
export interface Unanswered {
  readonly kind: 'unknown';
  readonly problem: Problem;
  /** Bitbucket itself refused it to this account, by name: asking again soon is of no use. */
  readonly isRefusal?: boolean;
  /** It was too much for one answer, by size or by time: a smaller question may be answered. */
  readonly isTooMuch?: boolean;
}

/** What one question to Bitbucket can yield. `unknown` must never remove anything. */
export type Lookup<T> =
  | { readonly kind: 'found'; readonly value: T }
  | { readonly kind: 'absent'; readonly reason: AbsenceReason }
  | Unanswered;

/** How a repository ends a run: exactly one of these. */
export type RepositoryOutcome =
  | { readonly kind: 'registered'; readonly files: readonly CatalogFile[] }
  | { readonly kind: 'excluded'; readonly reason: ExclusionReason }
  | { readonly kind: 'absent'; readonly reason: AbsenceReason }
  | { readonly kind: 'unknown'; readonly reason: UnknownReason; readonly detail: string };

/** The four kinds, in the order reports list them. */
export const OUTCOME_KINDS = ['registered', 'excluded', 'absent', 'unknown'] as const;
export type OutcomeKind = (typeof OUTCOME_KINDS)[number];

/** What happened to one file between two commits; paths from the root, not encoded. */
export type FileChange =
  | { readonly kind: 'added' | 'modified' | 'deleted'; readonly path: string }
  | { readonly kind: 'moved'; readonly path: string; readonly formerPath: string };

/** One step through a listing. A failure is always the last step. */
export type ListingStep<T> =
  | {
      readonly kind: 'items';
      readonly items: readonly T[];
      /** Items of this page that could not be read. */
      readonly unreadable: number;
      /** Where the next page begins; left out at the last one. */
      readonly nextStart?: number;
    }
  | {
      readonly kind: 'failed';
      readonly problem: Problem;
      /** The endpoint answered, but not as Bitbucket's listing: another one may serve. */
      readonly unsupported: boolean;
      /** Bitbucket says that what was to be listed does not exist. */
      readonly gone: boolean;
      /** See {@link Unanswered.isRefusal}. */
      readonly isRefusal?: boolean;
      /** There was no more time for it: the page to go on with. */
      readonly nextStart?: number;
    };

/** What asking for one repository yields. */
export type RepositoryLookup =
  | { readonly kind: 'found'; readonly repository: Repository }
  | { readonly kind: 'gone' }
  | Unanswered;

/** What asking for the labels of one repository yields; names in lower case. */
export type LabelsLookup =
  | { readonly kind: 'found'; readonly labels: readonly string[] }
  | { readonly kind: 'unknown'; readonly problem: Problem };

/** Where a repository is now; changes when it is renamed or moved. */
export interface RepositoryAddress {
  readonly projectKey: string;
  readonly slug: string;
}
