/** The cells of a full and of a quick benchmark. Pure. */

import type { Subject } from './measurement';
import type { Phase } from './messages';

/** Bitbucket's rate limit: a bucket of tokens per user. */
export interface Bucket {
  /** Tokens a full bucket holds. */
  readonly capacity: number;
  /** Tokens added each second. */
  readonly fillRate: number;
  /** Whether clients may read these numbers; otherwise they learn of the limit only by a 429. */
  readonly isShown: boolean;
}

/** Disturbances of a cell. */
const DISTURBANCES = ['empty-repository', '429-on-listing', '429-on-file'] as const;
export type Disturbance = (typeof DISTURBANCES)[number];

/** One situation in which both modules are measured. */
export interface Cell {
  readonly repositories: number;
  /** Milliseconds before each answer. */
  readonly latencyMs: number;
  /** Without it, requests are not limited. */
  readonly bucket?: Bucket;
  readonly validateLocationsExist: boolean;
  readonly disturbance?: Disturbance;
  /** Measures a second run, before which nothing has changed. */
  readonly isUnchanged?: boolean;
  /** Measures a second run, before which 1 % of the repositories have been renamed. */
  readonly isChanged?: boolean;
  /** The database of this module; the published one stores nothing. */
  readonly database?: 'SQLite' | 'PostgreSQL';
  /** The server offers code search. */
  readonly hasSearch?: boolean;
  /** How often each module is measured; by default this depends on how long it takes. */
  readonly repeats?: number;
}

/** Huge servers of which only the listing is requested: a first run, and two kinds of second runs. */
export function scaleCells(repositories: number, database: Cell['database']): Cell[] {
  const cold = {
    repositories,
    latencyMs: 0,
    validateLocationsExist: false,
    database,
    repeats: 1,
  };
  return [cold, { ...cold, isUnchanged: true }, { ...cold, isChanged: true }];
}

/** Sizes of huge servers, in repositories. */
export const SCALE_SIZES = [10_000, 100_000];

/**
 * Whether a module is run on a huge server. The published one stores nothing, so that a first run
 * with one database is enough, if it does not take minutes.
 */
export function isMeasuredAtScale(cell: Cell, subject: Subject): boolean {
  const isFirst = !cell.isUnchanged && !cell.isChanged;
  return (
    subject === 'ours' ||
    (cell.database === 'SQLite' && isFirst && isMeasured(cell, subject))
  );
}

/** The extent of a benchmark. */
export type Mode = 'full' | 'quick';

/** The cells of a mode and their time limits. */
export interface Plan {
  /** Groups run one after the other; the cells of a group, which mostly wait, run concurrently. */
  readonly groups: readonly (readonly Cell[])[];
  /** A module that takes longer in a cell is stopped. */
  readonly limitSeconds: number;
  /** Cells that have not begun by then are left out. */
  readonly totalSeconds: number;
}

/** One of this many repositories has a catalog file. */
export const FILE_EVERY = 5;

/** Large projects favour the published module, which lists each project separately. */
export const REPOSITORIES_PER_PROJECT = 50;

/** The example in Bitbucket's documentation, and one with ten times its rate. */
const BUCKETS: readonly Bucket[] = [5, 50].flatMap(fillRate =>
  [true, false].map(isShown => ({ capacity: 60, fillRate, isShown })),
);
const SIZES = [200, 2000, 20_000];
const LATENCIES_MS = [0, 20, 100];

/** Cells that would take longer are not run, but extrapolated from a smaller server. */
const MAX_ESTIMATE_SECONDS = 70;
/** A run is repeated if its estimate is lower. */
const REPEATED_SECONDS = { thrice: 5, twice: 15 };
/** With such low rates, concurrent cells do not affect each other. */
const CELLS_AT_ONCE: ReadonlyMap<number, number> = new Map([
  [5, 6],
  [50, 3],
]);

/** The number of Locations that a correct run ends with. */
export function expectedLocations(cell: Cell): number {
  const extra = cell.disturbance === 'empty-repository' ? 1 : 0;
  return cell.validateLocationsExist
    ? Math.ceil(cell.repositories / FILE_EVERY)
    : cell.repositories + extra;
}

