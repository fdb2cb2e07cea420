import { toWebBase, findWebBase } from './parseUrls';

describe('findWebBase', () => {
  it.each([
    ['https://host/projects/PAY/repos/api/browse', 'https://host'],
    ['https://host/projects/PAY/repos/api/browse/', 'https://host'],
    ['https://host/projects/PAY/repos/api', 'https://host'],
    ['https://host/projects/PAY', 'https://host'],
    ['https://host/users/jdoe', 'https://host'],
    [
      'http://host:7990/bitbucket/users/jdoe/repos/x/browse',
      'http://host:7990/bitbucket',
    ],
    ['https://HOST:443/a/b/projects/PAY', 'https://host/a/b'],
    ['https://host/projects/x/projects/PAY/repos/api/browse', 'https://host/projects/x'],
    ['https://host/x/../projects/PAY', 'https://host'],
  ])('returns for %s the base %s', (url, base) => expect(findWebBase(url)).toBe(base));

  it.each([
    '',
    'no url',
    '/projects/PAY/repos/api/browse',
    'https://host',
    'https://host/projects',
    'https://host/projects/PAY/repos/api/browse/README.md',
    'https://host/admin/users',
    'https://user:secret@host/projects/PAY',
    'ssh://git@host/projects/PAY',
    'javascript:alert(1)//projects/PAY',
  ])('returns undefined for "%s"', url => expect(findWebBase(url)).toBeUndefined());
});

describe('toWebBase', () => {
  it('normalizes base URLs', () => {
    const urls = ['https://Host', 'https://host/', 'https://host:443//'];
    expect(urls.map(toWebBase)).toEqual(Array(3).fill('https://host'));
    expect(toWebBase('http://host:7990/ctx/')).toBe('http://host:7990/ctx');
  });

  it('returns undefined for a text that is not a base URL', () => {
    expect(['', 'host', 'https://u:p@host'].map(toWebBase)).toEqual(
      Array(3).fill(undefined),
    );
  });
});
