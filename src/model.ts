/**
 * The types shared by every layer: objects in Bitbucket, results of look-ups and outcomes
 * of repositories. Types and constant lists only; imports nothing.
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
   * An id that it shares with its forks, but with no repository on another server.
   * Recorded answers contain it from 2020 on, those of 2019 do not.
   */
  readonly hierarchyId?: string;
  readonly name: string;
  readonly description?: string;
  /**
   * `AVAILABLE`, `INITIALISING`, `INITIALISATION_FAILED`, `OFFLINE`; `undefined` if the
   * server sends none.
   */
  readonly state?: string;
  /** `false` on servers before 8.0, which have no archive. */
  readonly archived: boolean;
  /** Whether the repository has an `origin`. */
  readonly fork: boolean;
  /** Whether it is in a personal project (`~user`). */
  readonly personal: boolean;
  /** Whether the repository itself or its project is public. */
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

/** A catalog file that exists, or is registered without a check. */
export interface CatalogFile {
  /** Path from the repository root, without a leading slash, not encoded. */
  readonly path: string;
  /**
   * The URL that the catalog reads: `<web page of the repository>/<path>`, encoded, with
   * `?at=` if a branch is configured.
   */
  readonly targetUrl: string;
  /**
   * Presence of its Location: `required` if the file was proven to exist, so that the
   * catalog reports an error and keeps the entities when it does not find the file;
   * `optional` if it was not checked.
   */
  readonly presence: Presence;
  /**
   * The entity that a location parser made from it; without one, the catalog gets a
   * Location that reads the file.
   */
  readonly entity?: ParsedEntity;
}

/** Whether the catalog treats a missing file as an error. */
export const PRESENCES = ['required', 'optional'] as const;
export type Presence = (typeof PRESENCES)[number];

/** An entity as passed to the catalog, in a form that can be compared and stored. */
export interface ParsedEntity {
  /** Its unique key: the entity ref. */
  readonly key: string;
  /** The whole entity as JSON, properties in alphabetical order. */
  readonly json: string;
}

/** Why a filter excluded a repository. */
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

/** What proves that a repository has no catalog file. */
export const ABSENCE_REASONS = [
  'no-catalog-file',
  'empty-repository',
  'branch-not-found',
] as const;
export type AbsenceReason = (typeof ABSENCE_REASONS)[number];

/**
 * Why the state of a repository could not be determined. Never a reason to remove
 * anything.
 */
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

/** Why a request gave no usable answer, as a code and a sentence without secrets. */
export interface Problem {
  readonly reason: UnknownReason;
  readonly detail: string;
}

/** Result of a request without a usable answer. */
export interface Unanswered {
  readonly kind: 'unknown';
  readonly problem: Problem;
  /**
   * Whether Bitbucket itself refused access to this account, with a named exception: a
   * retry soon is useless.
   */
  readonly isRefusal?: boolean;
  /**
   * Whether it was too much for one answer, in size or time: a smaller request may
   * succeed.
   */
  readonly isTooMuch?: boolean;
}

/** Result of one look-up in Bitbucket. `unknown` must never remove anything. */
export type Lookup<T> =
  | { readonly kind: 'found'; readonly value: T }
  | { readonly kind: 'absent'; readonly reason: AbsenceReason }
  | Unanswered;

/** The outcome of a run for a repository: exactly one of these. */
export type RepositoryOutcome =
  | { readonly kind: 'registered'; readonly files: readonly CatalogFile[] }
  | { readonly kind: 'excluded'; readonly reason: ExclusionReason }
  | { readonly kind: 'absent'; readonly reason: AbsenceReason }
  | { readonly kind: 'unknown'; readonly reason: UnknownReason; readonly detail: string };

/** The four kinds, in the order of reports. */
export const OUTCOME_KINDS = ['registered', 'excluded', 'absent', 'unknown'] as const;
export type OutcomeKind = (typeof OUTCOME_KINDS)[number];

/** A change of one file between two commits; paths from the root, not encoded. */
export type FileChange =
  | { readonly kind: 'added' | 'modified' | 'deleted'; readonly path: string }
  | { readonly kind: 'moved'; readonly path: string; readonly formerPath: string };

/** A page of a listing, or its failure, which is always the last step. */
export type ListingStep<T> =
  | {
      readonly kind: 'items';
      readonly items: readonly T[];
      /** Items of this page that could not be read. */
      readonly unreadable: number;
      /** Start of the next page; omitted on the last one. */
      readonly nextStart?: number;
    }
  | {
      readonly kind: 'failed';
      readonly problem: Problem;
      /**
       * Whether the endpoint answered, but not with a listing of Bitbucket: another
       * endpoint may work.
       */
      readonly unsupported: boolean;
      /** Whether Bitbucket reports that the project or label does not exist. */
      readonly gone: boolean;
      /** See {@link Unanswered.isRefusal}. */
      readonly isRefusal?: boolean;
      /** Start of the page to continue with, if the time ran out. */
      readonly nextStart?: number;
    };

/** Result of looking up one repository. */
export type RepositoryLookup =
  | { readonly kind: 'found'; readonly repository: Repository }
  | { readonly kind: 'gone' }
  | Unanswered;

/** Result of looking up the labels of one repository; names in lower case. */
export type LabelsLookup =
  { readonly kind: 'found'; readonly labels: readonly string[] } | Unanswered;

/** The address of a repository; changes when it is renamed or moved. */
export interface RepositoryAddress {
  readonly projectKey: string;
  readonly slug: string;
}
