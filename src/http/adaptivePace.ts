/**
 * Finds the pace that a server with an unknown budget sustains: no limit until 429 answers show
 * that there is one, then a search upwards from a low pace until the next 429, and from then on a
 * pace around the rate that the server accepted between two of them. Pure; the time is passed in,
 * from `Clock.monotonicMs`. Must not wait. Called by the limiter for every answer and after every
 * wait.
 *
 * Source of the curve: CUBIC, RFC 9438 (fast back to the last rate, slowly past it, then faster
 * the longer nothing is refused).
 */

import { MIN_REQUESTS_PER_SECOND } from './types';

/**
 * A 429 after more than this time in which no request was held back is isolated: another client
 * has used up the budget, or a proxy had a problem. The pause that it causes is sufficient.
 */
export const ISOLATED_AFTER_MS = 10_000;

/** The search begins here: low for any server, and at 80 per second 3 seconds later. */
export const FIRST_PER_SECOND = 4;

/** During the search, the pace is multiplied by e in this time. */
const SEARCH_MS = 1_000;

/** Shortest time from which a rate is measured. */
const MIN_MEASURED_MS = 1_000;

/**
 * How much the rate accepted between two 429 answers counts compared with the rate that was
 * refused. A search ends far above what the server sustains, and begins soon after the first
 * 429, so that little of the refill is lost.
 */
const ACCEPTED_WEIGHT = { searching: 0.9, otherwise: 0.5 };

/** The part by which the pace is lower than the sustained rate after a 429. */
const REDUCTION = 0.15;

/**
 * The pace is back at the sustained rate after at most this many requests, and the next 429 comes
 * after two or three times as many: a few in a hundred, where 5 are allowed.
 */
const MAX_RECOVERY_REQUESTS = 50;

/**
 * The square of the answers that a rate was measured from, divided by this, is the number of
 * requests until the pace is back at that rate. A bucket then soon reaches
 * {@link MAX_RECOVERY_REQUESTS}, since each measurement gets more answers than the one before. A
 * server that refuses requests at random seldom does: few answers say little about a rate.
 */
const ANSWERS_SQUARED_PER_REQUEST = 20;

/** Bounds of the time until the pace is back at the sustained rate. */
const MIN_RECOVERY_MS = 3_000;
const MAX_RECOVERY_MS = 15_000;

/**
 * After this many times the recovery time without a 429, the server sustains far more than was
 * measured.
 */
const DOUBTED_AFTER = 2.5;

/** Faster than any real pace; keeps the exponential growth finite. */
export const MAX_PER_SECOND = 100_000;

/** Observations since the last 429 that was not ignored. */
export interface AdaptivePace {
  /**
   * Requests per second that the server sustains, as far as is known; `unlimited` before 429
   * answers show that there is a limit, `searching` from then until the next 429.
   */
  readonly sustained: number | 'unlimited' | 'searching';
  /** The number of answers that this rate was measured from. */
  readonly measuredFrom: number;
  /** Time of that 429; minus infinity if there was none. */
  readonly refusedAtMs: number;
  /** Other answers to requests sent after that 429. */
  readonly answers: number;
  /** Time since then in which only the pace held requests back; the pace grows only with it. */
  readonly pacedMs: number;
  /** Time since then in which a pause held requests back. */
  readonly pausedMs: number;
}

/** The state before the first 429. */
export const INITIAL_PACE: AdaptivePace = {
  sustained: 'unlimited',
  measuredFrom: 0,
  refusedAtMs: -Infinity,
  answers: 0,
  pacedMs: 0,
  pausedMs: 0,
};

/** Returns the allowed requests per second; `undefined` if no limit is known. */
export function getPerSecond(pace: AdaptivePace): number | undefined {
  const { sustained, pacedMs, measuredFrom } = pace;
  if (sustained === 'unlimited') return undefined;
  const perSecond =
    sustained === 'searching'
      ? FIRST_PER_SECOND * Math.exp(pacedMs / SEARCH_MS)
      : sustained * recovered(pacedMs, getRecoveryMs(sustained, measuredFrom));
  return Math.min(MAX_PER_SECOND, perSecond);
}

/**
 * Returns the pace as a factor of the sustained rate: from 0.85 past 1, and with exponential
 * growth, as in the search, if nothing is refused for long after that.
 */
function recovered(pacedMs: number, recoveryMs: number): number {
  const doubtedMs = Math.max(0, pacedMs - DOUBTED_AFTER * recoveryMs);
  const factor = 1 + REDUCTION * ((pacedMs - recoveryMs) / recoveryMs) ** 3;
  return factor * Math.exp(doubtedMs / SEARCH_MS);
}

