/** Questions about the server itself: which one it is, as whom it sees us, how fast we may be. */

import { z } from 'zod';
import { ServerBudget } from '../http/rateStrategy';
import { readUserName } from '../http/userName';
import { Unanswered } from '../model';
import { quote } from '../util/text';
import { Answer } from './Answer';
import { unanswered } from './assessReply';
import { AskOptions, Session } from './Session';
import { ApplicationProperties, RateLimitSettings, UserRateLimitSettings } from './wire';

/** What a server says about itself. */
export interface ServerInfo {
  /** Such as `9.4.3`. */
  readonly version: string;
  /** `Bitbucket`, unless an administrator gave it another name. */
  readonly displayName?: string;
  /** Who asks, as far as the server or a proxy before it lets us know. */
  readonly userName?: string;
}

/** The server's own words, or why there are none. */
export type ServerInfoLookup =
  { readonly kind: 'found'; readonly value: ServerInfo } | Unanswered;

/**
 * Reads version and user, one request.
 *
 * @remarks Anonymous users may ask too, so the answer proves nothing about the credentials
 * unless it names a user.
 * Source: `GET /application-properties`, Bitbucket Data Center 10.0 OpenAPI.
 */
export async function readServerInfo(
  session: Session,
  options: AskOptions = {},
): Promise<ServerInfoLookup> {
  const url = session.urls.applicationProperties();
  const answer = await session.ask({ kind: 'application-properties', url }, options);
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
 * The token bucket the server grants these credentials, at most two requests.
 *
 * @returns `unknown` when the server does not tell, `undefined` when it did not answer or
 * failed, so that it may be asked again later
 * Source: `GET /admin/rate-limit/settings` and `…/settings/users/{userSlug}`, Bitbucket
 * Data Center 10.0 OpenAPI: open to each user for itself.
 */
export async function readRateLimitBudget(
  session: Session,
  options: AskOptions = {},
): Promise<Exclude<ServerBudget, 'not-read'> | undefined> {
  const url = session.urls.rateLimitSettings();
  const answer = await session.ask({ kind: 'rate-limit-settings', url }, options);
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
 * @remarks The slug of a user is its name in lower case, with `_` for what does not belong
 * into a URL (`jane@example.com` is `jane_example.com`). A guess that is wrong costs one
 * request and leaves the setting for everybody.
 * Source: reports about Bitbucket Server 6 and 7, github.com/fork-dev/Tracker/issues/1492.
 */
async function readUserRateLimit(
  session: Session,
  userName: string | undefined,
  options: AskOptions,
): Promise<z.output<typeof UserRateLimitSettings> | undefined> {
  if (!userName) {
    return undefined;
  }
  const slug = userName.toLowerCase().replace(/[^\p{L}\p{N}._-]/gu, '_');
  const url = session.urls.userRateLimitSettings(slug);
  const answer = await session.ask({ kind: 'rate-limit-settings', url }, options);
  return answer.kind === 'answer' ? answer.read(UserRateLimitSettings) : undefined;
}

/** Failures, and what is not even JSON: a later answer may be another. */
function isPassing({ status, json }: Answer): boolean {
  return status === 429 || status >= 500 || (status === 200 && json === undefined);
}
