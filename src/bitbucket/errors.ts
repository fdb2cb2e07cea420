/** Errors of the client that end a run. Told apart by name. */

import { CustomErrorBase } from '@backstage/errors';

/** What is wrong with the credentials. */
export type CredentialsProblem = 'rejected' | 'captcha' | 'anonymous';

const CAUSES: Record<CredentialsProblem, string> = {
  rejected:
    'Bitbucket rejected the configured credentials. Check username and password, or the token and its expiry date',
  captcha:
    'Bitbucket demands a CAPTCHA for the configured user, after too many failed logins. Log in once in a browser as that user and solve it, or use an HTTP access token, which is never locked this way',
  anonymous:
    'Bitbucket treats the configured credentials as anonymous, as it does with an expired or revoked token. Create a new one',
};

/**
 * The credentials do not work. Nothing more is asked with them in this run: repeating a
 * failed login locks the account.
 *
 * @public
 */
export class BitbucketServerCredentialsError extends CustomErrorBase {
  override name = 'BitbucketServerCredentialsError' as const;
  readonly problem: CredentialsProblem;

  /** @param configuredAt - the part of the configuration that has the credentials */
  constructor(problem: CredentialsProblem, configuredAt: string) {
    super(
      `${CAUSES[problem]} (${configuredAt}). The next attempt is the next scheduled run`,
    );
    this.problem = problem;
  }
}
