/**
 * Reads the credentials a provider has of its own. No value of these keys is ever shown,
 * whatever is wrong with it.
 */

import { ConfigSection } from './ConfigSection';
import { ProviderCredentials } from './types';

/** What a header may carry; Bitbucket's tokens hold nothing else. */
const TOKEN = /^[\x21-\x7e]+$/;

/**
 * Reads the keys `token`, `username` and `password`; faults are added to the section's
 * problems.
 *
 * @returns `undefined` where the integration's credentials are to be used, or on a fault
 */
export function readCredentials(
  provider: ConfigSection,
): ProviderCredentials | undefined {
  const token = provider.secret('token')?.trim();
  const username = provider.secret('username');
  const password = provider.secret('password');
  const hasUser = provider.has('username') || provider.has('password');
  if (provider.has('token') && hasUser) {
    provider.addProblem(
      'token',
      'cannot be set beside username and password; keep either the token or the other two',
    );
    return undefined;
  }
  if (hasUser) {
    provider.require('username', 'set the user that the password belongs to');
    provider.require(
      'password',
      'set it too, or set token instead of both, where the user has an HTTP access token',
    );
    refuseColon(provider, username);
    return username === undefined || password === undefined
      ? undefined
      : { username, password };
  }
  if (token !== undefined && !TOKEN.test(token)) {
    provider.addProblem(
      'token',
      'must be one HTTP access token, without spaces, line breaks or other characters that HTTP does not allow in a header',
    );
    return undefined;
  }
  return token === undefined ? undefined : { token };
}

/** Everything behind the colon would be sent as the password (RFC 7617). */
function refuseColon(provider: ConfigSection, username: string | undefined): void {
  if (username?.includes(':')) {
    provider.addProblem(
      'username',
      'must be the name alone, without a colon; the password has its own key',
    );
  }
}
