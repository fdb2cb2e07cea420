import { BitbucketServerCredentialsError, CredentialsProblem } from './errors';

it.each<[CredentialsProblem, RegExp]>([
  ['rejected', /rejected the configured credentials.*Check username and password/],
  ['captcha', /CAPTCHA.*Log in once in a browser.*HTTP access token/],
  ['anonymous', /anonymous.*expired or revoked token.*Create a new one/],
])('names cause, remedy and where to apply it: %s', (problem, expected) => {
  const error = new BitbucketServerCredentialsError(problem, 'integrations.x, host a');
  expect(error.message).toMatch(expected);
  expect(error.message).toContain('(integrations.x, host a)');
  expect(error.message).toContain('next scheduled run');
  expect(error).toMatchObject({ name: 'BitbucketServerCredentialsError', problem });
});
