/**
 * Reads credentials, of an integration or of a provider. No value of these keys is ever
 * shown, whatever is wrong with it.
 */

import { ConfigSection } from './ConfigSection';
import { ProviderCredentials } from './types';

/** What a header may carry; Bitbucket's tokens hold nothing else. */
const TOKEN = /^[\x21-\x7e]+$/;

/** What Backstage makes of `${VARIABLE}` where that variable is not set: no key at all. */
const UNSET_VARIABLE =
  'where it comes from an environment variable, set that variable: a key whose variable is not set counts as missing';

/**
 * Reads the keys `token`, `username` and `password`; faults are added to the section's
 * problems. Half of a user is one: requests would go out without credentials, and what an
 * anonymous caller may not see would look deleted.
 *
 * @param tokenWins - whether a token makes the other two irrelevant, as Backstage has it
 * for integrations, instead of being refused beside them
 * @returns `undefined` where there are none, or on a fault
 */
export function readCredentials(
  section: ConfigSection,
  { tokenWins }: { tokenWins: boolean },
): ProviderCredentials | undefined {
  const hasUser = section.has('username') || section.has('password');
  if (section.has('token') && hasUser && !tokenWins) {
    section.addProblem(
      'token',
      'cannot be set beside username and password; keep either the token or the other two',
    );
    return undefined;
  }
  if (section.has('token')) {
    return readToken(section);
  }
  return hasUser ? readUser(section) : undefined;
}

function readToken(section: ConfigSection): ProviderCredentials | undefined {
  const token = section.secret('token')?.trim();
  if (token !== undefined && !TOKEN.test(token)) {
    section.addProblem(
      'token',
      'must be one HTTP access token, without spaces, line breaks or other characters that HTTP does not allow in a header',
    );
    return undefined;
  }
  return token === undefined ? undefined : { token };
}

function readUser(section: ConfigSection): ProviderCredentials | undefined {
  const username = section.secret('username');
  const password = section.secret('password');
  section.require(
    'username',
    `set the user that the password belongs to; ${UNSET_VARIABLE}`,
  );
  section.require(
    'password',
    `set it too, or set token instead of both, where the user has an HTTP access token; ${UNSET_VARIABLE}`,
  );
  // Everything behind the colon would be sent as the password (RFC 7617).
  if (username?.includes(':')) {
    section.addProblem(
      'username',
      'must be the name alone, without a colon; the password has its own key',
    );
  }
  return username === undefined || password === undefined
    ? undefined
    : { username, password };
}
