/**
 * The engine's requests, dependencies and results. Types only. The engine accesses
 * Bitbucket through `RepositorySource`, which is declared here.
 */

import {
  CatalogFile,
  ExclusionReason,
  LabelsLookup,
  ListingStep,
  Lookup,
  Problem,
  Project,
  Repository,
  RepositoryAddress,
  RepositoryLookup,
  RepositoryOutcome,
  Unanswered,
} from '../model';
import { CatalogPath, FilterVerdict, RepositoryFilters } from '../filters/types';
import { RecheckState } from './recheckState';

/** What to discover: the part of a provider's configuration the engine reads. */
export interface DiscoveryScope {
  /**
   * Host of the integration. Results from one server do not count for another, and files
   * on another host cannot be read.
   */
  readonly host: string;
  readonly catalogPaths: readonly CatalogPath[];
  readonly branch?: string;
  readonly validateLocationsExist: boolean;
  /** In a repository with more files than this, no new file is registered. */
  readonly maxFilesPerRepository: number;
  readonly filters: RepositoryFilters;
  /** How many repositories are checked concurrently, 1 or more. */
  readonly concurrency: number;
  /** Whether a location parser converts the files found to entities. */
  readonly isParsed?: boolean;
}

interface Abortable {
  readonly signal?: AbortSignal;
}

/**
 * Source of repositories. An error that it throws ends the run; every other failure is
 * part of its answers.
 */
export interface RepositorySource {
  /**
   * Lists every repository visible to the credentials, archived ones included.
   *
   * @param options - `start`: continues where an earlier listing was cut short
   */
  listRepositories(
    options: Abortable & { start?: number },
  ): AsyncIterable<ListingStep<Repository>>;
  /** Lists every project visible to the credentials. */
  listProjects(options: Abortable): AsyncIterable<ListingStep<Project>>;
  /** Lists the repositories of one project, archived ones included. */
  listProjectRepositories(
    projectKey: string,
    options: Abortable & { start?: number },
  ): AsyncIterable<ListingStep<Repository>>;
  /** Looks up one repository by its address; the answer contains its current address. */
  getRepository(
    address: RepositoryAddress,
    options: Abortable,
  ): Promise<RepositoryLookup>;
  /**
   * Checks whether a path is a file.
   *
   * @param path - from the repository root, no leading slash
   * @param options - `branch`: a short branch name instead of the default branch
   */
  findFile(
    address: RepositoryAddress,
    path: string,
    options: Abortable & { branch?: string },
  ): Promise<Lookup<true>>;
  /**
   * Lists every file of a branch, as paths from the root.
   *
   * @param options - `inOnePage`: gives up early if one response cannot hold the list
   */
  listFiles(
    address: RepositoryAddress,
    options: Abortable & { branch?: string; inOnePage?: boolean },
  ): Promise<Lookup<readonly string[]>>;
  /**
   * Lists the ids of the repositories that have a label; ends as `gone` if the label does
   * not exist.
   */
  listLabeled(label: string, options: Abortable): AsyncIterable<ListingStep<number>>;
  /** Returns the labels of one repository. */
  getLabels(address: RepositoryAddress, options: Abortable): Promise<LabelsLookup>;
  /** Searches default branches for a file name; omitted if search is not used. */
  searchFiles?(query: FileSearchQuery, options: Abortable): Promise<FileSearch>;
  /** Returns the URL from which the catalog reads a file; sends no request. */
  fileUrl(repository: Repository, path: string, branch?: string): string;
}

/** A search for files by name. */
export interface FileSearchQuery {
  readonly fileName: string;
  /** Limits the search to the repositories of this project. */
  readonly projectKey?: string;
}

/** A file found by search. The index may be stale, so the file may no longer exist. */
export interface SearchHit extends RepositoryAddress {
  readonly repositoryId: number;
  /** From the repository root, no leading slash. */
  readonly path: string;
}

/** Result of a search; may include files with other names. */
export type FileSearch =
  | {
      readonly kind: 'found';
      readonly hits: readonly SearchHit[];
      /** `false` if the server may have more hits than it returned. */
      readonly isComplete: boolean;
    }
  | Unanswered;

/**
 * Runs a custom location parser on the files of one repository. An error that it throws
 * ends the run.
 */
export type ParseFiles = (
  repository: Repository,
  files: readonly CatalogFile[],
  options: Abortable,
) => Promise<ParsedFiles>;

