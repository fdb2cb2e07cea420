/**
 * Reads the `Authorization` header and determines the caller. `handle.ts` calls it once per
 * request, before everything else.
 */
import { BasicAuthenticationDisabled, BitbucketException, notPermitted } from './errors';
import type { SimulatedUser } from './users';
import { type Viewer, anonymousViewer, createUserViewer } from './viewer';

/** How the server treats its callers. */
export interface AuthenticationRules {
  /** Public access is on: anonymous requests see public content. */
  anonymousAccess: boolean;
  /** The treatment of an expired or unknown Bearer token. */
  invalidTokens: 'rejected' | 'anonymous';
  /** Number of refused passwords after which a CAPTCHA is required; `undefined`: never. */
  captchaAfterFailures?: number;
  /** Whether passwords are accepted at all; otherwise the format of the answer that refuses them. */
  basicAuthentication: 'enabled' | BasicAuthenticationDisabled['shape'];
  /** Whether the user directory that checks passwords (such as LDAP) answers. */
  userDirectory: 'available' | 'down';
}

/** The credentials in the header, not yet checked. */
export type Credentials =
  | { readonly scheme: 'none' }
  | { readonly scheme: 'basic'; readonly name: string; readonly secret: string }
  | { readonly scheme: 'bearer'; readonly token: string };

const CAPTCHA_MESSAGE =
  'CAPTCHA required. Your Bitbucket account has been locked. To unlock it and log in again you must solve a CAPTCHA. ' +
  'This is typically caused by too many attempts to login with an incorrect password. The account lock prevents your ' +
  'SCM client from accessing Bitbucket and its mirrors until it is solved, even if you enter your password correctly.';

/** Takes an `Authorization` header apart. Other schemes count as none. */
export function parseCredentials(header = ''): Credentials {
  const [, scheme = '', value = ''] = /^(\S+)\s+(.*)$/.exec(header) ?? [];
  switch (scheme.toLowerCase()) {
    case 'basic': {
      const decoded = Buffer.from(value, 'base64').toString('utf8');
      const colon = decoded.indexOf(':');
      const name = colon < 0 ? decoded : decoded.slice(0, colon);
      return {
        scheme: 'basic',
        name,
        secret: colon < 0 ? '' : decoded.slice(colon + 1),
      };
    }
    case 'bearer':
      return { scheme: 'bearer', token: value.trim() };
    default:
      return { scheme: 'none' };
  }
}

/**
 * Determines the caller.
 *
 * @remarks A wrong password, a wrong token and a CAPTCHA are 401 with different
 * exceptions. Source: recorded answers; Atlassian, "HTTP access tokens".
 *
 * @throws BitbucketException, or BasicAuthenticationDisabled, when the request is refused
 */
export function authenticate(
  credentials: Credentials,
  users: ReadonlyMap<string, SimulatedUser>,
  rules: AuthenticationRules,
): Viewer {
  if (credentials.scheme === 'none') {
    return anonymousViewer;
  }
  if (credentials.scheme === 'bearer') {
    const owner = [...users.values()].find(user => user.token === credentials.token);
    if (owner && !owner.expired) {
      return createUserViewer(owner);
    }
    if (rules.invalidTokens === 'anonymous') {
      return anonymousViewer;
    }
    throw incorrectPassword();
  }
  refusePasswords(rules);
  const user = users.get(credentials.name.toLowerCase());
  if (!user || credentials.secret === '') {
    throw incorrectPassword();
  }
  if (user.token === credentials.secret && !user.expired && !user.projects) {
    return createUserViewer(user);
  }
  return createUserViewer(signInWithPassword(user, credentials.secret, rules));
}

/** @throws BitbucketException when public access is off and the caller is anonymous */
export function requireAccess(viewer: Viewer, rules: AuthenticationRules): void {
  if (!viewer.user && !rules.anonymousAccess) {
    throw notPermitted();
  }
}

function signInWithPassword(
  user: SimulatedUser,
  secret: string,
  { captchaAfterFailures = Infinity }: AuthenticationRules,
): SimulatedUser {
  if (user.captchaRequired) {
    user.failedLogins += 1;
    throw new BitbucketException(
      'CaptchaRequiredAuthenticationException',
      CAPTCHA_MESSAGE,
      { 'WWW-Authenticate': 'Basic realm="Atlassian Bitbucket"' },
    );
  }
  if (user.password !== secret) {
    user.failedLogins += 1;
    user.captchaRequired = user.failedLogins >= captchaAfterFailures;
    throw incorrectPassword();
  }
  return user;
}

/** Refuses passwords before the password itself is checked. */
function refusePasswords(rules: AuthenticationRules): void {
  if (rules.basicAuthentication !== 'enabled') {
    throw new BasicAuthenticationDisabled(rules.basicAuthentication);
  }
  if (rules.userDirectory === 'down') {
    throw new BitbucketException(
      'AuthenticationSystemException',
      'The user directory could not be reached.',
    );
  }
}

function incorrectPassword(): BitbucketException {
  return new BitbucketException(
    'IncorrectPasswordAuthenticationException',
    'Authentication failed. Please check your credentials and try again.',
  );
}