/** Returns the cells of a mode. */
export function planFor(mode: Mode): Plan {
  return mode === 'full'
    ? { groups: fullGroups(), limitSeconds: 150, totalSeconds: Infinity }
    : { groups: quickCells().map(cell => [cell]), limitSeconds: 30, totalSeconds: 80 };
}

/** Whether a module is run in a cell; otherwise its numbers are extrapolated. */
export function isMeasured(cell: Cell, subject: Subject): boolean {
  return estimateSeconds(cell, subject) <= MAX_ESTIMATE_SECONDS;
}

/** A rough estimate from earlier runs: this module sends 8 requests at a time, the published one 1. */
export function estimateSeconds(
  { repositories, latencyMs, bucket, validateLocationsExist }: Cell,
  subject: Subject,
): number {
  if (subject === 'peer') {
    return (repositories * 1.2 * (latencyMs + 3)) / 1000;
  }
  if (!validateLocationsExist) {
    return repositories / 20_000;
  }
  const requestSeconds = (repositories * Math.max(2.5, latencyMs / 8)) / 1000;
  const fillSeconds = bucket
    ? (repositories - bucket.capacity) / (bucket.fillRate * 0.8)
    : 0;
  return Math.max(requestSeconds, fillSeconds);
}

/** How often a module is measured in a cell. */
export function getRepeats(cell: Cell, subject: Subject): number {
  if (cell.repeats !== undefined) {
    return cell.repeats;
  }
  const seconds = estimateSeconds(cell, subject);
  if (seconds <= REPEATED_SECONDS.thrice) {
    return 3;
  }
  return seconds <= REPEATED_SECONDS.twice ? 2 : 1;
}

function fullGroups(): Cell[][] {
  const groups: Cell[][] = [];
  const cold = { validateLocationsExist: true };
  for (const repositories of SIZES) {
    groups.push(...LATENCIES_MS.map(latencyMs => [{ ...cold, repositories, latencyMs }]));
    for (const [fillRate, atOnce] of CELLS_AT_ONCE) {
      const cells = BUCKETS.filter(bucket => bucket.fillRate === fillRate).flatMap(
        bucket =>
          LATENCIES_MS.map(latencyMs => ({
            ...cold,
            repositories,
            latencyMs,
            bucket,
            repeats: 1,
          })),
      );
      for (let first = 0; first < cells.length; first += atOnce) {
        groups.push(cells.slice(first, first + atOnce));
      }
    }
  }
  const spared = { repositories: 2000, latencyMs: 20 };
  const others: Cell[] = [
    { ...spared, validateLocationsExist: false, repeats: 1 },
    { ...spared, validateLocationsExist: true, isUnchanged: true, repeats: 1 },
    { ...spared, validateLocationsExist: true, hasSearch: true, repeats: 1 },
    ...DISTURBANCES.map(disturbedCell),
  ];
  return [...groups, ...others.map(cell => [cell])];
}

function quickCells(): Cell[] {
  const cold = { repositories: 200, validateLocationsExist: true, repeats: 1 };
  const bucket = { capacity: 60, fillRate: 20, isShown: true };
  return [
    { ...cold, repositories: 2000, latencyMs: 0, validateLocationsExist: false },
    { ...cold, latencyMs: 20 },
    { ...cold, latencyMs: 20, bucket },
    { ...cold, latencyMs: 0, isUnchanged: true },
    { ...cold, latencyMs: 0, hasSearch: true },
    disturbedCell('empty-repository'),
  ];
}

function disturbedCell(disturbance: Disturbance): Cell {
  return {
    repositories: 200,
    latencyMs: 0,
    // Where files are not checked, the published module still sends a request per repository.
    validateLocationsExist: disturbance !== 'empty-repository',
    disturbance,
    repeats: 1,
  };
}

/** The runs of a module in a cell; the last one is measured. */
export function getPhases({ isUnchanged, isChanged }: Cell): Phase[] {
  return [
    'cold',
    ...(isUnchanged ? ['unchanged' as const] : []),
    ...(isChanged ? ['changed' as const] : []),
  ];
}
