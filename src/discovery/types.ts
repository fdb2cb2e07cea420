/**
 * What the engine is asked, what it needs and what it answers. Types only. The engine
 * sees Bitbucket through `RepositorySource`, which it declares itself.
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
import type { RecheckState } from './recheck';

/** What to discover: the part of a provider's configuration the engine reads. */
export interface DiscoveryScope {
  /**
   * Of the integration. What was settled on one server does not count on another, and what is
   * not on it cannot be read.
   */
  readonly host: string;
  readonly catalogPaths: readonly CatalogPath[];
  readonly branch?: string;
  readonly validateLocationsExist: boolean;
  /** Of one with more files, none is registered anew. */
  readonly maxFilesPerRepository: number;
  readonly filters: RepositoryFilters;
  /** Repositories looked at at the same time, 1 or more. */
  readonly concurrency: number;
  /** A location parser makes entities of what is found. */
  readonly isParsed?: boolean;
}

interface Abortable {
  readonly signal?: AbortSignal;
}

/**
 * Where repositories come from. Whatever it throws ends the run; every other failure is
 * part of its answers.
 */
export interface RepositorySource {
  /**
   * Every repository the credentials may see, archived ones included.
   *
   * @param options - `start`: goes on where an earlier listing was cut short
   */
  listRepositories(
    options: Abortable & { start?: number },
  ): AsyncIterable<ListingStep<Repository>>;
  /** Every project the credentials may see. */
  listProjects(options: Abortable): AsyncIterable<ListingStep<Project>>;
  /** The repositories of one project, archived ones included. */
  listProjectRepositories(
    projectKey: string,
    options: Abortable & { start?: number },
  ): AsyncIterable<ListingStep<Repository>>;
  /** One repository by its address; the answer tells where it is now. */
  getRepository(
    address: RepositoryAddress,
    options: Abortable,
  ): Promise<RepositoryLookup>;
  /**
   * Whether a path is a file.
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
   * Every file of a branch, as paths from the root.
   *
   * @param options - `inOnePage`: gives up soon where that is too much for one answer
   */
  listFiles(
    address: RepositoryAddress,
    options: Abortable & { branch?: string; inOnePage?: boolean },
  ): Promise<Lookup<readonly string[]>>;
  /** Ids of the repositories that carry a label, in bulk; `gone` where there is no such label. */
  listLabeled(label: string, options: Abortable): AsyncIterable<ListingStep<number>>;
  /** The labels of one repository. */
  getLabels(address: RepositoryAddress, options: Abortable): Promise<LabelsLookup>;
  /** Searches default branches for a file name; left out where nothing is searched. */
  searchFiles?(query: FileSearchQuery, options: Abortable): Promise<FileSearch>;
  /** The URL by which the catalog reads a file; asks nothing. */
  fileUrl(repository: Repository, path: string, branch?: string): string;
}

/** What is searched for. */
export interface FileSearchQuery {
  readonly fileName: string;
  /** In its repositories only. */
  readonly projectKey?: string;
}

/** A file that search shows, which may be gone by now. */
export interface SearchHit extends RepositoryAddress {
  readonly repositoryId: number;
  /** From the repository root, no leading slash. */
  readonly path: string;
}

/** What a search yields, files of other names among it. */
export type FileSearch =
  | {
      readonly kind: 'found';
      readonly hits: readonly SearchHit[];
      /** There may be more than the server shows. */
      readonly isComplete: boolean;
    }
  | Unanswered;

/** A custom location parser, for the files of one repository. Throws what ends the run. */
export type ParseFiles = (
  repository: Repository,
  files: readonly CatalogFile[],
  options: Abortable,
) => Promise<ParsedFiles>;

/** What a location parser made: nothing, or any number of entities per file. */
export type ParsedFiles =
  | { readonly kind: 'parsed'; readonly files: readonly CatalogFile[] }
  | { readonly kind: 'failed'; readonly problem: Problem };

