/** What a request that got no answer means. Pure; errors are told apart by name. */

import { Problem } from '../model';

/** @param error - what the transport threw; never an abort */
export function problemOfError(error: unknown): Problem {
  const detail = error instanceof Error ? error.message : 'the request failed';
  const name = error instanceof Error ? error.name : '';
  switch (name) {
    case 'BitbucketServerTimeoutError':
      return { reason: 'timeout', detail };
    case 'BitbucketServerNetworkError':
      return { reason: 'server-error', detail };
    case 'BitbucketServerResponseTooLargeError':
      return { reason: 'unexpected-answer', detail };
    default:
      // A mistake of ours, not an answer of Bitbucket's: it must not pass for one.
      throw error;
  }
}
