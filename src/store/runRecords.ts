/** What is kept of runs, so that any replica can tell. Types only. */

import { RunSummary } from '../discovery/summarizeRun';

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
