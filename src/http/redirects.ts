/**
 * Decides where a redirect leads and whether to go there. Pure. Must never let a
 * credential leave the origin it was configured for. Called by the transport.
 */

import { ReadableHeaders } from './rateLimitHeaders';

/** Followed in a row; more is a circle or a login. */
export const MOST_REDIRECTS = 5;

/** Source: RFC 9110, section 15.4; 304 and the like lead nowhere. */
const REDIRECTING: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Whether an answer only points elsewhere, so that its body is of no use. */
export function isRedirect(status: number): boolean {
  return REDIRECTING.has(status);
}

/** Whether a URL lies on an origin (scheme, host and port) and carries no credentials. */
export function isOnOrigin(url: string, origin: string): boolean {
  if (!URL.canParse(url)) return false;
  const parsed = new URL(url);
  return parsed.origin === origin && parsed.username === '' && parsed.password === '';
}

/**
 * Where to go on.
 *
 * @param reply - an answer; `url` is what was asked
 * @param origin - the only origin that may be asked
 * @returns an absolute URL on that origin, or `undefined` when the answer does not
 * redirect, or redirects to anywhere else
 */
export function redirectTarget(
  reply: {
    readonly url: string;
    readonly status: number;
    readonly headers: ReadableHeaders;
  },
  origin: string,
): string | undefined {
  const location = reply.headers.get('Location');
  if (!isRedirect(reply.status) || !location) return undefined;
  if (!URL.canParse(location, reply.url)) return undefined;
  const target = new URL(location, reply.url);
  // A fragment is for the reader of a page, not for the server.
  target.hash = '';
  return isOnOrigin(target.href, origin) ? target.href : undefined;
}
