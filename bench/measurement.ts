/** What one run of one module in one cell amounts to, and several of them. Pure. */

import { Cell } from './plan';
import { medianByKey, Spread, spreadOf } from './statistics';

/** The two modules. */
export const SUBJECTS = ['ours', 'peer'] as const;
export type Subject = (typeof SUBJECTS)[number];

/** What the simulated server saw of a run. */
export interface RequestCounts {
  readonly total: number;
  readonly byKind: Readonly<Record<string, number>>;
  /** Answers with status 429. */
  readonly rateLimited: number;
}

/** One run. */
export type Measurement =
  | {
      readonly kind: 'finished';
      readonly requests: RequestCounts;
      readonly seconds: number;
      /** The most memory the process held during the run, in bytes. */
      readonly peakBytes: number;
      /** What the process held before the run, in bytes. */
      readonly idleBytes: number;
      /** In the catalog at the end. */
      readonly locations: number;
      readonly cpuSeconds: number;
      /** The longest time for which nothing else had a turn, milliseconds. */
      readonly stallMs: number;
      /** CPU time within one such time, at most, milliseconds. */
      readonly stallCpuMs: number;
    }
  | {
      readonly kind: 'failed';
      readonly requests: RequestCounts;
      /** One line. */
      readonly error: string;
    }
  | {
      readonly kind: 'stopped';
      readonly requests: RequestCounts;
      readonly limitSeconds: number;
    };

/** The runs of one module in one cell, put together. */
export type Result =
  | {
      readonly kind: 'finished';
      readonly requests: Spread;
      readonly byKind: Readonly<Record<string, number>>;
      readonly rateLimited: Spread;
      readonly seconds: Spread;
      readonly peakBytes: Spread;
      readonly idleBytes: number;
      readonly locations: Spread;
    }
  | Exclude<Measurement, { kind: 'finished' }>;

/** A cell with what became of both modules. */
export type CellResult = { readonly cell: Cell } & Readonly<Record<Subject, Result>>;

/**
 * Puts runs together. One that did not finish stands for all: numbers of the others
 * would hide it.
 */
export function summarizeRuns(runs: readonly Measurement[]): Result {
  const finished = runs.flatMap(run => (run.kind === 'finished' ? [run] : []));
  for (const run of runs) {
    if (run.kind !== 'finished') {
      return run;
    }
  }
  return {
    kind: 'finished',
    requests: spreadOf(finished.map(run => run.requests.total)),
    byKind: medianByKey(finished.map(run => run.requests.byKind)),
    rateLimited: spreadOf(finished.map(run => run.requests.rateLimited)),
    seconds: spreadOf(finished.map(run => run.seconds)),
    peakBytes: spreadOf(finished.map(run => run.peakBytes)),
    idleBytes: spreadOf(finished.map(run => run.idleBytes)).median,
    locations: spreadOf(finished.map(run => run.locations)),
  };
}
