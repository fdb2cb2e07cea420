/** The own rate limit, as the server tells it. */

import { HttpReply } from '../http/types';
import {
  parseJson,
  parseRateLimitSettings,
  parseUserRateLimitSettings,
  RateLimitSettings,
  UserRateLimitSettings,
} from './wire';
import { RestUrls } from './restUrls';
import { AskOptions, Session } from './Session';

/** What the server grants a user: a bucket, or no limit at all. */
export type RateLimitBudget = RateLimitSettings | 'whitelisted';

/**
 * The token bucket the server grants these credentials, at most two requests.
 *
 * @returns `unknown` when the server does not tell, `undefined` when it did not answer or
 * failed, so that it may be asked again later
 * Source: `GET /admin/rate-limit/settings` and `…/settings/users/{userSlug}`, Bitbucket
 * Data Center 10.0 OpenAPI: open to each user for itself.
 */
export async function readRateLimitBudget(
  session: Session,
  urls: RestUrls,
  options: AskOptions = {},
): Promise<RateLimitBudget | 'unknown' | undefined> {
  const reply = await session.ask(
    { kind: 'rate-limit-settings', url: urls.rateLimitSettings() },
    options,
  );
  if ('reason' in reply || isPassing(reply)) {
    return undefined;
  }
  const common =
    reply.status === 200 ? parseRateLimitSettings(parseJson(reply.body)) : undefined;
  if (!common?.enabled) {
    return common ?? 'unknown';
  }
  const own = await readUserRateLimit(
    session,
    urls,
    reply.headers.get('x-ausername'),
    options,
  );
  return own?.whitelisted ? 'whitelisted' : { ...common, ...own?.bucket };
}

async function readUserRateLimit(
  session: Session,
  urls: RestUrls,
  userName: string | null,
  options: AskOptions,
): Promise<UserRateLimitSettings | undefined> {
  if (!userName) {
    return undefined;
  }
  const url = urls.userRateLimitSettings(toUserSlug(userName));
  const reply = await session.ask({ kind: 'rate-limit-settings', url }, options);
  return 'reason' in reply || reply.status !== 200
    ? undefined
    : parseUserRateLimitSettings(parseJson(reply.body));
}

/** Failures, and what is not even JSON: a later answer may be another. */
function isPassing({ status, body }: HttpReply): boolean {
  return (
    status === 429 || status >= 500 || (status === 200 && parseJson(body) === undefined)
  );
}

/**
 * The slug of a user, from the encoded name in `X-AUSERNAME`: lower case, with `_` for
 * what does not belong into a URL (`jane@example.com` is `jane_example.com`). A guess that
 * is wrong costs one request and leaves the setting for everybody.
 * Source: reports about Bitbucket Server 6 and 7, github.com/fork-dev/Tracker/issues/1492.
 */
function toUserSlug(headerValue: string): string {
  return decode(headerValue)
    .toLowerCase()
    .replace(/[^\p{L}\p{N}._-]/gu, '_');
}

function decode(headerValue: string): string {
  try {
    return decodeURIComponent(headerValue);
  } catch {
    return headerValue;
  }
}
