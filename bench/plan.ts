/** Which cells are measured, in full and in short. Pure. */

/** Bitbucket's rate limit: a bucket of tokens per user. */
export interface Bucket {
  /** Tokens a full bucket holds. */
  readonly capacity: number;
  /** Tokens added each second. */
  readonly fillRate: number;
}

/** What is out of order in a cell. */
const DISTURBANCES = ['empty-repository', '429-on-listing', '429-on-file'] as const;
export type Disturbance = (typeof DISTURBANCES)[number];

/** One situation that both modules are put in. */
export interface Cell {
  readonly repositories: number;
  /** Milliseconds before each answer. */
  readonly latencyMs: number;
  /** Requests are not limited when left out. */
  readonly bucket?: Bucket;
  readonly validateLocationsExist: boolean;
  readonly disturbance?: Disturbance;
  /** Measured is a second run, which finds nothing changed. */
  readonly isUnchanged?: boolean;
  /** The server offers code search. */
  readonly hasSearch?: boolean;
  /** How often each module is measured. */
  readonly repeats: number;
}

/** A huge server on which nothing has changed; the listing is all that is asked. */
export function scaleCell(repositories: number): Cell {
  return {
    repositories,
    latencyMs: 0,
    validateLocationsExist: false,
    isUnchanged: true,
    repeats: 1,
  };
}

/** How much is measured. */
export type Mode = 'full' | 'quick';

/** The cells of a mode and what bounds them. */
export interface Plan {
  readonly cells: readonly Cell[];
  /** A module that takes longer in a cell is stopped. */
  readonly limitSeconds: number;
  /** What has not begun by then is left out. */
  readonly totalSeconds: number;
}

/** One repository in so many holds a catalog file. */
export const FILE_EVERY = 5;

/** Large projects are kind to the published module, which lists each by itself. */
export const REPOSITORIES_PER_PROJECT = 50;

/** The example of Bitbucket's documentation: 60 tokens, 5 more each second. */
const DOCUMENTED_BUCKET: Bucket = { capacity: 60, fillRate: 5 };

/**
 * The bucket is filled this many times faster than in the documentation, so that a cell
 * ends in reasonable time, and slower than the published module asks at 20 ms, as it is
 * in the documentation's example. The capacity stays: in quicker time only the rate changes.
 */
export const FILL_FACTOR = 4;

const BUCKET: Bucket = {
  ...DOCUMENTED_BUCKET,
  fillRate: DOCUMENTED_BUCKET.fillRate * FILL_FACTOR,
};

/** Locations that a run must end with, so that nothing is lost. */
export function expectedLocations(cell: Cell): number {
  const extra = cell.disturbance === 'empty-repository' ? 1 : 0;
  return cell.validateLocationsExist
    ? Math.ceil(cell.repositories / FILE_EVERY)
    : cell.repositories + extra;
}

/** The cells of a mode. */
export function planFor(mode: Mode): Plan {
  return mode === 'full'
    ? { cells: fullCells(), limitSeconds: 150, totalSeconds: Infinity }
    : { cells: quickCells(), limitSeconds: 30, totalSeconds: 80 };
}

function fullCells(): Cell[] {
  const cold = [200, 2000].flatMap(repositories =>
    [undefined, BUCKET].flatMap(bucket =>
      [0, 20].map(latencyMs => ({
        repositories,
        latencyMs,
        bucket,
        validateLocationsExist: true,
        // Two minutes each, decided by the bucket: repeats would show nothing new.
        repeats: bucket && repositories > 200 ? 1 : 3,
      })),
    ),
  );
  const unchecked = {
    repositories: 2000,
    latencyMs: 20,
    validateLocationsExist: false,
    repeats: 2,
  };
  const checked = { ...unchecked, validateLocationsExist: true };
  return [
    ...cold,
    unchecked,
    { ...checked, isUnchanged: true },
    { ...checked, hasSearch: true },
    { ...checked, hasSearch: true, isUnchanged: true },
    ...DISTURBANCES.map(disturbedCell),
  ];
}

function quickCells(): Cell[] {
  const cold = { repositories: 200, validateLocationsExist: true, repeats: 1 };
  return [
    { ...cold, repositories: 2000, latencyMs: 0, validateLocationsExist: false },
    { ...cold, latencyMs: 20 },
    { ...cold, latencyMs: 20, bucket: BUCKET },
    { ...cold, latencyMs: 0, isUnchanged: true },
    { ...cold, latencyMs: 0, hasSearch: true },
    disturbedCell('empty-repository'),
  ];
}

function disturbedCell(disturbance: Disturbance): Cell {
  return {
    repositories: 200,
    latencyMs: 0,
    // Without files to be checked the published module asks about each repository.
    validateLocationsExist: disturbance !== 'empty-repository',
    disturbance,
    repeats: 1,
  };
}
