/**
 * Finds a pace that a server of unknown budget bears: none until answers with 429 show that
 * there is a limit, then upwards from little until the next one, and from there on around
 * what the server let through between two of them. Pure; time is handed in, that of
 * `Clock.monotonicMs`. Must not wait. Called by the limiter for every answer and after
 * every wait.
 *
 * Source of the curve: CUBIC, RFC 9438 (back towards the last rate fast, past it slowly, and
 * the faster the longer nothing is refused).
 */

import { MIN_REQUESTS_PER_SECOND } from './types';

/**
 * A 429 after more time than this without anybody held back stands alone: somebody else has
 * spent the budget, or a proxy was in trouble. The pause that it leads to is enough.
 */
export const LONE_AFTER_MS = 10_000;

/** The search begins here: little for any server, and 100 per second 3 seconds later. */
export const FIRST_PER_SECOND = 4;

/** In the search the pace becomes e times as much in this much time. */
const SEARCH_MS = 1_000;

/** Nothing is concluded from less time than this. */
const MIN_MEASURED_MS = 1_000;

/** After a 429 the pace is less by this part than what the server bears. */
const REDUCTION = 0.15;

/**
 * The pace is back at what the server bears after about as many requests, and the next 429
 * comes after two or three times as many: few in a hundred where 5 are allowed.
 */
const RECOVERY_REQUESTS = 50;

/** Bounds of the time that takes. */
const MIN_RECOVERY_MS = 3_000;
const MAX_RECOVERY_MS = 30_000;

/** After so many times that time without a 429 the server bears far more than was found. */
const DOUBTED_AFTER = 2.5;

/** More than any server is asked for; what grows exponentially stays a number. */
export const MAX_PER_SECOND = 100_000;

/** What was seen since the last 429 that told something new. */
export interface AdaptivePace {
  /**
   * Requests per second that the server bears, as far as is known; `unlimited` before 429
   * answers show that there is a limit, `searching` until the next one.
   */
  readonly sustained: number | 'unlimited' | 'searching';
  /** When that 429 came; minus infinity when there was none. */
  readonly refusedAtMs: number;
  /** Other answers since, to requests that were sent since. */
  readonly answers: number;
  /** For how long requests were held back by the pace alone since: only that lets it grow. */
  readonly pacedMs: number;
  /** For how long they were held back by a pause since. */
  readonly pausedMs: number;
}

/** No 429 so far. */
export const INITIAL_PACE: AdaptivePace = {
  sustained: 'unlimited',
  refusedAtMs: -Infinity,
  answers: 0,
  pacedMs: 0,
  pausedMs: 0,
};

/** Requests per second that may go; `undefined` where no limit is known. */
export function getPerSecond(pace: AdaptivePace): number | undefined {
  const { sustained, pacedMs } = pace;
  if (sustained === 'unlimited') return undefined;
  const perSecond =
    sustained === 'searching'
      ? FIRST_PER_SECOND * Math.exp(pacedMs / SEARCH_MS)
      : sustained * recovered(sustained, pacedMs);
  return Math.min(MAX_PER_SECOND, perSecond);
}

/**
 * The part of what the server bears that may go, from 0.85 by way of 1; where it has long
 * passed 1 and nothing was refused, it is searched for anew.
 */
function recovered(sustained: number, pacedMs: number): number {
  const wantedMs = (RECOVERY_REQUESTS * 1_000) / sustained;
  const recoveryMs = Math.min(MAX_RECOVERY_MS, Math.max(MIN_RECOVERY_MS, wantedMs));
  const doubtedMs = Math.max(0, pacedMs - DOUBTED_AFTER * recoveryMs);
  const factor = 1 + REDUCTION * ((pacedMs - recoveryMs) / recoveryMs) ** 3;
  return factor * Math.exp(doubtedMs / SEARCH_MS);
}

/** Takes note of an answer that is not 429. */
export function recordAnswer(pace: AdaptivePace, sentAtMs: number): AdaptivePace {
  const isNew = sentAtMs > pace.refusedAtMs;
  return isNew ? { ...pace, answers: pace.answers + 1 } : pace;
}

/**
 * Takes note that requests were held back.
 *
 * @remarks Idle time, and work that comes more slowly than the pace, say nothing about the
 * pace: then nobody is held back.
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
 * What the server bears, seen between two answers with 429.
 *
 * @remarks Its budget was used up at both ends, so what it let through is what it gained:
 * that is exact while requests were held back all the time. What it gains in a pause or
 * under a low pace may be more than it can hold, and lost. Then it bears more than it let
 * through, and less than the pace at which it refused: something between the two is taken.
 */
function measure(pace: AdaptivePace, nowMs: number): number {
  const { sustained, answers, pacedMs, pausedMs, refusedAtMs } = pace;
  const letThroughIn = (ms: number) => (answers * 1_000) / ms;
  const atLeast = letThroughIn(nowMs - refusedAtMs);
  const refused = getPerSecond(pace) ?? MAX_PER_SECOND;
  const atMost =
    sustained === 'searching'
      ? refused
      : Math.min(refused, letThroughIn(pacedMs + pausedMs));
  return Math.max(MIN_REQUESTS_PER_SECOND, Math.sqrt(atLeast * atMost));
}

/**
 * Nothing was let through, which says nothing of how much the server bears otherwise: it
 * refuses everybody, or others have used it up.
 */
function backOff(sustained: number | 'searching'): number | 'searching' {
  if (sustained === 'searching' || sustained > FIRST_PER_SECOND) return 'searching';
  return Math.max(MIN_REQUESTS_PER_SECOND, sustained / 2);
}

/** What the server bears after a 429 to a request that was sent after the one before. */
function sustainedAfter(pace: AdaptivePace, nowMs: number): AdaptivePace['sustained'] {
  const { sustained, refusedAtMs, pacedMs, pausedMs } = pace;
  const isLone = nowMs - refusedAtMs - pacedMs - pausedMs > LONE_AFTER_MS;
  if (isLone) return sustained;
  if (sustained !== 'unlimited' && pace.answers === 0) return backOff(sustained);
  return sustained === 'unlimited' ? 'searching' : measure(pace, nowMs);
}

/**
 * Takes note of a 429.
 *
 * @remarks Requests that were in flight together are refused together. Of these only the
 * second tells something more: that the first does not stand alone.
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
  return { ...INITIAL_PACE, sustained: sustainedAfter(pace, nowMs), refusedAtMs: nowMs };
}
