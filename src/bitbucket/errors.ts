/** Errors of the client, which end a run, and the meaning of the transport's errors. Distinguished by name. */

import { CustomErrorBase } from '@backstage/errors';
import { Unanswered } from '../model';

/**
 * Why the credentials do not work.
 *
 * - `rejected`, `captcha`: Bitbucket says so
 * - `anonymous`: Bitbucket accepts them but treats the caller as anonymous
 * - `password-not-accepted`: Bitbucket accepts no passwords at all
 * - `not-verified`: Bitbucket could not check them, since its user directory does not answer
 * - `refused`: a 401 for an unknown reason, or by a proxy
 */
export type CredentialsProblem =
  | 'rejected'
  | 'captcha'
  | 'anonymous'
  | 'password-not-accepted'
  | 'not-verified'
  | 'refused';

const EXPLANATIONS: Record<
  CredentialsProblem,
  { readonly cause: string; readonly remedy: string }
> = {
  rejected: {
    cause: 'Bitbucket rejected the configured credentials',
    remedy: 'Check username and password, or the token and its expiry date',
  },
  captcha: {
    cause:
      'Bitbucket demands a CAPTCHA for the configured user, after too many failed logins',
    remedy:
      'Log in once in a browser as that user and solve it, or use an HTTP access token, which is never locked this way',
  },
  anonymous: {
    cause:
      'Bitbucket treats the configured credentials as anonymous, as it does with an expired or revoked token',
    remedy: 'Create a new one',
  },
  'password-not-accepted': {
    cause: 'Bitbucket accepts no password',
    remedy:
      'Use an HTTP access token, in `token`, in place of `username` and `password`. Bitbucket 10 and later accept no passwords unless an administrator allows it',
  },
  'not-verified': {
    cause: 'Bitbucket could not check the configured credentials',
    remedy:
      'Check the user directory that Bitbucket uses (LDAP, Crowd); the credentials may be right',
  },
  refused: {
    cause: 'The login was refused, but not by any known answer of Bitbucket',
    remedy:
      'A proxy in front of Bitbucket has to let requests with an Authorization header through. Where people log in by single sign-on only, no password works: use an HTTP access token, in `token`',
  },
};

/**
 * The credentials do not work. Nothing more is sent with them in this run: repeating a
 * failed login locks the account.
 *
 * @public
 */
export class BitbucketServerCredentialsError extends CustomErrorBase {
  override name = 'BitbucketServerCredentialsError' as const;
  readonly problem: CredentialsProblem;

  /**
   * @param configuredAt - the part of the configuration that holds the credentials
   * @param said - status and message of the answer, where they add information
   */
  constructor(problem: CredentialsProblem, configuredAt: string, said?: string) {
    const { cause, remedy } = EXPLANATIONS[problem];
    const quoted = said === undefined ? '' : `: ${said.replace(/\.$/, '')}`;
    super(
      `${cause}${quoted}. ${remedy} (${configuredAt}). The next attempt is the next scheduled run`,
    );
    this.problem = problem;
  }
}

/**
 * Whether an error means that a login was refused, so that another attempt may lock the account.
 * If Bitbucket could not verify the credentials, another attempt does not, and may succeed.
 */
export function isRefusedLogin(error: unknown): error is BitbucketServerCredentialsError {
  const isLogin = error instanceof BitbucketServerCredentialsError;
  return isLogin && error.problem !== 'not-verified';
}

/**
 * Converts the error of a request without an answer to a problem.
 *
 * @param error - the error that the transport threw; never an abort
 * @throws the error itself where it is a bug of ours: that must not count as an answer of
 * Bitbucket
 */
export function toUnanswered(error: unknown): Unanswered {
  const { name, message: detail } = error instanceof Error ? error : new Error();
  const kind = 'unknown';
  switch (name) {
    case 'BitbucketServerTimeoutError':
      return { kind, problem: { reason: 'timeout', detail }, isTooMuch: true };
    case 'BitbucketServerNetworkError':
      return { kind, problem: { reason: 'server-error', detail } };
    case 'BitbucketServerWaitTooLongError':
      return { kind, problem: { reason: 'rate-limited', detail } };
    case 'BitbucketServerResponseTooLargeError':
      return { kind, problem: { reason: 'unexpected-answer', detail }, isTooMuch: true };
    default:
      throw error;
  }
}
