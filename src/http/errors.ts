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

/** What the errors of the transport tell besides their message. */
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

function sentence(details: RequestErrorDetails, what: string): string {
  const attempts = details.attempts === 1 ? '1 attempt' : `${details.attempts} attempts`;
  return `GET ${displayUrl(details.url)} failed after ${attempts}: ${what}`;
}

/** No attempt was answered: name resolution, connection, TLS, proxy or a cut answer. */
export class BitbucketServerNetworkError extends CustomErrorBase {
  override name = 'BitbucketServerNetworkError' as const;
  readonly url: string;
  readonly attempts: number;
  /** Such as `ECONNREFUSED`; `undefined` when nothing named one. */
  readonly code?: string;

  /**
   * @param details - the request, its attempts and the code
   * @param what - a clause that tells what happened, without secrets
   */
  constructor(details: RequestErrorDetails & { readonly code?: string }, what: string) {
    super(sentence(details, what));
    this.url = displayUrl(details.url);
    this.attempts = details.attempts;
    this.code = details.code;
  }
}

/** Every attempt ran out of time, the reading of the body included. */
export class BitbucketServerTimeoutError extends CustomErrorBase {
  override name = 'BitbucketServerTimeoutError' as const;
  readonly url: string;
  readonly attempts: number;
  /** Milliseconds each attempt was given. */
  readonly timeoutMs: number;

  /** @param details - the request, its attempts and the time each was given */
  constructor(details: RequestErrorDetails & { readonly timeoutMs: number }) {
    super(sentence(details, `no complete answer within ${details.timeoutMs / 1000} s`));
    this.url = displayUrl(details.url);
    this.attempts = details.attempts;
    this.timeoutMs = details.timeoutMs;
  }
}

/** The answer is larger than is read; it was dropped unread. Not tried again. */
export class BitbucketServerResponseTooLargeError extends CustomErrorBase {
  override name = 'BitbucketServerResponseTooLargeError' as const;
  readonly url: string;
  readonly attempts: number;
  readonly maxBytes: number;

  /** @param details - the request, its attempts and the limit */
  constructor(details: RequestErrorDetails & { readonly maxBytes: number }) {
    super(sentence(details, `the answer is larger than ${details.maxBytes} bytes`));
    this.url = displayUrl(details.url);
    this.attempts = details.attempts;
    this.maxBytes = details.maxBytes;
  }
}
