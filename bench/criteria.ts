/** What this module has to achieve, and whether it did. Pure. */

import { describeCell, formatCount, formatSeconds } from './describe';
import { CellResult, Result } from './measurement';
import { Cell, expectedLocations } from './plan';

/** A criterion that was looked at. */
export interface Verdict {
  /** Times depend on the machine and on what else it does; counts do not. */
  readonly about: 'count' | 'time';
  readonly passed: boolean | 'not measured';
  /** What was measured, where, and what is allowed. */
  readonly text: string;
}

/** Of the published module's time. */
const MAX_SHARE_OF_PEER_TIME = 0.2;
/** Besides one for each repository: pages of the listing, the own budget, whether there is search. */
const MAX_EXTRA_REQUESTS = 7;
/** Where code search tells what there is. */
const MAX_REQUESTS_WITH_SEARCH = 25;
/** Of the published module's requests, without a look at each repository. */
const MAX_SHARE_OF_PEER_REQUESTS = 0.01;
/** Of the time the bucket itself needs to fill. */
const MAX_MULTIPLE_OF_BUCKET_TIME = 1.6;
/** With fewer, what every run needs once weighs too much to compare the modules. */
const MANY_REPOSITORIES = 2000;

/** Looks at each criterion in each cell that it applies to. */
export function assessCriteria(results: readonly CellResult[]): Verdict[] {
  return results
    .filter(({ cell }) => cell.disturbance === undefined)
    .flatMap(result => [
      ...assessRequests(result),
      ...assessPeerTime(result),
      ...assessPeerRequests(result),
      ...assessBucket(result),
    ]);
}

function assessRequests({ cell, ours }: CellResult): Verdict[] {
  if (!cell.validateLocationsExist) {
    return [];
  }
  const lookedAt = cell.isUnchanged
    ? cell.repositories - expectedLocations(cell)
    : cell.repositories;
  const most = cell.hasSearch ? MAX_REQUESTS_WITH_SEARCH : lookedAt + MAX_EXTRA_REQUESTS;
  return [
    verdict('count', cell, ours, ({ requests }) => ({
      passed: requests.max <= most,
      text: `${formatCount(requests.max)} requests (at most ${formatCount(most)}${cell.hasSearch ? '' : `, one per repository${cell.isUnchanged ? ' without a file' : ''} and ${MAX_EXTRA_REQUESTS}`})`,
    })),
  ];
}

function assessPeerTime({ cell, ours, peer }: CellResult): Verdict[] {
  const { validateLocationsExist, latencyMs, bucket, repositories } = cell;
  const applies = validateLocationsExist && latencyMs > 0 && !bucket && !cell.isUnchanged;
  if (!applies || repositories < MANY_REPOSITORIES) {
    return [];
  }
  const peerSeconds = secondsOf(peer);
  return [
    verdict('time', cell, ours, ({ seconds }) => ({
      passed:
        peerSeconds === undefined
          ? 'not measured'
          : seconds.median <= peerSeconds * MAX_SHARE_OF_PEER_TIME,
      text: `${ratio(seconds.median, peerSeconds)} of the published module's time (at most ${MAX_SHARE_OF_PEER_TIME})`,
    })),
  ];
}

function assessPeerRequests({ cell, ours, peer }: CellResult): Verdict[] {
  if (cell.validateLocationsExist || cell.repositories < MANY_REPOSITORIES) {
    return [];
  }
  const most = requestsOf(peer) * MAX_SHARE_OF_PEER_REQUESTS;
  return [
    verdict('count', cell, ours, ({ requests }) => ({
      passed: peer.kind === 'failed' ? 'not measured' : requests.max <= most,
      text: `${ratio(requests.max, requestsOf(peer), 4)} of the published module's requests (at most ${MAX_SHARE_OF_PEER_REQUESTS})`,
    })),
  ];
}

function assessBucket({ cell, ours }: CellResult): Verdict[] {
  const { bucket } = cell;
  if (!bucket) {
    return [];
  }
  return [
    verdict('count', cell, ours, ({ rateLimited }) => ({
      passed: rateLimited.max === 0,
      text: `${formatCount(rateLimited.max)} answers with 429 (none allowed)`,
    })),
    verdict('time', cell, ours, ({ requests, seconds }) => {
      const fillSeconds = (requests.median - bucket.capacity) / bucket.fillRate;
      const most = fillSeconds * MAX_MULTIPLE_OF_BUCKET_TIME;
      return {
        passed: seconds.median <= most,
        text: `${formatSeconds(seconds.median)} s (at most ${formatSeconds(most)} s, ${MAX_MULTIPLE_OF_BUCKET_TIME} times what the bucket needs)`,
      };
    }),
  ];
}

/** What did not finish meets no criterion; what was stopped was not measured. */
function verdict(
  about: Verdict['about'],
  cell: Cell,
  ours: Result,
  assess: (finished: Extract<Result, { kind: 'finished' }>) => Omit<Verdict, 'about'>,
): Verdict {
  const where = describeCell(cell);
  switch (ours.kind) {
    case 'failed':
      return { about, passed: false, text: `${where}: failed: ${ours.error}` };
    case 'stopped':
      return {
        about,
        passed: 'not measured',
        text: `${where}: stopped after ${ours.limitSeconds} s`,
      };
    default: {
      const { passed, text } = assess(ours);
      return { about, passed, text: `${where}: ${text}` };
    }
  }
}

/** At least: what was stopped would have taken longer, and asked for more. */
function secondsOf(result: Result): number | undefined {
  switch (result.kind) {
    case 'finished':
      return result.seconds.median;
    case 'stopped':
      return result.limitSeconds;
    default:
      return undefined;
  }
}

function requestsOf({ requests }: Result): number {
  return 'median' in requests ? requests.median : requests.total;
}

function ratio(part: number, whole: number | undefined, digits = 2): string {
  return whole ? (part / whole).toFixed(digits) : 'no known share';
}