/** Returns the time until the pace is back at the sustained rate. */
function getRecoveryMs(sustained: number, measuredFrom: number): number {
  const requests = Math.min(
    MAX_RECOVERY_REQUESTS,
    measuredFrom ** 2 / ANSWERS_SQUARED_PER_REQUEST,
  );
  const wantedMs = (requests * 1_000) / sustained;
  return Math.min(MAX_RECOVERY_MS, Math.max(MIN_RECOVERY_MS, wantedMs));
}

/** Records an answer other than 429. */
export function recordAnswer(pace: AdaptivePace, sentAtMs: number): AdaptivePace {
  const isNew = sentAtMs > pace.refusedAtMs;
  return isNew ? { ...pace, answers: pace.answers + 1 } : pace;
}

/**
 * Records that requests were held back.
 *
 * @remarks Idle time, and requests that come more slowly than the pace, say nothing about the
 * pace: no request is held back then.
 */
export function recordWait(
  pace: AdaptivePace,
  wait: {
    readonly reason: 'pace' | 'pause';
    readonly fromMs: number;
    readonly toMs: number;
  },
): AdaptivePace {
  const ms = wait.toMs - Math.max(wait.fromMs, pace.refusedAtMs);
  return wait.reason === 'pace'
    ? { ...pace, pacedMs: pace.pacedMs + ms }
    : { ...pace, pausedMs: pace.pausedMs + ms };
}

/**
 * Measures the rate that the server sustains, between two 429 answers.
 *
 * @remarks The server's bucket was empty at both ends, so that the accepted requests equal its
 * refill; this is exact if requests were held back all the time. In a pause or under a low pace,
 * the refill may exceed the bucket's capacity and be lost. The sustained rate is then more than
 * the accepted rate, and less than the pace that was refused and than the rate accepted under that
 * pace; a weighted geometric mean of the two is used.
 */
function measure(pace: AdaptivePace, nowMs: number): number {
  const { sustained, answers, pacedMs, refusedAtMs } = pace;
  const acceptedPerSecond = (ms: number) => (answers * 1_000) / ms;
  const atLeast = acceptedPerSecond(nowMs - refusedAtMs);
  const refused = getPerSecond(pace) ?? MAX_PER_SECOND;
  const isSearching = sustained === 'searching';
  const atMost = isSearching ? refused : Math.min(refused, acceptedPerSecond(pacedMs));
  const weight = isSearching ? ACCEPTED_WEIGHT.searching : ACCEPTED_WEIGHT.otherwise;
  return Math.max(MIN_REQUESTS_PER_SECOND, atLeast ** weight * atMost ** (1 - weight));
}

/**
 * Returns the pace after no request was accepted. That says nothing about the sustained rate: the
 * server refuses all clients, or other clients have used up the budget.
 */
function backOff(sustained: number | 'searching'): number | 'searching' {
  if (sustained === 'searching' || sustained > FIRST_PER_SECOND) return 'searching';
  return Math.max(MIN_REQUESTS_PER_SECOND, sustained / 2);
}

/** The sustained rate after a 429 to a request that was sent after the previous 429. */
function sustainedAfter(
  pace: AdaptivePace,
  nowMs: number,
): Pick<AdaptivePace, 'sustained' | 'measuredFrom'> {
  const { sustained, measuredFrom, answers, refusedAtMs, pacedMs, pausedMs } = pace;
  const isIsolated = nowMs - refusedAtMs - pacedMs - pausedMs > ISOLATED_AFTER_MS;
  if (isIsolated) return { sustained, measuredFrom };
  if (sustained === 'unlimited') return { sustained: 'searching', measuredFrom: 0 };
  const next = answers === 0 ? backOff(sustained) : measure(pace, nowMs);
  return { sustained: next, measuredFrom: answers };
}

/**
 * Records a 429.
 *
 * @remarks Requests that were in flight together are refused together. Of these, only the second
 * adds information: that the first is not isolated.
 *
 * @param sentAtMs - when the refused request was sent
 */
export function recordRateLimited(
  pace: AdaptivePace,
  nowMs: number,
  sentAtMs: number,
): AdaptivePace {
  const isUnlimited = pace.sustained === 'unlimited';
  if (sentAtMs <= pace.refusedAtMs) {
    return isUnlimited ? { ...pace, sustained: 'searching' } : pace;
  }
  if (!isUnlimited && nowMs - pace.refusedAtMs < MIN_MEASURED_MS) return pace;
  return { ...INITIAL_PACE, ...sustainedAfter(pace, nowMs), refusedAtMs: nowMs };
}
