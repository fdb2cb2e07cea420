/** Where a provider's memory lives between runs. */

import {
  HeldRemoval,
  KnownRepository,
  ProviderMemory,
  UnfinishedPass,
  Vicinity,
} from '../discovery/types';

/** What looking at one repository changed. */
export interface EvaluationRecord {
  readonly repositories: readonly KnownRepository[];
  /** Placeholders whose id is known now. */
  readonly forgottenIds: readonly number[];
  readonly held: readonly HeldRemoval[];
  /** No longer held back: removed, or not due any more. */
  readonly resolvedTargets: readonly string[];
}

/** Loads and saves what each provider knows. */
export interface ProviderMemoryStore {
  /** @returns `undefined` when what the catalog holds from the provider cannot be told */
  load(providerId: string): Promise<ProviderMemory | undefined>;
  /**
   * What is remembered of a few repositories, and of all that hold a file of theirs.
   *
   * @returns `undefined` while nothing is stored: no run has begun yet
   */
  loadNear(
    providerId: string,
    vicinity: Vicinity,
  ): Promise<readonly KnownRepository[] | undefined>;
  /** Base URLs that the last listing showed. */
  loadServerUrls(providerId: string): Promise<readonly string[]>;
  /**
   * Replaces what is remembered; approvals that came in meanwhile stay.
   *
   * @param upToMs - the end of the run that saves: what an event has settled later than the
   * run is kept; epoch milliseconds. Left out, everything is replaced
   * @returns what was kept
   */
  save(
    providerId: string,
    memory: ProviderMemory,
    upToMs?: number,
  ): Promise<readonly KnownRepository[]>;
  /**
   * Notes that a pass begins, so that one that never ends is continued by the next run.
   *
   * @param memory - what `load` returned: kept where nothing was stored yet
   */
  beginPass(
    providerId: string,
    memory: ProviderMemory,
    pass: UnfinishedPass,
  ): Promise<void>;
  /** Adds to what is remembered while a pass goes on; what was settled later stays as it is. */
  saveProgress(
    providerId: string,
    repositories: readonly KnownRepository[],
  ): Promise<void>;
  /** Notes what looking at one repository changed. */
  saveEvaluation(providerId: string, record: EvaluationRecord): Promise<void>;
  /** Targets whose removal is held back and was approved. */
  loadApprovals(providerId: string): Promise<ReadonlySet<string>>;
  /** Approves the removal of what is held back now. */
  approve(providerId: string, targetUrls: readonly string[]): Promise<void>;
}

/** Reads what the catalog holds from a provider; `undefined` where that cannot be read. */
export type BaselineReader = (providerId: string) => Promise<ProviderMemory | undefined>;
