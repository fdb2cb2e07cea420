/** Requests about the server itself: its version, the user it sees, and its rate limit. */

import { z } from 'zod';
import { ServerBudget } from '../http/rateStrategy';
import { readUserName } from '../http/rateLimitHeaders';
import { Unanswered } from '../model';
import { quote } from '../util/text';
import { Answer } from './Answer';
import { unanswered } from './assessReply';
import { RequestOptions, Session } from './Session';
import { ApplicationProperties, RateLimitSettings, UserRateLimitSettings } from './wire';

/** Version and name of a server, and the user it sees. */
export interface ServerInfo {
  /** For example `9.4.3`. */
  readonly version: string;
  /** `Bitbucket`, unless an administrator gave it another name. */
  readonly displayName?: string;
  /** The authenticated user; `undefined` where the answer does not name one. */
  readonly userName?: string;
}

/** The server's information, or why it is unknown. */
export type ServerInfoLookup =
  { readonly kind: 'found'; readonly value: ServerInfo } | Unanswered;

/**
 * Reads version, name and user: one request.
 *
 * @remarks Anonymous callers get an answer too, so it proves nothing about the credentials
 * unless it names a user.
 * Source: `GET /application-properties`, Bitbucket Data Center 10.0 OpenAPI.
 */
export async function readServerInfo(
  session: Session,
  options: RequestOptions = {},
): Promise<ServerInfoLookup> {
  const url = session.urls.applicationProperties();
  const answer = await session.send({ kind: 'application-properties', url }, options);
  if (answer.kind === 'unknown') {
    return answer;
  }
  const properties = answer.read(ApplicationProperties);
  if (!properties) {
    return unanswered(answer);
  }
  const userName = readUserName(answer.headers);
  return {
    kind: 'found',
    value: {
      ...properties,
      userName: userName === undefined ? undefined : quote(userName),
    },
  };
}

/**
 * Reads the token bucket that the server grants these credentials: at most two requests.
 *
 * @returns `unknown` when the server does not say, `undefined` when it did not answer or
 * failed, so that a later request may succeed
 * Source: `GET /admin/rate-limit/settings` and `…/settings/users/{userSlug}`, Bitbucket
 * Data Center 10.0 OpenAPI: open to each user for itself.
 */
export async function readRateLimitBudget(
  session: Session,
  options: RequestOptions = {},
): Promise<Exclude<ServerBudget, 'not-read'> | undefined> {
  const url = session.urls.rateLimitSettings();
  const answer = await session.send({ kind: 'rate-limit-settings', url }, options);
  if (answer.kind === 'unknown' || isPassing(answer)) {
    return undefined;
  }
  const common = answer.read(RateLimitSettings);
  if (!common?.enabled) {
    return common ?? 'unknown';
  }
  const own = await readUserRateLimit(session, readUserName(answer.headers), options);
  return own?.whitelisted ? 'whitelisted' : { ...common, ...own?.bucket };
}

/**
 * @remarks The slug of a user is the name in lower case, with `_` for characters that do not
 * belong in a URL (`jane@example.com` becomes `jane_example.com`). A wrong guess costs one
 * request, and the default setting applies.
 * Source: reports about Bitbucket Server 6 and 7, github.com/fork-dev/Tracker/issues/1492.
 */
async function readUserRateLimit(
  session: Session,
  userName: string | undefined,
  options: RequestOptions,
): Promise<z.output<typeof UserRateLimitSettings> | undefined> {
  if (!userName) {
    return undefined;
  }
  const slug = userName.toLowerCase().replace(/[^\p{L}\p{N}._-]/gu, '_');
  const url = session.urls.userRateLimitSettings(slug);
  const answer = await session.send({ kind: 'rate-limit-settings', url }, options);
  return answer.kind === 'answer' ? answer.read(UserRateLimitSettings) : undefined;
}

/** Failures, and bodies that are not even JSON: a later answer may differ. */
function isPassing({ status, json }: Answer): boolean {
  return status === 429 || status >= 500 || (status === 200 && json === undefined);
}
