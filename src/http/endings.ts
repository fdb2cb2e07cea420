/**
 * How one exchange with the server can end, and what follows from it. Pure. Must not
 * carry what was thrown: it may quote a credential. Called by the transport.
 */

import { AttemptFailure } from './decideRetry';
import { NetworkFailure } from './describeNetworkFailure';
import {
  BitbucketServerNetworkError,
  BitbucketServerResponseTooLargeError,
  BitbucketServerTimeoutError,
} from './errors';
import { AttemptResult, HttpReply } from './types';

/** How an exchange ended, an abort aside: that is thrown. */
export type Ending =
  | { readonly kind: 'reply'; readonly reply: HttpReply }
  | { readonly kind: 'too-large'; readonly status: number }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'network-error'; readonly failure: NetworkFailure };

/** As the observer counts it. */
export function toAttemptResult(ending: Ending): AttemptResult {
  if (ending.kind === 'reply') return ending.reply.status;
  return ending.kind === 'too-large' ? ending.status : ending.kind;
}

/** What may be worth another attempt; `undefined` for everything that is final. */
export function toFailure(ending: Ending): AttemptFailure | undefined {
  switch (ending.kind) {
    case 'timeout':
      return { kind: 'timeout' };
    case 'network-error':
      return { kind: 'network-error', code: ending.failure.code };
    case 'reply': {
      const { status, headers } = ending.reply;
      const retryAfter = headers.get('Retry-After');
      return status < 400 ? undefined : { kind: 'status', status, retryAfter };
    }
    default:
      return undefined;
  }
}

/**
 * Turns the last ending into what the caller gets.
 *
 * @param ending - of the last attempt
 * @param details - for messages: `url` without secrets, `attempts` made, and the limits
 * that were set
 * @throws BitbucketServerNetworkError, BitbucketServerTimeoutError or
 * BitbucketServerResponseTooLargeError when there is no answer to return
 */
export function conclude(
  ending: Ending,
  details: {
    readonly url: string;
    readonly attempts: number;
    readonly timeoutMs: number;
    readonly maxBytes: number;
  },
): HttpReply {
  switch (ending.kind) {
    case 'reply':
      return ending.reply;
    case 'timeout':
      throw new BitbucketServerTimeoutError(details);
    case 'too-large':
      throw new BitbucketServerResponseTooLargeError(details);
    default: {
      const { code, what } = ending.failure;
      throw new BitbucketServerNetworkError({ ...details, code }, what);
    }
  }
}