/** Which repository something is about. */
export interface RepositoryRef extends RepositoryAddress {
  /** Bitbucket's numeric id; negative where only the address is known. */
  readonly id: number;
  readonly hierarchyId?: string;
}

/** What a provider remembers of a repository between runs. */
export interface KnownRepository {
  /** Bitbucket's numeric id; negative where it was taken over from the catalog and is not known yet. */
  readonly repositoryId: number;
  readonly projectKey: string;
  readonly slug: string;
  /** As the listing last showed it. */
  readonly hierarchyId?: string;
  /** What the catalog was given for it; empty when it was looked at and has none. */
  readonly files: readonly CatalogFile[];
  /** What the last look that was not `unknown` found; `undefined` when there was none. */
  readonly conclusive?: ConclusiveOutcome;
  /** When that was, epoch milliseconds; for people: order is told by `revision`. */
  readonly checkedAtMs?: number;
  /** Why the look after that told nothing; `undefined` where it is the last one. */
  readonly problem?: Problem;
  /**
   * Of the last look: the number that whoever looked took before asking. What has a lower
   * one is older, whatever the clocks say. `undefined` where nothing is stored yet.
   */
  readonly revision?: number;
}

/** An outcome that tells something about a repository. */
export type ConclusiveOutcome = Exclude<RepositoryOutcome, { kind: 'unknown' }>;

/** Why a repository need not be looked at. */
export const SPARED_BY = ['recheck', 'read', 'search'] as const;
export type SparedBy = (typeof SPARED_BY)[number];

/** How one repository ended a run. */
export interface RepositoryResult {
  readonly repository: RepositoryRef;
  readonly outcome: RepositoryOutcome;
  /** When Bitbucket was asked, epoch milliseconds; `undefined` while it is `unknown`. */
  readonly checkedAtMs?: number;
  /** The revision under which it was asked; `undefined` where nobody counts. */
  readonly revision?: number;
  /** It was not looked at: what is known of it is believed for a while, or search showed it. */
  readonly sparedBy?: SparedBy;
}

/** Something in the listing that could not be read. */
export interface ListingProblem {
  /** `undefined` for the listing of the whole server. */
  readonly projectKey?: string;
  readonly problem: Problem;
  /** Bitbucket says that the project does not exist: its repositories are then asked for one by one. */
  readonly gone: boolean;
}

/** What the listing yielded. */
export interface Listing {
  readonly repositories: readonly Repository[];
  /**
   * Every page of the server, or of at least one project, was read, or every project is
   * gone. Otherwise nothing may be removed.
   */
  readonly complete: boolean;
  readonly problems: readonly ListingProblem[];
  /** Items that could not be identified as repositories. */
  readonly unreadable: number;
  /** There was no more time for the rest: where the next run goes on. */
  readonly continuesAt?: ListingPosition;
}

/** Where a listing goes on that was cut short. */
export interface ListingPosition {
  /** Where projects are listed one by one. */
  readonly projectKey?: string;
  /** `nextPageStart` of the last page that was read; left out before the first. */
  readonly start?: number;
}

/** The time that a listing may take, so that what it shows is looked at in the same run. */
export interface ListingTime {
  /** Aborted when it is over. */
  readonly signal: AbortSignal;
  /** How long it is, for messages; milliseconds. */
  readonly ms: number;
}

/** What became of code search in a run. */
export type SearchUse =
  | { readonly kind: 'used' }
  | {
      readonly kind: 'off';
      /** Without secrets. */
      readonly reason: string;
    };

