/**
 * Decides the pace of requests to a host, and how long they pause after a 429. Pure. Must not
 * wait. Called by the limiter whenever its knowledge or its settings change.
 */

import { FixedRate, PaceLimits, strictestRate } from './agreeOnLimits';
import { RateLimitHint } from './rateLimitHeaders';
import { MIN_REQUESTS_PER_SECOND } from './types';

/**
 * The budget that the server grants, as far as it is known.
 *
 * @remarks `not-read`: it has not been requested yet. `unknown`: the server did not report it.
 * `whitelisted`: the user is exempt. `enabled: false`: rate limiting is off.
 *
 * Source: Bitbucket Data Center 10.0 OpenAPI, `GET /admin/rate-limit/settings` and
 * `…/settings/users/{userSlug}` (`enabled`, `whitelisted`, `capacity`, `fillRate`).
 */
export type ServerBudget =
  | {
      readonly enabled: boolean;
      /** Tokens. */
      readonly capacity: number;
      /** Tokens per second. */
      readonly fillRate: number;
    }
  | 'whitelisted'
  | 'unknown'
  | 'not-read';

/**
 * How fast requests may follow each other. `burst`: requests that may be sent together after an
 * idle time, 1 or more.
 */
export type Pace =
  | 'unlimited'
  | {
      /** For all requests together; reads may use all of it. */
      readonly all: FixedRate;
      /** For discovery, as a part of `all`. */
      readonly discovery: FixedRate;
    };

/** The part of the server's refill that discovery uses: the rest is for reads and Git. */
export const SHARE_OF_FILL_RATE = 0.8;

/** The part of the server's bucket that a burst of discovery may use, for the same reason. */
export const SHARE_OF_CAPACITY = 0.5;

/**
 * This many seconds of the refill stay in the server's bucket, up to half of its capacity:
 * requests may overtake each other on their way, and a server may refill its buckets only once
 * per second.
 */
const RESERVE_SECONDS = 1;

/**
 * The burst at a measured pace, in seconds of that pace: the capacity of the server's bucket is
 * not known, and may be small.
 */
const BURST_SECONDS = 0.1;

/** Pause after a 429 without `Retry-After`, milliseconds; up to half as much is added randomly. */
const PAUSE_WITHOUT_HINT_MS = 1_000;

function paceOfBudget(budget: ServerBudget): Pace {
  if (typeof budget === 'string' || !budget.enabled) return 'unlimited';
  const { capacity, fillRate } = budget;
  const reserve = Math.min(fillRate * RESERVE_SECONDS, capacity / 2);
  const toBurst = (tokens: number) => Math.max(1, Math.floor(tokens));
  return {
    all: { requestsPerSecond: fillRate, burst: toBurst(capacity - reserve) },
    discovery: {
      requestsPerSecond: fillRate * SHARE_OF_FILL_RATE,
      burst: toBurst(capacity * SHARE_OF_CAPACITY),
    },
  };
}

function sameForAll(rate: FixedRate): Pace {
  return { all: rate, discovery: rate };
}

/** Returns the lower rate and the smaller burst of two paces. */
function stricterPace(first: Pace, second: Pace): Pace {
  if (first === 'unlimited') return second;
  if (second === 'unlimited') return first;
  return {
    all: strictestRate([first.all, second.all]),
    discovery: strictestRate([first.discovery, second.discovery]),
  };
}

/**
 * Decides the pace.
 *
 * @remarks `auto` uses the known budget, of which discovery has a share, or the rate measured
 * from 429 answers if that is lower: a proxy may have limits of its own. Discovery may use all of
 * a fixed rate and of a measured rate.
 *
 * @param limits - agreed between all providers that share the limiter
 * @param budget - what is known of the server's bucket
 * @param adaptivePerSecond - the rate measured from 429 answers; `undefined` while there is none
 */
export function decidePace(
  limits: PaceLimits,
  budget: ServerBudget,
  adaptivePerSecond: number | undefined,
): Pace {
  let pace: Pace = limits.fixed ? sameForAll(limits.fixed) : 'unlimited';
  if (limits.auto) pace = stricterPace(pace, paceOfBudget(budget));
  if (!limits.auto || adaptivePerSecond === undefined) return pace;
  const burst = Math.max(1, adaptivePerSecond * BURST_SECONDS);
  const found = sameForAll({ requestsPerSecond: adaptivePerSecond, burst });
  return stricterPace(pace, found);
}

/**
 * Decides how long requests to a host pause after a 429, under every setting.
 *
 * @param retryAfterMs - the delay that the server asked for, from `RateLimitHint`
 * @param random - a number in [0, 1)
 * @returns milliseconds: the delay that the server asked for, otherwise
 * {@link PAUSE_WITHOUT_HINT_MS} and up to half as much again
 */
export function decidePauseMs(retryAfterMs: number | undefined, random: number): number {
  return retryAfterMs ?? Math.round(PAUSE_WITHOUT_HINT_MS * (1 + random / 2));
}

/** The budget to use, and why a reported budget is implausible. */
export interface BelievedBudget {
  readonly budget: ServerBudget;
  /** A predicate for the server as subject: what it reports and what is assumed instead. */
  readonly doubt?: string;
}

function assessBudget(reported: ServerBudget): BelievedBudget {
  if (typeof reported === 'string' || !reported.enabled) return { budget: reported };
  const { capacity, fillRate } = reported;
  const doubt = `reports a budget of ${fillRate} requests per second and a burst of ${capacity}, which is implausible: `;
  if (!(fillRate > 0 && capacity > 0 && Number.isFinite(fillRate))) {
    const remedy = 'it counts as unknown, and the pace is measured from 429 answers';
    return { budget: 'unknown', doubt: doubt + remedy };
  }
  if (fillRate < MIN_REQUESTS_PER_SECOND) {
    const budget = { ...reported, fillRate: MIN_REQUESTS_PER_SECOND };
    return { budget, doubt: `${doubt}${MIN_REQUESTS_PER_SECOND} per second is assumed` };
  }
  return { budget: reported };
}

/**
 * Merges a reported budget with the known one.
 *
 * @remarks `unknown` does not replace a known budget, and a bucket that could never issue a token
 * counts as unknown. A rate that is too low for any run is raised to
 * {@link MIN_REQUESTS_PER_SECOND}: if it is correct all the same, each 429 pauses the host.
 */
export function mergeBudget(
  current: ServerBudget,
  reported: ServerBudget,
): BelievedBudget {
  const { budget, doubt } = assessBudget(reported);
  const isUnknown = budget === 'unknown' || budget === 'not-read';
  return { budget: isUnknown && current !== 'not-read' ? current : budget, doubt };
}

/**
 * Merges the headers of an answer with the known budget.
 *
 * @remarks Headers only replace an unknown budget, not one that was read from the settings.
 * Capacity, refill and interval are only used together: without its interval, a refill might be
 * taken for sixty times its value.
 */
export function budgetAfterHint(
  current: ServerBudget,
  hint: RateLimitHint,
): BelievedBudget {
  const { limit, fillRate, intervalSeconds } = hint;
  const isUnknown = current === 'unknown' || current === 'not-read';
  if (!isUnknown || limit === undefined || fillRate === undefined || !intervalSeconds) {
    return { budget: current };
  }
  const reported = {
    enabled: true,
    capacity: limit,
    fillRate: fillRate / intervalSeconds,
  };
  const { budget, doubt } = assessBudget(reported);
  // `not-read` stays, so that the settings are still read.
  return { budget: budget === 'unknown' ? current : budget, doubt };
}
