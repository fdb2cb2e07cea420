/** What one run of one module in one cell amounts to, and several of them. Pure. */

import { Cell, FILE_EVERY, REPOSITORIES_PER_PROJECT } from './plan';
import { medianByKey, Spread, getSpread } from './statistics';

/** The two modules. */
export const SUBJECTS = ['ours', 'peer'] as const;
export type Subject = (typeof SUBJECTS)[number];

/** What the simulated server saw of a run. */
export interface RequestCounts {
  readonly total: number;
  readonly byKind: Readonly<Record<string, number>>;
  /** Answers with status 429. */
  readonly rateLimited: number;
  /** In the second half of the run, when a full bucket no longer helps. */
  readonly perSecond: number;
}

/**
 * Requests per second in the second half.
 *
 * @param times - epoch milliseconds, in order
 * @returns `Infinity` where that took no time
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
      /** The most memory the process held during the run, in bytes. */
      readonly peakBytes: number;
      /** What the process held before the run, in bytes. */
      readonly idleBytes: number;
      /** In the catalog at the end. */
      readonly locations: number;
      readonly cpuSeconds: number;
      /** CPU time of the simulated server for each request, milliseconds. */
      readonly serverCpuMs: number;
      /** The longest time for which nothing else had a turn, milliseconds. */
      readonly stallMs: number;
      /** CPU time within one such time, at most, milliseconds. */
      readonly stallCpuMs: number;
      /** Rows of a database, where the module keeps any. */
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

/** The runs of one module in one cell, put together. */
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
  /** Not run, since it takes too long: reckoned from the same on a smaller server. */
  | ScaledResult
  | Exclude<Measurement, { kind: 'finished' }>;

/** See {@link scaleResult}. */
export interface ScaledResult {
  readonly kind: 'scaled';
  /** Repositories of the server that was measured. */
  readonly from: number;
  readonly byKind: Readonly<Record<string, number>>;
  readonly requests: number;
  readonly rateLimited: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

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
  if (finished.length === 0) {
    const requests = { total: 0, byKind: {}, rateLimited: 0, perSecond: 0 };
    return {
      kind: 'failed',
      requests,
      error: 'takes too long, and nothing like it was run',
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

/** Repositories that one request of these kinds tells of; others ask about one each, or once. */
const REPOSITORIES_PER_PAGE: Readonly<Record<string, number>> = {
  repositories: 1000,
  projects: 25 * REPOSITORIES_PER_PROJECT,
  search: 500 * FILE_EVERY,
};
const ASKED_ONCE = new Set(['rate-limit-settings', 'authentication-check']);

/**
 * How many times as many requests of a kind it takes on a larger server.
 *
 * @param kind - as the simulated server calls it
 * @param from - repositories of the smaller server
 * @param to - repositories of the larger one
 */
export function getGrowth(kind: string, from: number, to: number): number {
  const perPage = REPOSITORIES_PER_PAGE[kind];
  if (perPage !== undefined) {
    return Math.ceil(to / perPage) / Math.ceil(from / perPage);
  }
  return ASKED_ONCE.has(kind) ? 1 : to / from;
}

/**
 * What a cell would show that takes too long: as many requests for each repository as on
 * the smaller server, the further ones at the pace of the second half there. What failed
 * there would fail here.
 *
 * @param result - of the same on a server with `from` repositories
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