/** Everything one run found out. Decides nothing about the catalog: `reconcile` does. */
export interface DiscoveryResult {
  readonly listing: Omit<Listing, 'repositories'>;
  readonly repositories: readonly RepositoryResult[];
  /** What was remembered before the run, placeholder ids replaced where the run could. */
  readonly known: readonly KnownRepository[];
  /** What became of code search; `undefined` where it was not worth asking. */
  readonly search?: SearchUse;
  /** Base URLs in the links of the listed repositories: the server may be known under another name. */
  readonly serverUrls?: readonly string[];
  /** Ids of known repositories that Bitbucket proved gone. */
  readonly goneRepositoryIds: ReadonlySet<number>;
  /**
   * What was known by ids that other repositories have by now: a sign that another server
   * answers.
   */
  readonly reassigned?: readonly KnownRepository[];
  /** Why the run ended early: it was aborted, or the source threw. */
  readonly interruption?: {
    readonly kind: 'aborted' | 'failed';
    readonly error: unknown;
  };
}

/** What a watcher of a run is told. */
export type DiscoveryProgress =
  | { readonly kind: 'listing'; readonly listed: number }
  | {
      readonly kind: 'checking';
      readonly checked: number;
      readonly total: number;
      /** What was looked at just now. */
      readonly result: RepositoryResult;
    };

/** A Location the catalog holds or is to hold, with the repository it belongs to. */
export interface CatalogLocation {
  readonly repository: RepositoryRef;
  readonly file: CatalogFile;
}

/** A removal that was due and is not carried out yet. */
export interface HeldRemoval {
  readonly repositoryId: number;
  /** The URL its Location reads, or the entity ref of what a location parser made. */
  readonly entryKey: string;
  /** Epoch milliseconds of the first of the runs without a gap that found it due. */
  readonly sinceMs: number;
  /**
   * For how long it was confirmed up to the last complete run, milliseconds; negative where
   * an event has held it since.
   */
  readonly confirmedForMs: number;
  /** Somebody allowed it, and it was carried out; a run that goes on must not bring it back. */
  readonly approved: boolean;
}

/** Where a run began: by itself, or with the interrupted one that it resumes. */
export interface RunOrigin {
  /** When its first run began, epoch milliseconds. */
  readonly sinceMs: number;
  /** The revision with which its first run began: what has a lower one was looked at before. */
  readonly sinceRevision: number;
  /** What it looks for, in a comparable form. */
  readonly scope: string;
  /** Its listing does not begin at the first page: there was no time for all of them before. */
  readonly listingFrom?: ListingPosition;
}

/** What a provider remembers between runs: what it gave the catalog and what it holds back. */
export interface ProviderState {
  readonly repositories: readonly KnownRepository[];
  readonly held: readonly HeldRemoval[];
  /** Present when the last run did not get through: the next one continues it. */
  readonly interruptedRun?: RunOrigin;
  /** Base URLs that the last listing showed; tells events of this server from those of others. */
  readonly serverUrls?: readonly string[];
  /** When complete runs have looked; `undefined` where none has under the last configuration. */
  readonly recheck?: RecheckState;
}

/** Repositories that one change may concern. */
export interface RepositorySelector {
  readonly repositoryIds: readonly number[];
  readonly addresses: readonly RepositoryAddress[];
}

/** What a filter asks with. */
export interface FilterQuestions extends Pick<DiscoveryScope, 'filters' | 'concurrency'> {
  readonly source: RepositorySource;
  /** Whether the catalog has something of a repository, which a wrong answer would take away. */
  readonly isHeld: (repositoryId: number) => boolean;
  readonly signal?: AbortSignal;
}

/** A filter whose answer is on no listing row. Throws only what the source throws. */
export interface AskingFilterStep {
  readonly reason: ExclusionReason;
  readonly needs: 'request';
  /** Whether the configuration uses it. */
  isUsed(filters: DiscoveryScope['filters']): boolean;
  /** Decides about many together: one by one, each would cost a request. */
  readInBulk(
    repositories: readonly Repository[],
    questions: FilterQuestions,
  ): Promise<(repository: Repository) => FilterVerdict>;
  /** Decides about one alone, with as few requests as that takes. */
  readOne(repository: Repository, questions: FilterQuestions): Promise<FilterVerdict>;
}
