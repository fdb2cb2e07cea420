/**
 * The errors of the transport: what is thrown when a request has no answer that could be
 * returned. Must not carry a secret: no cause is attached, since `fetch` may quote
 * headers and URLs in its messages; its code and what happened are told instead.
 *
 * An answer with an error status is not an error here, it is returned. An abort is not
 * one either: it rejects with the signal's own reason.
 */

import { CustomErrorBase } from '@backstage/errors';
import { REDACTED } from './redact';

/** What the messages of the transport's errors begin with. */
export interface RequestErrorDetails {
  /** Absolute; credentials in it are removed. */
  readonly url: string;
  /** Attempts made in all. */
  readonly attempts: number;
}

/** Query parameters whose value must not be shown, whatever is in it. */
const SECRET_PARAMETER = /token|secret|password|passwd|auth|api_?key|signature/i;

/**
 * Writes a URL so that it can be shown: without `user:password@` and fragment, and with
 * the values of parameters that sound like a secret replaced.
 *
 * @param url - any text; what is no URL is not shown at all
 */
export function displayUrl(url: string): string {
  if (!URL.canParse(url)) return '(not a URL)';
  const shown = new URL(url);
  const secretNames = [...shown.searchParams.keys()].filter(name =>
    SECRET_PARAMETER.test(name),
  );
  const query = secretNames.length > 0 ? `?${REDACTED}` : shown.search;
  return `${shown.protocol}//${shown.host}${shown.pathname}${query}`;
}

abstract class RequestError extends CustomErrorBase {
  /** @param what - a clause that tells what happened, without secrets */
  constructor({ url, attempts }: RequestErrorDetails, what: string) {
    const times = attempts === 1 ? '1 attempt' : `${attempts} attempts`;
    super(`GET ${displayUrl(url)} failed after ${times}: ${what}`);
  }
}

/** No attempt was answered: name resolution, connection, TLS, proxy or a cut answer. */
export class BitbucketServerNetworkError extends RequestError {
  override name = 'BitbucketServerNetworkError' as const;
}

/** Every attempt ran out of time, the reading of the body included. */
export class BitbucketServerTimeoutError extends RequestError {
  override name = 'BitbucketServerTimeoutError' as const;
}

/** The answer is larger than is read; it was dropped unread. Not tried again. */
export class BitbucketServerResponseTooLargeError extends RequestError {
  override name = 'BitbucketServerResponseTooLargeError' as const;
}
