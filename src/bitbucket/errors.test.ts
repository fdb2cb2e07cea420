import {
  BitbucketServerNetworkError,
  BitbucketServerResponseTooLargeError,
  BitbucketServerTimeoutError,
} from '../http/errors';
import {
  BitbucketServerCredentialsError,
  CredentialsProblem,
  toUnanswered,
} from './errors';

describe('BitbucketServerCredentialsError', () => {
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
});

describe('a request without an answer', () => {
  const REQUEST = { url: 'https://git.example.com/rest/api/1.0/repos', attempts: 4 };

  it.each([
    ['timeout', true, new BitbucketServerTimeoutError(REQUEST, 'it was late')],
    ['server-error', undefined, new BitbucketServerNetworkError(REQUEST, 'was reset')],
    [
      'unexpected-answer',
      true,
      new BitbucketServerResponseTooLargeError(REQUEST, 'it was large'),
    ],
  ])('is %s (too much: %s) and quotes the error', (reason, isTooMuch, error) => {
    const problem = { reason, detail: error.message };
    expect(toUnanswered(error)).toEqual({ kind: 'unknown', problem, isTooMuch });
  });

  it('is recognised by name, since another copy of the package may have thrown it', () => {
    const error = Object.assign(new Error('late'), {
      name: 'BitbucketServerTimeoutError',
    });
    expect(toUnanswered(error).problem).toEqual({ reason: 'timeout', detail: 'late' });
  });

  it.each([
    new TypeError('x is not a function'),
    new Error('Refused to ask'),
    'text',
    null,
  ])('rethrows %s, which is not caused by Bitbucket', error => {
    expect(() => toUnanswered(error)).toThrow();
  });
});
