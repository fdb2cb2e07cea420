import {
  BitbucketServerNetworkError,
  BitbucketServerResponseTooLargeError,
  BitbucketServerTimeoutError,
} from '../http/errors';
import { problemOfError } from './problemOfError';

const REQUEST = { url: 'https://git.example.com/rest/api/1.0/repos', attempts: 4 };

it.each([
  ['timeout', new BitbucketServerTimeoutError(REQUEST, 'it was late')],
  ['server-error', new BitbucketServerNetworkError(REQUEST, 'it was reset')],
  [
    'unexpected-answer',
    new BitbucketServerResponseTooLargeError(REQUEST, 'it was large'),
  ],
])('is %s and quotes the error', (reason, error) => {
  expect(problemOfError(error)).toEqual({ reason, detail: error.message });
});

it('goes by name, since another copy of the package may have thrown it', () => {
  const error = Object.assign(new Error('late'), { name: 'BitbucketServerTimeoutError' });
  expect(problemOfError(error)).toEqual({ reason: 'timeout', detail: 'late' });
});

it.each([
  new TypeError('x is not a function'),
  new Error('Refused to ask'),
  'text',
  null,
])('lets %s pass, which Bitbucket has no part in', error => {
  expect(() => problemOfError(error)).toThrow();
});
