/**
 * The headers of a request, and which redirects it may follow. Pure. Must never send a
 * credential to another origin than the configured one, nor put it into a message. Called by the
 * transport.
 */

import { InputError } from '@backstage/errors';
import { parseWebUrl } from '../util/parseUrls';
import { ReadableHeaders } from './rateLimitHeaders';

/** Redirects followed in a row; more than these are a loop or a login. */
export const MAX_REDIRECTS = 5;

/** Statuses with a target. Source: RFC 9110, section 15.4; others, such as 304, have none. */
const REDIRECTING: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Whether an answer is a redirect, so that its body is of no use. */
export function isRedirect(status: number): boolean {
  return REDIRECTING.has(status);
}

/**
 * Whether a URL of http or https lies on an origin (scheme, host and port) and carries no
 * credentials.
 */
export function isOnOrigin(url: string, origin: string): boolean {
  return parseWebUrl(url)?.origin === origin;
}

/** The parts of an answer that determine a redirect. */
export interface Redirecting {
  readonly status: number;
  readonly headers: ReadableHeaders;
}

/**
 * Returns the target of a redirect, whether or not it may be followed.
 *
 * @param asked - the requested URL, absolute
 * @returns `undefined` when the answer does not redirect, or not to a valid URL
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
  // Fragments are not sent to servers.
  target.hash = '';
  return target;
}

/**
 * Adds `Accept` and checks that each header can be sent.
 *
 * @remarks `Headers` quotes an invalid value in its error message, and that value may be the
 * credential (for example, a token read from a file that ends in a line break).
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
        `The header ${name} for Bitbucket cannot be sent: it contains a character that HTTP ` +
          `does not allow in a header; check the password or token for line breaks`,
      );
    }
  }
  return outgoing;
}

/** Copies the headers for a request with a JSON body. */
export function withJson(headers: Headers): Headers {
  const copy = new Headers(headers);
  copy.set('Content-Type', 'application/json');
  return copy;
}
