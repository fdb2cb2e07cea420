/** Reads whom the server took the request for. Pure. */

import { ReadableHeaders } from './rateLimitHeaders';

/**
 * The name of the user that an answer was given to.
 *
 * @returns `undefined` for an anonymous caller, and where a proxy has stripped the header
 *
 * Source: `X-AUSERNAME` is on every recorded answer to somebody who is signed in; it carries
 * the name encoded as in a URL.
 */
export function readUserName(headers: ReadableHeaders): string | undefined {
  const value = headers.get('X-AUSERNAME') || undefined;
  try {
    return value && decodeURIComponent(value);
  } catch {
    return value;
  }
}
