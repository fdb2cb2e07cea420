import { parseReadUrl } from './parseReadUrl';

const HOST = 'https://bitbucket.example.com';
const API = { projectKey: 'PAY', slug: 'api' };

describe('a URL in a repository', () => {
  it.each([
    [
      'a file',
      '/projects/PAY/repos/api/browse/catalog-info.yaml',
      API,
      'catalog-info.yaml',
    ],
    ['a raw file', '/projects/PAY/repos/api/raw/docs/a.md', API, 'docs/a.md'],
    ['below a context path', '/git/projects/PAY/repos/api/browse/a.yaml', API, 'a.yaml'],
    [
      'in a personal project',
      '/users/jane.doe/repos/api/browse/a.yaml',
      { projectKey: '~jane.doe', slug: 'api' },
      'a.yaml',
    ],
    [
      'in one by its key',
      '/projects/~JANE/repos/api/browse/a.yaml',
      { projectKey: '~JANE', slug: 'api' },
      'a.yaml',
    ],
    [
      'encoded',
      '/projects/PAY/repos/api/browse/a%20b/%C3%BC%2A%23.yaml',
      API,
      'a b/ü*#.yaml',
    ],
    ['not encoded', '/projects/PAY/repos/api/browse/a b/ü.yaml', API, 'a b/ü.yaml'],
    ['a folder', '/projects/PAY/repos/api/browse/docs/', API, 'docs'],
    ['the root', '/projects/PAY/repos/api/browse', API, ''],
    ['the repository', '/projects/PAY/repos/api', API, ''],
    [
      'whose path looks like one itself',
      '/projects/PAY/repos/api/browse/projects/X/repos/y/browse/a.yaml',
      API,
      'projects/X/repos/y/browse/a.yaml',
    ],
  ])('is parsed: %s', (_, path, address, filePath) => {
    const target = parseReadUrl(`${HOST}${path}`);
    expect(target).toEqual({ address, path: filePath, at: undefined });
  });

  it.each([
    ['?at=feature', 'feature'],
    ['?at=refs%2Fheads%2Ffeature%2Fx', 'refs/heads/feature/x'],
    ['?at=refs/tags/v1', 'refs/tags/v1'],
    ['?at=', undefined],
    ['?raw', undefined],
  ])('names the branch, tag or commit: %s', (query, at) => {
    const url = `${HOST}/projects/PAY/repos/api/browse/a.yaml${query}`;
    expect(parseReadUrl(url)?.at).toBe(at);
  });

  it.each([
    ['*/catalog-info.yaml', '*/catalog-info.yaml'],
    ['**/catalog-*.yaml', '**/catalog-*.yaml'],
    ['a%5Bb%5D%2A/*.yaml', 'a\\[b\\]\\*/*.yaml'],
    ['a%20b/*.yaml', 'a b/*.yaml'],
  ])('is a pattern if its path contains a star: %s', (path, glob) => {
    const url = `${HOST}/projects/PAY/repos/api/browse/${path}`;
    expect(parseReadUrl(url)?.glob).toBe(glob);
  });

  it.each([
    'not a url',
    `${HOST}/`,
    `${HOST}/projects/PAY`,
    `${HOST}/projects/PAY/repos/api/commits/abc`,
    `${HOST}/projects/PAY/repos/api/browse/%E0%A4%A`,
  ])('is not %s', url => {
    expect(parseReadUrl(url)).toBeUndefined();
  });
});
