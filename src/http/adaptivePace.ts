/**
 * Finds a pace that a server of unknown budget bears: none until the first 429, then
 * additive increase and multiplicative decrease. Pure; time is handed in, that of
 * `Clock.monotonicMs`. Must not wait
 * and must not know of buckets. Called by the limiter for every answer.
 */

/** What was let through in the last seconds is counted over this span. */
const OBSERVED_SECONDS = 10;

/** A 429 leaves this part of the pace. */
export const DECREASE_FACTOR = 0.5;

/** A second decrease comes this long after the last one at the earliest. */
const MIN_MS_BETWEEN_DECREASES = 1_000;

/**
 * A first 429 after fewer answers than this within {@link OBSERVED_SECONDS} tells nothing
 * about a pace: somebody else has spent the budget, or it stands alone. The pause that it
 * leads to is enough, unless the next one follows within that span.
 */
export const MIN_ANSWERS = 20;

/** The first pace is not below this: so few answers lie behind it that it is a guess. */
export const MIN_FIRST_PER_SECOND = 2;

/** The pace never falls below this: 1 request in 2 seconds. */
export const MIN_PER_SECOND = 0.5;

/**
 * Each second of work adds this part of the pace that the last decrease left: slow
 * enough that a few hundred requests pass before the next 429, fast enough to double in
 * under two minutes.
 */
const INCREASE_PER_SECOND = 0.01;

/** At the floor the increase is still this much per second, so that the pace recovers. */
const MIN_INCREASE = 0.02;

/** The state of the search. */
export interface AdaptivePace {
  /** Requests per second; `undefined` before the first 429: no limit. */
  readonly perSecond?: number;
  /** Added per second of work. */
  readonly increase: number;
  /** Minus infinity when it never happened. */
  readonly decreasedAtMs: number;
  readonly increasedAtMs: number;
  /** Answers other than 429 by second, oldest first, {@link OBSERVED_SECONDS} at most. */
  readonly answered: readonly { readonly second: number; readonly count: number }[];
}

/** No 429 so far, nothing sent. */
export const INITIAL_PACE: AdaptivePace = {
  increase: 0,
  decreasedAtMs: -Infinity,
  increasedAtMs: -Infinity,
  answered: [],
};

/** Answers other than 429 in the last {@link OBSERVED_SECONDS}. */
function countLately({ answered }: AdaptivePace, nowMs: number): number {
  const since = Math.floor(nowMs / 1000) - OBSERVED_SECONDS;
  return answered.reduce(
    (sum, { second, count }) => (second > since ? sum + count : sum),
    0,
  );
}

/**
 * Requests per second the server let through lately: in the last {@link OBSERVED_SECONDS},
 * or since the last decrease if that is less long ago.
 *
 * @remarks Before the first decrease it is averaged over the whole span even when work
 * began within it. A burst that emptied a full bucket thereby counts as what that bucket
 * gains in some ten seconds, which is how servers tend to be set up (Bitbucket's
 * documented example: 60 tokens and 5 per second, 12 seconds). Between two 429 answers the
 * bucket was empty at both ends: what was let through is what it gained.
 */
export function observedPerSecond(pace: AdaptivePace, nowMs: number): number {
  const sinceDecrease = Math.max(1, (nowMs - pace.decreasedAtMs) / 1000);
  return countLately(pace, nowMs) / Math.min(OBSERVED_SECONDS, sinceDecrease);
}

function countAnswer(pace: AdaptivePace, nowMs: number): AdaptivePace['answered'] {
  const second = Math.floor(nowMs / 1000);
  const last = pace.answered.at(-1);
  if (last?.second === second) {
    return [...pace.answered.slice(0, -1), { second, count: last.count + 1 }];
  }
  const recent = pace.answered.filter(each => each.second > second - OBSERVED_SECONDS);
  return [...recent, { second, count: 1 }];
}

/**
 * Takes note of an answer that is not 429.
 *
 * @remarks The pace grows only while it is the pace that holds requests back: if far fewer
 * are sent than it allows, their success says nothing about it. Idle time does not count.
 */
export function recordAnswer(pace: AdaptivePace, nowMs: number): AdaptivePace {
  const answered = countAnswer(pace, nowMs);
  const { perSecond } = pace;
  if (perSecond === undefined) return { ...pace, answered };
  const workedMs = Math.min(nowMs - pace.increasedAtMs, 1_000);
  const isBinding = observedPerSecond({ ...pace, answered }, nowMs) >= perSecond / 2;
  const growth = isBinding ? pace.increase * (workedMs / 1000) : 0;
  return { ...pace, answered, increasedAtMs: nowMs, perSecond: perSecond + growth };
}

/** Whether so little was asked for lately that a 429 says nothing about the pace. */
function isIsolated(pace: AdaptivePace, nowMs: number): boolean {
  const isFirstLately = nowMs - pace.decreasedAtMs > OBSERVED_SECONDS * 1000;
  return isFirstLately && countLately(pace, nowMs) < MIN_ANSWERS;
}

/**
 * Takes note of a 429.
 *
 * @remarks Requests that were in flight together are refused together. That is one piece
 * of news: what was sent before the last decrease says nothing about the pace since.
 *
 * @param sentAtMs - when the refused request was sent, milliseconds
 * @returns half of the pace, or of what was let through lately if that is less; the
 * latter alone at the first one
 */
export function recordRateLimited(
  pace: AdaptivePace,
  nowMs: number,
  sentAtMs: number,
): AdaptivePace {
  const isOldNews = sentAtMs <= pace.decreasedAtMs;
  const isTooSoon = nowMs - pace.decreasedAtMs < MIN_MS_BETWEEN_DECREASES;
  if (isOldNews || isTooSoon) return pace;
  const isFirst = pace.perSecond === undefined;
  if (isFirst && isIsolated(pace, nowMs)) return { ...pace, decreasedAtMs: nowMs };
  const sustained = Math.min(pace.perSecond ?? Infinity, observedPerSecond(pace, nowMs));
  const slowest = isFirst ? MIN_FIRST_PER_SECOND : MIN_PER_SECOND;
  const perSecond = Math.max(slowest, sustained * DECREASE_FACTOR);
  const increase = Math.max(MIN_INCREASE, perSecond * INCREASE_PER_SECOND);
  return {
    perSecond,
    increase,
    decreasedAtMs: nowMs,
    increasedAtMs: nowMs,
    answered: [],
  };
}