/** Result of a location parser: any number of entities per file, or none. */
export type ParsedFiles =
  | { readonly kind: 'parsed'; readonly files: readonly CatalogFile[] }
  | { readonly kind: 'failed'; readonly problem: Problem };

/** Identifies a repository. */
export interface RepositoryRef extends RepositoryAddress {
  /** Bitbucket's numeric id; negative where only the address is known. */
  readonly id: number;
  readonly hierarchyId?: string;
}

/** A repository's state as stored between runs. */
export interface KnownRepository {
  /**
   * Bitbucket's numeric id; negative if the repository was adopted from the catalog and
   * its id is not known yet.
   */
  readonly repositoryId: number;
  readonly projectKey: string;
  readonly slug: string;
  /** As in the last listing. */
  readonly hierarchyId?: string;
  /** The files that the catalog holds for it; empty if a check found none. */
  readonly files: readonly CatalogFile[];
  /** Outcome of the last check that was not `unknown`; `undefined` if there was none. */
  readonly conclusive?: ConclusiveOutcome;
  /**
   * Time of that check, epoch milliseconds; for display only: `revision` determines the
   * order.
   */
  readonly checkedAtMs?: number;
  /** Why a later check was inconclusive; `undefined` if there was no such check. */
  readonly problem?: Problem;
  /**
   * Revision of the last check: a number taken before Bitbucket was asked. A lower number
   * is older, whatever the clocks say. `undefined` if nothing is stored yet.
   */
  readonly revision?: number;
}

/** The known state of repositories, by id. */
export type KnownRepositories = ReadonlyMap<number, KnownRepository>;

/** An outcome that is not `unknown`. */
export type ConclusiveOutcome = Exclude<RepositoryOutcome, { kind: 'unknown' }>;

/** Why a repository did not have to be checked. */
export const SPARED_BY = ['recheck', 'read', 'search'] as const;
export type SparedBy = (typeof SPARED_BY)[number];

/** The result of a run for one repository. */
export interface RepositoryResult {
  readonly repository: RepositoryRef;
  readonly outcome: RepositoryOutcome;
  /**
   * When Bitbucket was asked, epoch milliseconds; `undefined` for an `unknown` outcome.
   */
  readonly checkedAtMs?: number;
  /** Revision of the check; `undefined` if revisions are not used. */
  readonly revision?: number;
  /** Why it was not checked: its known state is still trusted, or search showed it. */
  readonly sparedBy?: SparedBy;
}

/** A part of the listing that could not be read. */
export interface ListingProblem {
  /** `undefined` for the listing of the whole server. */
  readonly projectKey?: string;
  readonly problem: Problem;
  /**
   * Bitbucket reports that the project does not exist: its repositories are then looked
   * up one by one.
   */
  readonly gone: boolean;
}

/** Result of listing the repositories. */
export interface Listing {
  /** By id. */
  readonly repositories: ReadonlyMap<number, Repository>;
  /**
   * Whether every page of the server, or of at least one project, was read, or every
   * project is gone. Otherwise nothing may be removed.
   */
  readonly complete: boolean;
  readonly problems: readonly ListingProblem[];
  /** Items that could not be identified as repositories. */
  readonly unreadable: number;
  /** Where the next run continues, if the time ran out. */
  readonly continuesAt?: ListingPosition;
}

/** Position at which an interrupted listing continues. */
export interface ListingPosition {
  /** The project to continue with, if projects are listed one by one. */
  readonly projectKey?: string;
  /**
   * `nextPageStart` of the last page that was read; omitted to start with the first page.
   */
  readonly start?: number;
}

/**
 * The time that a listing may take, limited so that the same run can check what was
 * listed.
 */
export interface ListingTime {
  /** Aborted when the time is over. */
  readonly signal: AbortSignal;
  /** Duration for messages, milliseconds. */
  readonly ms: number;
}

/** Whether a run used code search. */
export type SearchUse =
  | { readonly kind: 'used' }
  | {
      readonly kind: 'off';
      /** Without secrets. */
      readonly reason: string;
    };

/**
 * Everything that one run found out. Makes no decision about the catalog: `reconcile`
 * does.
 */
