/** The types that runs and events write to and read from the store. Types only. */

import { JsonObject } from '@backstage/types';
import { RecheckState } from '../discovery/recheckState';
import { RunSummary } from '../discovery/summarizeRun';
import {
  HeldRemoval,
  KnownRepository,
  ProviderState,
  RunOrigin,
} from '../discovery/types';
import { StateChanges } from './repositoryRows';

/** How a run ended. */
export interface RunRecord {
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly status: 'succeeded' | 'failed';
  readonly summary: RunSummary;
  readonly requests: number;
  /** Whether it had credentials, or lacks those that an earlier run had. */
  readonly authenticated?: boolean;
  /** The error of a failed run, without secrets. */
  readonly error?: string;
  /** Its configuration; missing from versions that did not store it. */
  readonly settings?: RunSettings;
}

/** The configuration of a provider. */
export interface RunSettings {
  /** As written in the configuration, without secrets. */
  readonly values: JsonObject;
  /** When the first run with this configuration began, epoch milliseconds. */
  readonly sinceMs: number;
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

/** The last run with a result. */
export interface LastRun extends RunRecord {
  /** Fingerprint of its configuration: `configurationFingerprint`. */
  readonly configuration?: string;
}

/** A finished run. */
export interface FinishedRun extends LastRun {
  readonly host: string;
  readonly trigger: RunTrigger;
}

/**
 * A run that was aborted without a result, for instance because the catalog rejected the
 * mutation.
 */
export interface AbortedRunRecord {
  readonly finishedAtMs: number;
  /** Without secrets. */
  readonly error: string;
}

/** The status of a provider and the result of its last run. */
export interface StoredDiscovery {
  readonly providerId: string;
  readonly running: boolean;
  /** The last run that began; `undefined` before the first one. */
  readonly lastStart?: RunStart;
  /** Set if that run was aborted. */
  readonly failure?: AbortedRunRecord;
  /** The last run with a result, which is the source of the stored repositories. */
  readonly lastRun?: RunRecord;
  /** When a run last succeeded, even if later ones failed; epoch milliseconds. */
  readonly lastSuccessAtMs?: number;
}

/**
 * Reads what the catalog holds from a provider beyond the known state; `undefined` if
 * that cannot be read.
 */
export type BaselineReader = (
  providerId: string,
  known: readonly KnownRepository[],
) => Promise<ProviderState | undefined>;

/** The start of a run. */
export interface BegunRun {
  /** Taken before any request. */
  readonly revision: number;
  readonly origin: RunOrigin;
}

/** Checks without changes. */
export interface UnchangedChecks {
  readonly repositoryIds: readonly number[];
  /** The lowest revision of these checks. */
  readonly revision: number;
  /** The earliest time of these checks, epoch milliseconds. */
  readonly checkedAtMs: number;
}

/** Interim results of a run. */
export interface InterimRecord {
  readonly repositories: readonly KnownRepository[];
  readonly unchanged?: UnchangedChecks;
}

/** The final results of a run. */
export interface RunEnd {
  readonly run: FinishedRun;
  /**
   * Omitted if it is not known what the catalog holds: the state of repositories is then
   * unknown, too.
   */
  readonly state?: StateChanges & {
    readonly held: readonly HeldRemoval[];
    readonly serverUrls?: readonly string[];
    /** Times of checks after this run. */
    readonly recheck: RecheckState;
    /** The start of the run. */
    readonly origin: RunOrigin;
    readonly isComplete: boolean;
    /** Whether the next run should resume it. */
    readonly isUnfinished: boolean;
  };
}

/** The changes from evaluating one repository. */
export interface EvaluationRecord {
  readonly repositories: readonly KnownRepository[];
  /** Placeholder ids whose real id is known now. */
  readonly forgottenIds: readonly number[];
  readonly held: readonly HeldRemoval[];
  /** Keys of the removals that are no longer held: carried out, or not due any more. */
  readonly resolvedKeys: readonly string[];
}
