/** Reads which user the server authenticated. Pure. */

import { ReadableHeaders } from './rateLimitHeaders';

/**
 * Returns the name of the user as whom a request was authenticated.
 *
 * @returns `undefined` for an anonymous caller, and where a proxy has stripped the header
 *
 * Source: every recorded answer to an authenticated user has `X-AUSERNAME`, with the name
 * URL-encoded.
 */
export function readUserName(headers: ReadableHeaders): string | undefined {
  const value = headers.get('X-AUSERNAME') || undefined;
  try {
    return value && decodeURIComponent(value);
  } catch {
    return value;
  }
}
