/** What this module has to achieve, and whether it did. Pure. */

import {
  BackstageResult,
  describeBackstage,
  extrapolate,
  hasKeptUp,
  HourlyRequests,
} from './backstages';
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
const MAX_SHARE_OF_PEER_TIME = 0.1;
/** What `concurrency` is unless configured; the published module asks in turn. */
const REQUESTS_AT_ONCE = 8;
/** Of CPU time for a request: with more, the benchmark would measure the simulated server. */
const MAX_SERVER_CPU_MS = 0.3;
/** Besides one for each repository: pages of the listing, the own budget, whether there is search. */
const MAX_EXTRA_REQUESTS = 7;
/** Where code search tells what there is, of the published module's. */
const MAX_SHARE_WITH_SEARCH = 0.02;
/** Of the published module's requests, without a look at each repository. */
const MAX_SHARE_OF_PEER_REQUESTS = 0.01;
/** Of the time the bucket itself needs to fill. */
const MAX_MULTIPLE_OF_BUCKET_TIME = 1.6;
/** Of all requests, where nobody tells how many are allowed. */
const MAX_SHARE_RATE_LIMITED = 0.05;
/** Of what a whole Backstage with the published module asks, where it is set up as recommended. */
const MAX_SHARE_OF_PEER_BACKSTAGE = 0.05;
/** With fewer, what every run needs once weighs too much to compare the modules. */
const MANY_REPOSITORIES = 2000;

/** Looks at each criterion in each cell that it applies to. */
export function assessCriteria(results: readonly CellResult[]): Verdict[] {
  return results
    .filter(({ cell, ours }) => cell.disturbance === undefined && ours.kind !== 'scaled')
    .flatMap(result => [
      ...assessRequests(result),
      ...assessPeerTime(result),
      ...assessPeerRequests(result),
      ...assessBucket(result),
      ...assessServer(result),
    ]);
}

function assessRequests({ cell, ours }: CellResult): Verdict[] {
  // What is refused is asked again: that is counted by itself where nobody tells the limit.
  if (!cell.validateLocationsExist || cell.hasSearch || cell.bucket?.isTold === false) {
    return [];
  }
  const checkedCount = cell.isUnchanged
    ? cell.repositories - expectedLocations(cell)
    : cell.repositories;
  const most = checkedCount + MAX_EXTRA_REQUESTS;
  return [
    verdict('count', cell, ours, ({ requests }) => ({
      passed: requests.max <= most,
      text: `${formatCount(requests.max)} requests (at most ${formatCount(most)}, one per repository${cell.isUnchanged ? ' without a file' : ''} and ${MAX_EXTRA_REQUESTS})`,
    })),
  ];
}

function assessPeerTime({ cell, ours, peer }: CellResult): Verdict[] {
  const { validateLocationsExist, latencyMs, bucket, repositories } = cell;
  const applies =
    validateLocationsExist &&
    latencyMs > 0 &&
    !bucket &&
    !cell.isUnchanged &&
    !cell.hasSearch;
  if (!applies || repositories < MANY_REPOSITORIES) {
    return [];
  }
  const peerSeconds = getSeconds(peer);
  return [
    verdict('time', cell, ours, ({ requests, seconds }) => ({
      passed:
        peerSeconds === undefined
          ? 'not measured'
          : seconds.median <= peerSeconds * MAX_SHARE_OF_PEER_TIME,
      text: `${ratio(seconds.median, peerSeconds, 3)} of the published module's time (at most ${MAX_SHARE_OF_PEER_TIME}${describeLeastShare(requests.median, peer)})`,
    })),
  ];
}

/** What the numbers of requests allow at best. */
function describeLeastShare(ours: number, peer: Result): string {
  if (!isWhole(peer)) {
    return '';
  }
  const theirs = getRequests(peer);
  const least = ratio(ours / REQUESTS_AT_ONCE, theirs, 3);
  return `; ${least} if only waiting took time: ${formatCount(ours)} requests, ${REQUESTS_AT_ONCE} at once, against ${formatCount(theirs)} in turn`;
}

/** Whether its requests are all that the work takes. */
function isWhole({ kind }: Result): boolean {
  return kind === 'finished' || kind === 'scaled';
}

