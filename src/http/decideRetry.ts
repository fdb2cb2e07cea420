/**
 * Decides whether an attempt that failed is made again, and when. Pure: time and chance
 * are handed in. Must not wait or send; the transport does that with the decision.
 */

import { isCertificateProblem } from './describeNetworkFailure';
import { parseRetryAfter } from './retryAfter';

/** How often and how long to try. */
export interface RetryPolicy {
  /** Attempts in all, the first included. */
  readonly maxAttempts: number;
  /** Attempts in all while the answer is 429: waiting is the remedy, so a few more. */
  readonly maxAttemptsWhenRateLimited: number;
  /** Backoff before the second attempt, before jitter; it doubles with each one. */
  readonly baseDelayMs: number;
  /** The backoff never grows beyond this. */
  readonly maxDelayMs: number;
  /** A longer `Retry-After` is cut to this, so that a run is not held up for hours. */
  readonly maxRetryAfterMs: number;
}

/** 4 attempts, 6 for 429; 0.5 s doubling up to 15 s; `Retry-After` up to 60 s. */
export const DEFAULT_RETRY_POLICY: RetryPolicy = {
  maxAttempts: 4,
  maxAttemptsWhenRateLimited: 6,
  baseDelayMs: 500,
  maxDelayMs: 15_000,
  maxRetryAfterMs: 60_000,
};

/** What an attempt ended with, as far as trying again depends on it. */
export type AttemptFailure =
  | {
      readonly kind: 'status';
      readonly status: number;
      /** The raw header. */
      readonly retryAfter?: string | null;
    }
  | { readonly kind: 'network-error'; readonly code?: string }
  | { readonly kind: 'timeout' };

/** What to do next, with the reason for a log line or a message. */
export type RetryDecision =
  | { readonly retry: true; readonly delayMs: number; readonly because: string }
  | { readonly retry: false; readonly because: string };

/** Answers that tell of a passing condition. Source: RFC 9110, section 15.6; RFC 6585, section 4. */
const PASSING_STATUSES: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** How many attempts this kind of failure is worth; `undefined` when it is final at once. */
function attemptsWorth(failure: AttemptFailure, policy: RetryPolicy): number | undefined {
  switch (failure.kind) {
    case 'timeout':
      return policy.maxAttempts;
    case 'network-error':
      return isCertificateProblem(failure.code) ? undefined : policy.maxAttempts;
    default:
      if (failure.status === 429) return policy.maxAttemptsWhenRateLimited;
      // A 500 is mostly a fault that comes back, and costs a token each time: once again.
      if (failure.status === 500) return Math.min(2, policy.maxAttempts);
      return PASSING_STATUSES.has(failure.status) ? policy.maxAttempts : undefined;
  }
}

function describe(failure: AttemptFailure): string {
  if (failure.kind === 'status') return `status ${failure.status}`;
  if (failure.kind === 'timeout') return 'a timeout';
  return failure.code ? `a network error (${failure.code})` : 'a network error';
}

/**
 * Doubles with each attempt; half of it is left to chance, so that requests that failed
 * together do not come back together, and no delay is close to nothing.
 */
function backoffMs(attempt: number, policy: RetryPolicy, random: number): number {
  const full = Math.min(policy.baseDelayMs * 2 ** (attempt - 1), policy.maxDelayMs);
  return Math.round(full * (0.5 + random / 2));
}

/**
 * Decides about one failed attempt.
 *
 * @remarks What the server asks for by `Retry-After` is taken exactly, without jitter: an
 * earlier attempt would be refused, and the limiter spreads the later ones. `0` and
 * unreadable values leave the choice to the backoff, since trying again at once is what
 * led here.
 *
 * @param failure - how the attempt ended
 * @param attempt - its number, 1 for the first
 * @param policy - how often and how long
 * @param chance - `nowMs`, epoch milliseconds, and `random`, a number in [0, 1)
 */
export function decideRetry(
  failure: AttemptFailure,
  attempt: number,
  policy: RetryPolicy,
  chance: { readonly nowMs: number; readonly random: number },
): RetryDecision {
  const worth = attemptsWorth(failure, policy);
  const what = describe(failure);
  if (worth === undefined) {
    return { retry: false, because: `${what} does not pass by asking again` };
  }
  if (attempt >= worth) {
    return { retry: false, because: `${what} after ${attempt} attempts` };
  }
  const askedMs =
    failure.kind === 'status'
      ? parseRetryAfter(failure.retryAfter, chance.nowMs)
      : undefined;
  if (!askedMs) {
    const delayMs = backoffMs(attempt, policy, chance.random);
    return { retry: true, delayMs, because: `${what}, backing off` };
  }
  const asked = `${what}, the server asked to wait ${askedMs / 1000} s`;
  return askedMs > policy.maxRetryAfterMs
    ? {
        retry: true,
        delayMs: policy.maxRetryAfterMs,
        because: `${asked}, more than the ${policy.maxRetryAfterMs / 1000} s allowed`,
      }
    : { retry: true, delayMs: askedMs, because: asked };
}
