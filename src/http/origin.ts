/**
 * What is sent, and how far: the headers of a request, and where a redirect may lead it.
 * Pure. Must never let a credential leave the origin it was configured for, nor let it
 * into a message. Called by the transport.
 */

import { InputError } from '@backstage/errors';
import { ReadableHeaders } from './rateLimitHeaders';

/** Followed in a row; more is a circle or a login. */
export const MAX_REDIRECTS = 5;

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

/** What a redirect is decided by. */
export interface Redirecting {
  readonly status: number;
  readonly headers: ReadableHeaders;
}

/**
 * Where an answer leads, whether or not anybody may go there.
 *
 * @param asked - the URL that was asked, absolute
 * @returns `undefined` when the answer does not redirect, or not to a URL
 */
export function redirectTarget(
  { status, headers }: Redirecting,
  asked: string,
): URL | undefined {
  const location = headers.get('Location');
  if (!isRedirect(status) || !location || !URL.canParse(location, asked)) {
    return undefined;
  }
  const target = new URL(location, asked);
  // A fragment is for the reader of a page, not for the server.
  target.hash = '';
  return target;
}

/**
 * Adds `Accept` and checks that each header can be sent.
 *
 * @remarks `Headers` quotes a value that it does not like in its message, and that may be
 * the credential (a token read from a file ends in a line break, say).
 *
 * @param headers - from the integration
 * @throws InputError naming the header, not its value
 */
export function createOutgoingHeaders(
  headers: Readonly<Record<string, string>>,
): Headers {
  const outgoing = new Headers({ Accept: 'application/json' });
  for (const [name, value] of Object.entries(headers)) {
    try {
      outgoing.set(name, value);
    } catch {
      throw new InputError(
        `The header ${name} for Bitbucket cannot be sent: it holds a character that HTTP ` +
          `does not allow in a header; check the password or token for line breaks`,
      );
    }
  }
  return outgoing;
}

/** The same, for a request that sends JSON. */
export function withJson(headers: Headers): Headers {
  const own = new Headers(headers);
  own.set('Content-Type', 'application/json');
  return own;
}