export interface DiscoveryResult {
  readonly listing: Omit<Listing, 'repositories'>;
  /** By id, in the order of the listing. */
  readonly repositories: ReadonlyMap<number, RepositoryResult>;
  /**
   * The state stored before the run, with placeholder ids replaced where the run could
   * resolve them.
   */
  readonly known: KnownRepositories;
  /** Whether code search was used; `undefined` if a search was not worthwhile. */
  readonly search?: SearchUse;
  /**
   * Base URLs in the links of the listed repositories: the server may be known by another
   * name.
   */
  readonly serverUrls?: readonly string[];
  /** Ids of known repositories that Bitbucket proved to be gone. */
  readonly goneRepositoryIds: ReadonlySet<number>;
  /**
   * Known repositories whose ids now belong to other repositories: a sign that another
   * server is answering.
   */
  readonly reassigned?: readonly KnownRepository[];
  /** Why the run ended early: it was aborted, or the source threw. */
  readonly interruption?: {
    readonly kind: 'aborted' | 'failed';
    readonly error: unknown;
  };
}

/** A progress report of a run. */
export type DiscoveryProgress =
  | { readonly kind: 'listing'; readonly listed: number }
  | {
      readonly kind: 'checking';
      readonly checked: number;
      readonly total: number;
      /** The repository checked last. */
      readonly result: RepositoryResult;
    };

/**
 * A Location that the catalog holds or should hold, with the repository it belongs to.
 */
export interface CatalogLocation {
  readonly repository: RepositoryRef;
  readonly file: CatalogFile;
}

/** A removal that is due but held back. */
export interface HeldRemoval {
  readonly repositoryId: number;
  /**
   * The URL that its Location reads, or the ref of the entity that a location parser
   * made.
   */
  readonly entryKey: string;
  /** When the removal was first due in an unbroken series of runs, epoch milliseconds. */
  readonly sinceMs: number;
  /**
   * How long it had been confirmed by the last complete run, milliseconds; negative if an
   * event has held it since.
   */
  readonly confirmedForMs: number;
  /**
   * It was approved and carried out; a run still in progress must not bring the Location
   * back.
   */
  readonly approved: boolean;
}

/** The start of a run, or of the interrupted run that it resumes. */
export interface RunOrigin {
  /** Start of the first run, epoch milliseconds. */
  readonly sinceMs: number;
  /** Revision at the start of the first run: a check with a lower one is older. */
  readonly sinceRevision: number;
  /** Fingerprint of the discovery scope. */
  readonly scope: string;
  /** Where the listing continues, if an earlier run had no time for all pages. */
  readonly listingFrom?: ListingPosition;
}

/**
 * A provider's state between runs: the files it gave the catalog and the removals it
 * holds back.
 */
export interface ProviderState {
  readonly repositories: readonly KnownRepository[];
  readonly held: readonly HeldRemoval[];
  /** Set if the last run was interrupted: the next one resumes it. */
  readonly interruptedRun?: RunOrigin;
  /**
   * Base URLs in the last listing; they distinguish this server's events from those of
   * others.
   */
  readonly serverUrls?: readonly string[];
  /**
   * When complete runs checked repositories; `undefined` if none has with this
   * configuration.
   */
  readonly recheck?: RecheckState;
}

/** Repositories that one change may affect. */
export interface RepositorySelector {
  readonly repositoryIds: readonly number[];
  readonly addresses: readonly RepositoryAddress[];
}

/** What a filter needs to look up its answers. */
export interface FilterQuestions extends Pick<DiscoveryScope, 'filters' | 'concurrency'> {
  readonly source: RepositorySource;
  /**
   * Whether the catalog holds entries of a repository that a wrong answer would remove.
   */
  readonly isHeld: (repositoryId: number) => boolean;
  readonly signal?: AbortSignal;
}

/**
 * A filter that needs information beyond the listing. Throws only what the source throws.
 */
export interface RequestFilterStep {
  readonly reason: ExclusionReason;
  readonly needs: 'request';
  /** Returns whether the configuration uses this filter. */
  isUsed(filters: DiscoveryScope['filters']): boolean;
  /** Evaluates many repositories together; one by one, each would cost a request. */
  readInBulk(
    repositories: readonly Repository[],
    questions: FilterQuestions,
  ): Promise<(repository: Repository) => FilterVerdict>;
  /** Evaluates a single repository, with as few requests as possible. */
  readOne(repository: Repository, questions: FilterQuestions): Promise<FilterVerdict>;
}
