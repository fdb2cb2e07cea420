/** The criteria that this module has to meet, and their assessment. Pure. */

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

/** The result of one criterion. */
export interface Verdict {
  /** Times depend on the machine and its load; counts do not. */
  readonly about: 'count' | 'time';
  readonly passed: boolean | 'not measured';
  /** The situation, the measured value and the limit. */
  readonly text: string;
}

/** As a share of the published module's time. */
const MAX_SHARE_OF_PEER_TIME = 0.1;
/** The default of `concurrency`; the published module sends its requests sequentially. */
const REQUESTS_AT_ONCE = 8;
/** CPU time per request: with more, the benchmark would measure the simulated server. */
const MAX_SERVER_CPU_MS = 0.3;
/** As many as a page of the listing has. */
const REPOSITORIES_PER_PAGE = 1000;
/** Besides checks and pages: the rate limit, the test for code search, a retry. */
const MAX_EXTRA_REQUESTS = 5;
/** As a share of the published module's requests, with code search. */
const MAX_SHARE_WITH_SEARCH = 0.02;
/** As a share of the published module's requests, where files are not checked. */
const MAX_SHARE_OF_PEER_REQUESTS = 0.01;
/** As a multiple of the time in which the bucket grants that many requests. */
const MAX_MULTIPLE_OF_BUCKET_TIME = 1.6;
/** As a share of all requests, where the server does not report its limit. */
const MAX_SHARE_RATE_LIMITED = 0.05;
/** As a share of the requests of an installation with the published module, for recommended settings. */
const MAX_SHARE_OF_PEER_BACKSTAGE = 0.05;
/** With fewer, the fixed cost of a run has too much weight for a comparison. */
const MANY_REPOSITORIES = 2000;

/** Assesses each criterion in each cell to which it applies. */
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
  // Refused requests are repeated; where the limit is not reported, another criterion counts them.
  if (!cell.validateLocationsExist || cell.hasSearch || cell.bucket?.isShown === false) {
    return [];
  }
  const checkedCount = cell.isUnchanged
    ? cell.repositories - expectedLocations(cell)
    : cell.repositories;
  const pages = Math.ceil(cell.repositories / REPOSITORIES_PER_PAGE);
  const most = checkedCount + pages + MAX_EXTRA_REQUESTS;
  return [
    verdict('count', cell, ours, ({ requests }) => ({
      passed: requests.max <= most,
      text: `${formatCount(requests.max)} requests (at most ${formatCount(most)}, one per repository${cell.isUnchanged ? ' without a file' : ''}, one per page and ${MAX_EXTRA_REQUESTS})`,
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

/** The smallest share that the numbers of requests allow. */
function describeLeastShare(ours: number, peer: Result): string {
  if (!isWhole(peer)) {
    return '';
  }
  const theirs = getRequests(peer);
  const least = ratio(ours / REQUESTS_AT_ONCE, theirs, 3);
  return `; ${least} if only latency took time: ${formatCount(ours)} requests, ${REQUESTS_AT_ONCE} concurrent, compared with ${formatCount(theirs)} sequential`;
}

/** Whether its requests include all that the work needs. */
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
      const most = bucket.isShown
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
        text: `${formatSeconds(seconds.median)} s (at most ${formatSeconds(most)} s, ${MAX_MULTIPLE_OF_BUCKET_TIME} times the time that the bucket needs)`,
      };
    }),
  ];
}

/** Only where answers have no latency and nothing else runs, so that all its CPU time goes into answers. */
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

/** Assesses the installations with recommended settings. */
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

/** @returns `undefined` if it was not measured, or if scheduled runs are missing */
export function getHourlyRequests(
  result: BackstageResult | undefined,
): HourlyRequests | undefined {
  const { run, setting } = result ?? {};
  return setting && run?.kind === 'finished' && hasKeptUp(setting, run.counts)
    ? extrapolate(setting, run.counts)
    : undefined;
}

/** A failed run meets no criterion; a stopped one counts as not measured. */
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

/** The minimum: a stopped run would have taken longer. */
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
