/**
 * Decides at which pace a host is asked and how long it is left alone after a 429. Pure.
 * Must not wait. Called by the limiter whenever it learns something.
 */

import { FixedRate, PaceLimits, strictestRate } from './agreeOnLimits';
import { RateLimitHint } from './rateLimitHeaders';
import { MIN_REQUESTS_PER_SECOND } from './types';

/**
 * What is known of the budget that the server grants.
 *
 * @remarks `not-read`: nobody has asked yet. `unknown`: it was asked and did not tell.
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
 * How fast requests may follow each other. `burst`: requests that may go at once after a
 * rest, 1 or more.
 */
export type Pace =
  | 'unlimited'
  | {
      /** Of all requests together; reads may use it up. */
      readonly all: FixedRate;
      /** Of discovery, as a part of that. */
      readonly discovery: FixedRate;
    };

/** The part of the server's refill that discovery uses: the rest is for reads and Git. */
export const SHARE_OF_FILL_RATE = 0.8;

/** The part of the server's bucket that a burst of discovery may use, for the same reason. */
export const SHARE_OF_CAPACITY = 0.5;

/**
 * So many seconds of the refill stay in the server's bucket, as far as that is no more than
 * half of it: requests may be on their way for longer than those before them, and a server
 * may refill its buckets once a second only.
 */
const RESERVE_SECONDS = 1;

/**
 * A pace that was found lets so much of it go at once, seconds: how much the bucket at the
 * server holds is not known, and it may be little.
 */
const BURST_SECONDS = 0.1;

/** Pause after a 429 that does not say how long, milliseconds; up to half as much is added by chance. */
const PAUSE_WITHOUT_HINT_MS = 1_000;

function paceOfBudget(budget: ServerBudget): Pace {
  if (typeof budget === 'string' || !budget.enabled) return 'unlimited';
  const { capacity, fillRate } = budget;
  const reserve = Math.min(fillRate * RESERVE_SECONDS, capacity / 2);
  const burstOf = (tokens: number) => Math.max(1, Math.floor(tokens));
  return {
    all: { requestsPerSecond: fillRate, burst: burstOf(capacity - reserve) },
    discovery: {
      requestsPerSecond: fillRate * SHARE_OF_FILL_RATE,
      burst: burstOf(capacity * SHARE_OF_CAPACITY),
    },
  };
}

function sameForAll(rate: FixedRate): Pace {
  return { all: rate, discovery: rate };
}

/** The lower rate and the smaller burst of two paces. */
function stricterPace(one: Pace, other: Pace): Pace {
  if (one === 'unlimited') return other;
  if (other === 'unlimited') return one;
  return {
    all: strictestRate([one.all, other.all]),
    discovery: strictestRate([one.discovery, other.discovery]),
  };
}

/**
 * Decides the pace.
 *
 * @remarks `auto` keeps to the known budget, of which discovery has a share, and to what
 * adapting to 429 answers has found, whichever is less: a proxy may have limits of its own.
 * A fixed rate is taken as given, and what was found as it is: discovery may use all of both.
 *
 * @param limits - what those who share the limiter have agreed on
 * @param budget - what is known of the server's bucket
 * @param adaptivePerSecond - what adapting has found, `undefined` before the first 429
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
 * Decides how long a host is left alone after a 429, under every setting.
 *
 * @param retryAfterMs - what the server asked for, from `RateLimitHint`
 * @param random - a number in [0, 1)
 * @returns milliseconds: what was asked for, otherwise {@link PAUSE_WITHOUT_HINT_MS} and up
 * to half as much again
 */
export function decidePauseMs(retryAfterMs: number | undefined, random: number): number {
  return retryAfterMs ?? Math.round(PAUSE_WITHOUT_HINT_MS * (1 + random / 2));
}

/** What to believe of the budget, and what is odd about what was reported of it. */
export interface BelievedBudget {
  readonly budget: ServerBudget;
  /** Ends a sentence that begins with the server: what it says and what is done instead. */
  readonly doubt?: string;
}

function assessBudget(reported: ServerBudget): BelievedBudget {
  if (typeof reported === 'string' || !reported.enabled) return { budget: reported };
  const { capacity, fillRate } = reported;
  const doubt = `says that it grants ${fillRate} requests per second and ${capacity} at once, which cannot be meant: `;
  if (!(fillRate > 0 && capacity > 0 && Number.isFinite(fillRate))) {
    const remedy = 'its budget counts as unknown, and the pace is found at the first 429';
    return { budget: 'unknown', doubt: doubt + remedy };
  }
  if (fillRate < MIN_REQUESTS_PER_SECOND) {
    const budget = { ...reported, fillRate: MIN_REQUESTS_PER_SECOND };
    return { budget, doubt: `${doubt}${MIN_REQUESTS_PER_SECOND} is assumed` };
  }
  return { budget: reported };
}

/**
 * What to believe after hearing something about the budget.
 *
 * @remarks "Unknown" does not undo what is known, and a bucket that could never hand out
 * a token is no knowledge. One that hands them out too slowly for any run is believed up
 * to {@link MIN_REQUESTS_PER_SECOND}: if it is so all the same, each 429 pauses the host.
 */
export function mergeBudget(
  current: ServerBudget,
  reported: ServerBudget,
): BelievedBudget {
  const { budget, doubt } = assessBudget(reported);
  const saysNothing = budget === 'unknown' || budget === 'not-read';
  return { budget: saysNothing && current !== 'not-read' ? current : budget, doubt };
}

/**
 * What to believe of the budget after an answer.
 *
 * @remarks Headers tell what the settings did not; they do not overrule what was read
 * there. Capacity, refill and its interval have to be there together: a refill without
 * its interval might be taken for sixty times what it is.
 */
export function budgetAfterHint(
  current: ServerBudget,
  hint: RateLimitHint,
): BelievedBudget {
  const { limit, fillRate, intervalSeconds } = hint;
  const isOpen = current === 'unknown' || current === 'not-read';
  if (!isOpen || limit === undefined || fillRate === undefined || !intervalSeconds) {
    return { budget: current };
  }
  const told = { enabled: true, capacity: limit, fillRate: fillRate / intervalSeconds };
  const { budget, doubt } = assessBudget(told);
  // What the settings say is still to be read then.
  return { budget: budget === 'unknown' ? current : budget, doubt };
}
