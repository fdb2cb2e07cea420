/** The result of one run of one module in one cell, and of several runs together. Pure. */

import { Cell, FILE_EVERY, REPOSITORIES_PER_PROJECT } from './plan';
import { medianByKey, Spread, getSpread } from './statistics';

/** The two modules. */
export const SUBJECTS = ['ours', 'peer'] as const;
export type Subject = (typeof SUBJECTS)[number];

/** The requests of a run that the simulated server received. */
export interface RequestCounts {
  readonly total: number;
  readonly byKind: Readonly<Record<string, number>>;
  /** Answers with status 429. */
  readonly rateLimited: number;
  /** In the second half of the run, when the initial burst is used up. */
  readonly perSecond: number;
}

/**
 * Requests per second in the second half.
 *
 * @param times - epoch milliseconds, in order
 * @returns `Infinity` if that took no time
 */
export function getPace(times: readonly number[]): number {
  const half = Math.floor(times.length / 2);
  const [middle = 0, end = 0] = [times[half], times.at(-1)];
  return times.length < 3
    ? Infinity
    : (times.length - 1 - half) / ((end - middle) / 1000);
}

/** One run. */
export type Measurement =
  | {
      readonly kind: 'finished';
      readonly requests: RequestCounts;
      readonly seconds: number;
      /** Peak memory of the process during the run, in bytes. */
      readonly peakBytes: number;
      /** Memory of the process before the run, in bytes. */
      readonly idleBytes: number;
      /** Locations in the catalog at the end. */
      readonly locations: number;
      readonly cpuSeconds: number;
      /** CPU time of the simulated server per request, milliseconds. */
      readonly serverCpuMs: number;
      /** The longest time for which the event loop was blocked, milliseconds. */
      readonly stallMs: number;
      /** The most CPU time within one such time, milliseconds. */
      readonly stallCpuMs: number;
      /** Database rows, if the module stores any. */
      readonly rowsWritten?: number;
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

/** The summary of the runs of one module in one cell. */
export type Result =
  | {
      readonly kind: 'finished';
      readonly requests: Spread;
      readonly byKind: Readonly<Record<string, number>>;
      readonly rateLimited: Spread;
      readonly perSecond: number;
      readonly seconds: Spread;
      readonly cpuSeconds: Spread;
      readonly serverCpuMs: Spread;
      readonly peakBytes: Spread;
      readonly idleBytes: number;
      readonly stallMs: Spread;
      readonly stallCpuMs: Spread;
      readonly locations: Spread;
      readonly runs: number;
    }
  /** Not run because it takes too long: extrapolated from the same situation on a smaller server. */
  | ScaledResult
  | Exclude<Measurement, { kind: 'finished' }>;

/** See {@link scaleResult}. */
export interface ScaledResult {
  readonly kind: 'scaled';
  /** The number of repositories of the measured server. */
  readonly from: number;
  readonly byKind: Readonly<Record<string, number>>;
  readonly requests: number;
  readonly rateLimited: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** A cell with the results of both modules. */
export type CellResult = { readonly cell: Cell } & Readonly<Record<Subject, Result>>;

/**
 * Summarizes runs. If one did not finish, it is the result: numbers of the others would hide it.
 */
export function summarizeRuns(runs: readonly Measurement[]): Result {
  const finished = runs.flatMap(run => (run.kind === 'finished' ? [run] : []));
  for (const run of runs) {
    if (run.kind !== 'finished') {
      return run;
    }
  }
  if (finished.length === 0) {
    const requests = { total: 0, byKind: {}, rateLimited: 0, perSecond: 0 };
    return {
      kind: 'failed',
      requests,
      error: 'takes too long, and nothing comparable was run',
    };
  }
  return {
    kind: 'finished',
    requests: getSpread(finished.map(run => run.requests.total)),
    byKind: medianByKey(finished.map(run => run.requests.byKind)),
    rateLimited: getSpread(finished.map(run => run.requests.rateLimited)),
    perSecond: getSpread(finished.map(run => run.requests.perSecond)).median,
    runs: finished.length,
    seconds: getSpread(finished.map(run => run.seconds)),
    cpuSeconds: getSpread(finished.map(run => run.cpuSeconds)),
    serverCpuMs: getSpread(finished.map(run => run.serverCpuMs)),
    stallMs: getSpread(finished.map(run => run.stallMs)),
    stallCpuMs: getSpread(finished.map(run => run.stallCpuMs)),
    peakBytes: getSpread(finished.map(run => run.peakBytes)),
    idleBytes: getSpread(finished.map(run => run.idleBytes)).median,
    locations: getSpread(finished.map(run => run.locations)),
  };
}

/** Repositories per request of these kinds; other kinds concern one repository, or are sent once. */
const REPOSITORIES_PER_PAGE: Readonly<Record<string, number>> = {
  repositories: 1000,
  projects: 25 * REPOSITORIES_PER_PROJECT,
  search: 500 * FILE_EVERY,
};
const SENT_ONCE = new Set(['rate-limit-settings', 'authentication-check']);

/**
 * Returns the factor by which a larger server needs more requests of a kind.
 *
 * @param kind - the kind in the simulated server's request log
 * @param from - repositories of the smaller server
 * @param to - repositories of the larger one
 */
export function getGrowth(kind: string, from: number, to: number): number {
  const perPage = REPOSITORIES_PER_PAGE[kind];
  if (perPage !== undefined) {
    return Math.ceil(to / perPage) / Math.ceil(from / perPage);
  }
  return SENT_ONCE.has(kind) ? 1 : to / from;
}

/**
 * Extrapolates to a cell that takes too long: as many requests per repository as on the smaller
 * server, the additional ones at the pace of its second half. A failure there counts as a failure
 * here.
 *
 * @param result - the same situation on a server with `from` repositories
 */
export function scaleResult(result: Result, from: number, to: number): Result {
  if (result.kind !== 'finished') {
    return result;
  }
  const factor = to / from;
  const byKind = Object.fromEntries(
    Object.entries(result.byKind).map(([kind, count]) => [
      kind,
      Math.round(count * getGrowth(kind, from, to)),
    ]),
  );
  const requests = Object.values(byKind).reduce((sum, count) => sum + count, 0);
  const further = Math.max(0, requests - result.requests.median);
  return {
    kind: 'scaled',
    from,
    byKind,
    requests,
    rateLimited: Math.round(result.rateLimited.median * factor),
    seconds: result.seconds.median + further / result.perSecond,
    cpuSeconds: result.cpuSeconds.median * factor,
  };
}
