/**
 * How one attempt to send a request can end, whether to retry it, and what the caller gets in
 * the end. Pure: random numbers are passed in. Must not carry a thrown error, which may quote a
 * credential. Called by the transport, which waits and sends.
 */

import {
  BitbucketServerNetworkError,
  BitbucketServerResponseTooLargeError,
  BitbucketServerTimeoutError,
  BitbucketServerWaitTooLongError,
  isCertificateProblem,
  NetworkFailure,
} from './errors';
import { AttemptResult, HttpReply } from './types';

/** How an attempt ended that was sent. An abort is not among these: it is thrown. */
export type SentOutcome =
  | {
      readonly kind: 'reply';
      readonly reply: HttpReply;
      /** From `RateLimitHint`. */
      readonly retryAfterMs?: number;
    }
  | { readonly kind: 'too-large'; readonly status: number }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'network-error'; readonly failure: NetworkFailure };

/** How an attempt ended; `not-sent`: its turn did not come within the caller's time limit. */
export type AttemptOutcome = SentOutcome | { readonly kind: 'not-sent' };

/** Converts an outcome to the result that observers count. */
export function toAttemptResult(outcome: SentOutcome): AttemptResult {
  if (outcome.kind === 'reply') return outcome.reply.status;
  return outcome.kind === 'too-large' ? outcome.status : outcome.kind;
}

/** Total number of attempts, including the first. */
const MAX_ATTEMPTS = 4;

/** Total number of attempts while the answer is 429: waiting is the remedy, so a few more. */
const MAX_ATTEMPTS_WHEN_RATE_LIMITED = 6;

/** Backoff before the second attempt, before jitter, milliseconds; it doubles with each one. */
const BASE_BACKOFF_MS = 500;

/** A proxy's time limit. Source: RFC 9110, section 15.6.5. */
export const GATEWAY_TIMEOUT = 504;

/**
 * Answers that indicate a temporary condition.
 *
 * Source: RFC 9110, section 15.6; RFC 6585, section 4.
 */
const ATTEMPTS_BY_STATUS: Readonly<Partial<Record<number, number>>> = {
  429: MAX_ATTEMPTS_WHEN_RATE_LIMITED,
  // Usually a fault that recurs, and each attempt costs a token: only one retry.
  500: 2,
  502: MAX_ATTEMPTS,
  503: MAX_ATTEMPTS,
  [GATEWAY_TIMEOUT]: MAX_ATTEMPTS,
};

/** Whether there was no answer in time: none at all, or a proxy's 504. */
function isTimeout(outcome: AttemptOutcome): boolean {
  return (
    outcome.kind === 'timeout' ||
    (outcome.kind === 'reply' && outcome.reply.status === GATEWAY_TIMEOUT)
  );
}

/** The total number of attempts that this outcome justifies, including the one that led to it. */
function attemptsWorth(outcome: AttemptOutcome): number {
  switch (outcome.kind) {
    case 'timeout':
      return MAX_ATTEMPTS;
    case 'network-error':
      return isCertificateProblem(outcome.failure.code) ? 1 : MAX_ATTEMPTS;
    case 'reply':
      return ATTEMPTS_BY_STATUS[outcome.reply.status] ?? 1;
    default:
      return 1;
  }
}

/**
 * Doubles with each attempt. Half of the delay is random, so that requests that failed together
 * are not retried together, and half is fixed, so that no delay is close to zero.
 */
function backoffMs(attempt: number, random: number): number {
  return Math.round(BASE_BACKOFF_MS * 2 ** (attempt - 1) * (0.5 + random / 2));
}

/**
 * Decides whether and when an attempt is followed by another.
 *
 * @remarks The delay that the server sends as `Retry-After` is used exactly, without jitter: an
 * earlier attempt would be refused, and the limiter spreads the later ones.
 *
 * @param outcome - how the attempt ended
 * @param attempt - its number, starting at 1
 * @param random - a number in [0, 1)
 * @param isTimeoutFinal - see `HttpRequest`
 * @returns milliseconds until the next attempt; `undefined` when this one was the last
 */
export function decideRetryDelayMs(
  outcome: AttemptOutcome,
  attempt: number,
  random: number,
  isTimeoutFinal: boolean = false,
): number | undefined {
  if (isTimeoutFinal && isTimeout(outcome)) return undefined;
  if (attempt >= attemptsWorth(outcome)) return undefined;
  const askedMs = outcome.kind === 'reply' ? outcome.retryAfterMs : undefined;
  return askedMs ?? backoffMs(attempt, random);
}

/**
 * Returns the answer of the last attempt, or throws the error that stands for its outcome.
 *
 * @param outcome - of the last attempt
 * @param details - for messages: `url` without secrets, the number of `attempts`, and the
 * configured limits
 * @throws BitbucketServerNetworkError, BitbucketServerTimeoutError,
 * BitbucketServerWaitTooLongError or BitbucketServerResponseTooLargeError when there is no
 * answer to return
 */
export function toReplyOrThrow(
  outcome: AttemptOutcome,
  details: {
    readonly url: string;
    readonly attempts: number;
    readonly timeoutMs: number;
    readonly maxBytes: number;
  },
): HttpReply {
  const { timeoutMs, maxBytes } = details;
  switch (outcome.kind) {
    case 'reply':
      return outcome.reply;
    case 'timeout': {
      const what = `no complete answer within ${timeoutMs / 1000} s`;
      throw new BitbucketServerTimeoutError(details, what);
    }
    case 'not-sent': {
      const what = 'other requests were ahead of it until its caller had to give up';
      throw new BitbucketServerWaitTooLongError(details, what);
    }
    case 'too-large': {
      const what = `the answer is larger than ${maxBytes} bytes`;
      throw new BitbucketServerResponseTooLargeError(details, what);
    }
    default:
      throw new BitbucketServerNetworkError(details, outcome.failure.what);
  }
}
