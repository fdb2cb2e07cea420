/** Where the report on discovery lives, so that any replica can answer for all of them. */

import { HeldRemovalReport, RepositoryReport } from '../discovery/report';
import { RunSummary } from '../discovery/summarizeRun';
import { OutcomeKind } from '../model';

/** How a run ended. */
export interface RunRecord {
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly status: 'succeeded' | 'failed';
  readonly summary: RunSummary;
  readonly requests: number;
  /** Of a failed run, without secrets. */
  readonly error?: string;
}

/** What started a run. */
export const RUN_TRIGGERS = ['schedule', 'manual'] as const;
export type RunTrigger = (typeof RUN_TRIGGERS)[number];

/** A run that begins. */
export interface RunStart {
  readonly host: string;
  readonly startedAtMs: number;
  readonly trigger: RunTrigger;
}

/** A run that has ended. */
export interface FinishedRun extends RunRecord {
  readonly host: string;
  readonly trigger: RunTrigger;
}

/** A run that broke off: it came to no result, such as when the catalog took nothing. */
export interface RunFailure {
  readonly finishedAtMs: number;
  /** Without secrets. */
  readonly error: string;
}

/** What a provider is doing and how its last run ended. */
export interface StoredDiscovery {
  readonly providerId: string;
  readonly running: boolean;
  /** The last run that began; `undefined` before the first one. */
  readonly lastStart?: RunStart;
  /** Present where that run broke off. */
  readonly failure?: RunFailure;
  /** The last run that came to a result; what is stored of repositories is from there. */
  readonly lastRun?: RunRecord;
  /** When a run last ended with success, whatever came after it. */
  readonly lastSuccessAtMs?: number;
}

/** Which repositories are asked for. */
export interface RepositoryQuery {
  readonly outcome?: OutcomeKind;
  /** A project key, whatever the case of its letters. */
  readonly project?: string;
  readonly limit: number;
  readonly offset: number;
}

/** A part of the repositories that match. */
export interface RepositoryPage {
  readonly items: readonly RepositoryReport[];
  /** How many match altogether. */
  readonly totalItems: number;
}

/** Keeps the report; each provider has its own. */
export interface ReportStore {
  /** Notes what the run that begins next, on whichever replica, is started by. */
  noteTrigger(providerId: string, trigger: 'manual'): Promise<void>;
  /**
   * Takes back what was noted: of runs that begin at the same time, one gets it.
   *
   * @returns `schedule` where nothing is noted
   */
  takeTrigger(providerId: string): Promise<RunTrigger>;
  /** Shows the provider as running; how the run before ended stays to be seen. */
  beginRun(providerId: string, start: RunStart): Promise<void>;
  /**
   * Replaces what is stored by how a run ended.
   *
   * @param repositories - all that the run knows of. A run that failed may have seen only
   * a part: what it does not name stays as it was
   */
  finishRun(
    providerId: string,
    run: FinishedRun,
    repositories: readonly RepositoryReport[],
  ): Promise<void>;
  /** Notes that the run that began last broke off; what is stored of repositories stays. */
  failRun(providerId: string, failure: RunFailure): Promise<void>;
  /** Adds or replaces single repositories, such as those an event was about. */
  saveRepositories(
    providerId: string,
    repositories: readonly RepositoryReport[],
  ): Promise<void>;
  /** Forgets single repositories, such as one that was deleted. */
  forgetRepositories(providerId: string, repositoryIds: readonly number[]): Promise<void>;
  /** Of every provider that something is stored of, also one that is not configured any more. */
  loadDiscoveries(): Promise<StoredDiscovery[]>;
  loadDiscovery(providerId: string): Promise<StoredDiscovery | undefined>;
  /** The removals that are held back now, in no order. */
  loadHeldRemovals(providerId: string): Promise<HeldRemovalReport[]>;
  /** In the order of `compareReports`. */
  pageRepositories(providerId: string, query: RepositoryQuery): Promise<RepositoryPage>;
  /** Finds the repository at an address, whatever the case of its letters. */
  findRepository(
    providerId: string,
    projectKey: string,
    slug: string,
  ): Promise<RepositoryReport | undefined>;
  /** The repositories that have one of these files, in the order of `compareReports`. */
  findByTargets(
    providerId: string,
    targetUrls: readonly string[],
  ): Promise<RepositoryReport[]>;
}
