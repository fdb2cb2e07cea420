/** What runs and events leave to the store, and find there. Types only. */

import { JsonObject } from '@backstage/types';
import { RecheckState } from '../discovery/recheck';
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
  /** It had credentials, or misses those that an earlier one had. */
  readonly authenticated?: boolean;
  /** Of a failed run, without secrets. */
  readonly error?: string;
  /** What it was configured with; left out by versions that did not keep it. */
  readonly settings?: RunSettings;
}

/** What a provider was configured with. */
export interface RunSettings {
  /** As it stands in the configuration, without secrets. */
  readonly values: JsonObject;
  /** When the first run began that was configured so, epoch milliseconds. */
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

/** The last run that came to a result. */
export interface LastRun extends RunRecord {
  /** Fingerprint of what it looked for: `configurationFingerprint`. */
  readonly configuration?: string;
}

/** A run that has ended. */
export interface FinishedRun extends LastRun {
  readonly host: string;
  readonly trigger: RunTrigger;
}

/** A run that broke off: it came to no result, such as when the catalog took nothing. */
export interface AbortedRunRecord {
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
  readonly failure?: AbortedRunRecord;
  /** The last run that came to a result; what is stored of repositories is from there. */
  readonly lastRun?: RunRecord;
  /** When a run last ended with success, whatever came after it. */
  readonly lastSuccessAtMs?: number;
}

/**
 * Reads what the catalog holds from a provider beyond what is known; `undefined` where that
 * cannot be read.
 */
export type BaselineReader = (
  providerId: string,
  known: readonly KnownRepository[],
) => Promise<ProviderState | undefined>;

/** What a run begins with. */
export interface BegunRun {
  /** Taken before anything is asked. */
  readonly revision: number;
  readonly origin: RunOrigin;
}

/** Looks that found nothing new. */
export interface UnchangedLooks {
  readonly repositoryIds: readonly number[];
  /** The lowest of theirs. */
  readonly revision: number;
  /** The earliest of theirs, epoch milliseconds. */
  readonly checkedAtMs: number;
}

/** What a run has learned on its way. */
export interface InterimRecord {
  readonly repositories: readonly KnownRepository[];
  readonly unchanged?: UnchangedLooks;
}

/** What a run leaves. */
export interface RunEnd {
  readonly run: FinishedRun;
  /** Left out where it is not known what the catalog holds: then nothing is known of repositories. */
  readonly state?: StateChanges & {
    readonly held: readonly HeldRemoval[];
    readonly serverUrls?: readonly string[];
    /** When runs have looked, once this one has reached its end. */
    readonly recheck: RecheckState;
    /** Where it began, and whether it has reached its end. */
    readonly origin: RunOrigin;
    readonly isComplete: boolean;
    /** The next run is to resume it. */
    readonly isUnfinished: boolean;
  };
}

/** What looking at one repository changed. */
export interface EvaluationRecord {
  readonly repositories: readonly KnownRepository[];
  /** Placeholders whose id is known now. */
  readonly forgottenIds: readonly number[];
  readonly held: readonly HeldRemoval[];
  /** Keys of what is no longer held back: removed, or not due any more. */
  readonly resolvedKeys: readonly string[];
}