function assessPeerRequests({ cell, ours, peer }: CellResult): Verdict[] {
  const isSpared = !cell.validateLocationsExist || cell.hasSearch;
  if (!isSpared || cell.repositories < MANY_REPOSITORIES) {
    return [];
  }
  const share = cell.hasSearch ? MAX_SHARE_WITH_SEARCH : MAX_SHARE_OF_PEER_REQUESTS;
  const most = getRequests(peer) * share;
  return [
    verdict('count', cell, ours, ({ requests }) => ({
      passed: isWhole(peer) ? requests.max <= most : 'not measured',
      text: `${ratio(requests.max, getRequests(peer), 4)} of the published module's requests (at most ${share})`,
    })),
  ];
}

function assessBucket({ cell, ours }: CellResult): Verdict[] {
  const { bucket } = cell;
  if (!bucket) {
    return [];
  }
  return [
    verdict('count', cell, ours, ({ rateLimited, requests }) => {
      const most = bucket.isTold
        ? 0
        : Math.floor(requests.median * MAX_SHARE_RATE_LIMITED);
      return {
        passed: rateLimited.max <= most,
        text: `${formatCount(rateLimited.max)} answers with 429 (at most ${formatCount(most)})`,
      };
    }),
    verdict('time', cell, ours, ({ requests, seconds }) => {
      const fillSeconds =
        Math.max(0, requests.median - bucket.capacity) / bucket.fillRate;
      const most = fillSeconds * MAX_MULTIPLE_OF_BUCKET_TIME;
      return {
        passed: seconds.median <= most,
        text: `${formatSeconds(seconds.median)} s (at most ${formatSeconds(most)} s, ${MAX_MULTIPLE_OF_BUCKET_TIME} times what the bucket needs)`,
      };
    }),
  ];
}

/** Where answers come at once and nothing else runs, so that its CPU time is for them only. */
function assessServer({ cell, ours }: CellResult): Verdict[] {
  const isAlone = cell.validateLocationsExist && cell.latencyMs === 0 && !cell.bucket;
  if (!isAlone || cell.repositories < MANY_REPOSITORIES) {
    return [];
  }
  return [
    verdict('time', cell, ours, ({ serverCpuMs: { median } }) => ({
      passed: median <= MAX_SERVER_CPU_MS,
      text: `${median.toFixed(2)} ms of CPU time of the simulated Bitbucket for a request (at most ${MAX_SERVER_CPU_MS})`,
    })),
  ];
}

/** Looks at the Backstages that are set up as recommended. */
export function assessBackstages(results: readonly BackstageResult[]): Verdict[] {
  const peer = getHourlyRequests(
    results.find(result => result.setting.subject === 'peer'),
  );
  return results
    .filter(({ setting }) => setting.isRecommended)
    .map((result): Verdict => {
      const { run, setting } = result;
      const where = describeBackstage(setting);
      if (run.kind === 'failed') {
        return { about: 'count', passed: false, text: `${where}: failed: ${run.error}` };
      }
      const ours = getHourlyRequests(result);
      const share = `${ratio(extrapolate(setting, run.counts).total, peer?.total, 3)} of the requests of a Backstage with the published module`;
      return {
        about: 'count',
        passed:
          ours && peer
            ? ours.total <= peer.total * MAX_SHARE_OF_PEER_BACKSTAGE
            : 'not measured',
        text: `${where}: ${share} (at most ${MAX_SHARE_OF_PEER_BACKSTAGE})`,
      };
    });
}

/** @returns `undefined` where that was not measured, or not all that should have happened did */
export function getHourlyRequests(
  result: BackstageResult | undefined,
): HourlyRequests | undefined {
  const { run, setting } = result ?? {};
  return setting && run?.kind === 'finished' && hasKeptUp(setting, run.counts)
    ? extrapolate(setting, run.counts)
    : undefined;
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
    case 'scaled':
      return { about, passed: 'not measured', text: `${where}: did not end` };
    default: {
      const { passed, text } = assess(ours);
      return { about, passed, text: `${where}: ${text}` };
    }
  }
}

/** At least: what was stopped would have taken longer, and asked for more. */
function getSeconds(result: Result): number | undefined {
  switch (result.kind) {
    case 'finished':
      return result.seconds.median;
    case 'scaled':
      return result.seconds;
    case 'stopped':
      return result.limitSeconds;
    default:
      return undefined;
  }
}

function getRequests({ requests }: Result): number {
  if (typeof requests === 'number') {
    return requests;
  }
  return 'median' in requests ? requests.median : requests.total;
}

export function ratio(part: number, whole: number | undefined, digits = 2): string {
  return whole ? (part / whole).toFixed(digits) : 'no known share';
}
