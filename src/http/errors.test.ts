/** What the errors of the transport say and what they keep to themselves. */

import { BitbucketServerNetworkError, displayUrl } from './errors';

const url = 'https://jane:s3cret@bitbucket.example.com/rest/api/latest/repos?limit=1000';
const shown = 'https://bitbucket.example.com/rest/api/latest/repos?limit=1000';

describe('messages', () => {
  it('tell what was asked, how often and what happened', () => {
    const details = { url, attempts: 4 };
    const error = new BitbucketServerNetworkError(details, 'the connection was refused');
    expect(error.message).toBe(
      `GET ${shown} failed after 4 attempts: the connection was refused`,
    );
  });

  it('count one attempt as one', () => {
    const error = new BitbucketServerNetworkError({ url, attempts: 1 }, 'x');
    expect(error.message).toBe(`GET ${shown} failed after 1 attempt: x`);
  });

  it('carry neither a cause nor credentials', () => {
    const error = new BitbucketServerNetworkError({ url, attempts: 1 }, 'x');
    expect(error.cause).toBeUndefined();
    expect(`${error.stack} ${JSON.stringify(error)}`).not.toMatch(/s3cret|jane/);
  });
});

describe('displayUrl', () => {
  it.each([
    [url, shown],
    ['https://h/x#fragment', 'https://h/x'],
    [
      'https://h:7990/ctx/x?at=refs%2Fheads%2Fmain',
      'https://h:7990/ctx/x?at=refs%2Fheads%2Fmain',
    ],
    ['https://h/x?start=1&access_token=s3cret', 'https://h/x?[redacted]'],
    ['https://h/x?os_password=s3cret', 'https://h/x?[redacted]'],
    ['s3cret', '(not a URL)'],
  ])('shows %s as %s', (given, expected) => {
    expect(displayUrl(given)).toBe(expected);
  });
});
