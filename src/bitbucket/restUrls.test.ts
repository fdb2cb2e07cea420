import { encodePath, RestUrls } from './restUrls';

const BASE = 'https://git.example.com/bitbucket/rest/api/1.0';
const urls = new RestUrls(BASE);
const API = { projectKey: 'PAY', slug: 'api' };

/** Decodes the path segments and parameters of a URL as a server does. */
function decode(url: string) {
  const { pathname, searchParams } = new URL(url);
  return {
    segments: pathname.split('/').map(decodeURIComponent),
    query: Object.fromEntries(searchParams),
  };
}

describe('each endpoint', () => {
  it.each<[string, string, string]>([
    [
      'repositories, archived ones included',
      urls.repositories({ start: 0, limit: 1000 }),
      '/repos?start=0&limit=1000&archived=ALL',
    ],
    [
      'projects',
      urls.projects({ start: 25, limit: 100 }),
      '/projects?start=25&limit=100',
    ],
    [
      'repositories of a project',
      urls.projectRepositories('PAY', { start: 0, limit: 1000 }),
      '/projects/PAY/repos?start=0&limit=1000',
    ],
    ['a repository', urls.repository(API), '/projects/PAY/repos/api'],
    [
      'the type of a file on the default branch',
      urls.fileType(API, 'catalog-info.yaml'),
      '/projects/PAY/repos/api/browse/catalog-info.yaml?type=true',
    ],
    [
      'the type of a file on a branch',
      urls.fileType(API, 'catalog-info.yaml', 'refs/heads/main'),
      '/projects/PAY/repos/api/browse/catalog-info.yaml?type=true&at=refs%2Fheads%2Fmain',
    ],
    [
      'files on the default branch',
      urls.files(API, { start: 0, limit: 100_000 }),
      '/projects/PAY/repos/api/files?start=0&limit=100000',
    ],
    [
      'files on a branch',
      urls.files(API, { start: 0, limit: 10 }, 'refs/heads/main'),
      '/projects/PAY/repos/api/files?start=0&limit=10&at=refs%2Fheads%2Fmain',
    ],
    [
      'repositories with a label',
      urls.labeled('backstage', { start: 0, limit: 1000 }),
      '/labels/backstage/labeled?type=REPOSITORY&start=0&limit=1000',
    ],
    [
      'labels of a repository',
      urls.labels(API, { start: 0, limit: 1000 }),
      '/projects/PAY/repos/api/labels?start=0&limit=1000',
    ],
    [
      'what only users may ask',
      urls.recentRepositories(),
      '/profile/recent/repos?start=0&limit=1',
    ],
    ['the rate limit', urls.rateLimitSettings(), '/admin/rate-limit/settings'],
    [
      'the rate limit of a user',
      urls.userRateLimitSettings('jdoe'),
      '/admin/rate-limit/settings/users/jdoe',
    ],
  ])('addresses %s below the context path', (_name, url, expected) => {
    expect(url).toBe(`${BASE}${expected}`);
  });
});

describe('the base URL', () => {
  it.each([
    ['http://localhost:7990/rest/api/1.0', 'http://localhost:7990/rest/api/1.0/projects'],
    [
      'https://git.example.com/rest/api/latest/',
      'https://git.example.com/rest/api/latest/projects',
    ],
    [
      'https://git.example.com/a/b/rest/api/1.0//',
      'https://git.example.com/a/b/rest/api/1.0/projects',
    ],
  ])('of %s keeps scheme, port and context path', (base, expected) => {
    const { origin, pathname } = new URL(
      new RestUrls(base).projects({ start: 0, limit: 1 }),
    );
    expect(`${origin}${pathname}`).toBe(expected);
  });
});

describe('encoding', () => {
  it.each(['\0', '\ud800'])('replaces %j, which no URL can carry', character => {
    const address = { projectKey: `P${character}`, slug: 'api' };
    expect(urls.repository(address)).toBe(`${BASE}/projects/P%EF%BF%BD/repos/api`);
    expect(urls.fileType(API, `a${character}`)).toContain('/browse/a%EF%BF%BD?');
  });

  it.each([
    'catalog-info.yaml',
    'dir with space/catalog info.yaml',
    'a#b/c?d.yaml',
    '100%.yaml',
    'a%20b.yaml',
    'a+b&c=d;e.yaml',
    '*.yaml',
    'ünïcode/目录/😀.yaml',
    "it's(a){b}[c]!.yaml",
    'back\\slash.yaml',
    'http://x.yaml',
    'browse/browse.yaml',
  ])('leaves the path %s as it is for the server', path => {
    const { segments, query } = decode(urls.fileType(API, path));
    const browse = segments.indexOf('browse');
    expect(segments.slice(browse + 1).join('/')).toBe(path);
    expect(query).toEqual({ type: 'true' });
  });

  it.each([
    'feature/a&b+c',
    'feature/a b',
    '100%',
    'a%2Fb',
    'release#1',
    'what?at=x',
    'ünï',
    'a=b',
  ])('leaves the branch %s as it is for the server', branch => {
    const at = `refs/heads/${branch}`;
    expect(decode(urls.fileType(API, 'x', at)).query).toEqual({ type: 'true', at });
    expect(decode(urls.files(API, { start: 0, limit: 1 }, at)).query).toMatchObject({
      at,
    });
  });

  it('writes feature/a&b+c so that no part of it is taken for another parameter', () => {
    expect(urls.fileType(API, 'x', 'refs/heads/feature/a&b+c')).toMatch(
      /\?type=true&at=refs%2Fheads%2Ffeature%2Fa%26b%2Bc$/,
    );
  });

  it('keeps the tilde of a personal project', () => {
    const url = urls.repository({ projectKey: '~jdoe', slug: 'dot.files' });
    expect(url).toBe(`${BASE}/projects/~jdoe/repos/dot.files`);
  });

  it.each(['a/b', '../../admin', 'a/../b'])(
    'does not let the project key, slug or user %s reach another endpoint',
    name => {
      const depth = (url: string) => new URL(url).pathname.split('/').length;
      const harmless = urls.repository(API);
      expect(depth(urls.repository({ projectKey: name, slug: 'api' }))).toBe(
        depth(harmless),
      );
      expect(depth(urls.repository({ projectKey: 'PAY', slug: name }))).toBe(
        depth(harmless),
      );
      expect(depth(urls.projectRepositories(name, { start: 0, limit: 1 }))).toBe(
        depth(urls.projectRepositories('PAY', { start: 0, limit: 1 })),
      );
      expect(depth(urls.userRateLimitSettings(name))).toBe(
        depth(urls.userRateLimitSettings('jdoe')),
      );
    },
  );

  it('encodes the asterisk, which Backstage treats as a glob, and keeps slashes', () => {
    expect(encodePath('a b/*/c*.yaml')).toBe('a%20b/%2A/c%2A.yaml');
  });
});
