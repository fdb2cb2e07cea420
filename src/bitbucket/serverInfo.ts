/** Which Bitbucket this is, and as whom it sees us. Asked by people, not by runs. */

import { Problem } from '../model';
import { problemOf } from './assessReply';
import { RestUrls } from './restUrls';
import { AskOptions, Session } from './Session';
import { parseApplicationProperties, parseJson } from './wire';

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
  | { readonly kind: 'found'; readonly value: ServerInfo }
  | { readonly kind: 'unknown'; readonly problem: Problem };

/**
 * Reads version and user, one request.
 *
 * @remarks Strangers may ask too, so the answer proves nothing about the credentials
 * unless it names a user.
 * Source: `GET /application-properties`, Bitbucket Data Center 10.0 OpenAPI.
 */
export async function readServerInfo(
  session: Session,
  urls: RestUrls,
  options: AskOptions = {},
): Promise<ServerInfoLookup> {
  const reply = await session.ask(
    { kind: 'application-properties', url: urls.applicationProperties() },
    options,
  );
  if ('reason' in reply) {
    return { kind: 'unknown', problem: reply };
  }
  const properties =
    reply.status === 200 ? parseApplicationProperties(parseJson(reply.body)) : undefined;
  if (!properties) {
    return { kind: 'unknown', problem: problemOf(reply) };
  }
  const userName = decode(reply.headers.get('x-ausername'));
  return { kind: 'found', value: { ...properties, ...(userName && { userName }) } };
}

/** The header carries the name encoded as in a URL. */
function decode(headerValue: string | null): string | undefined {
  try {
    return headerValue === null ? undefined : decodeURIComponent(headerValue);
  } catch {
    return headerValue ?? undefined;
  }
}
