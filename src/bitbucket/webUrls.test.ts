import { getBitbucketServerFileFetchUrl } from '@backstage/integration';
import fc from 'fast-check';
import { Repository } from '../model';
import { fileUrl, repositoryUrl, WebAddress, webBaseUrl } from './webUrls';

const PLAIN: WebAddress = {
  host: 'git.example.com',
  apiBaseUrl: 'https://git.example.com/rest/api/1.0',
};
const CONTEXT: WebAddress = {
  host: 'git.example.com',
  apiBaseUrl: 'https://git.example.com/bitbucket/rest/api/latest',
};
const LOCAL: WebAddress = {
  host: 'localhost:7990',
  apiBaseUrl: 'http://localhost:7990/rest/api/1.0',
};

function repository(selfUrl: string | undefined, projectKey = 'PAY'): Repository {
  const flags = { archived: false, fork: false, personal: false, public: false };
  return { id: 1, projectKey, slug: 'api', name: 'API', ...flags, selfUrl };
}

describe('webBaseUrl', () => {
  it.each([
    ['https://git.example.com/rest/api/1.0', 'https://git.example.com'],
    ['http://git.example.com/rest/api/1.0', 'http://git.example.com'],
    [
      'https://git.example.com/bitbucket/rest/api/latest/',
      'https://git.example.com/bitbucket',
    ],
    ['https://git.example.com/a/b/rest/api/1.0', 'https://git.example.com/a/b'],
    ['https://git.example.com/restored/rest/api/1.0', 'https://git.example.com/restored'],
    ['https://git.example.com/rest', 'https://git.example.com'],
  ])('of %s is %s', (apiBaseUrl, expected) => {
    expect(webBaseUrl({ host: 'git.example.com', apiBaseUrl })).toBe(expected);
  });

  it('has the host of the integration even where the API is on another host', () => {
    const apiBaseUrl = 'http://bitbucket.internal:7990/bitbucket/rest/api/1.0';
    expect(webBaseUrl({ host: 'git.example.com', apiBaseUrl })).toBe(
      'http://git.example.com/bitbucket',
    );
  });
});

describe('repositoryUrl keeps the self link of the server byte for byte', () => {
  it.each<[string, WebAddress, string]>([
    ['plainly', PLAIN, 'https://git.example.com/projects/PAY/repos/api/browse'],
    [
      'with a context path',
      CONTEXT,
      'https://git.example.com/bitbucket/projects/PAY/repos/api/browse',
    ],
    [
      'with a context path the API does not have',
      PLAIN,
      'https://git.example.com/git/projects/PAY/repos/api/browse',
    ],
    ['with a port', LOCAL, 'http://localhost:7990/projects/PAY/repos/api/browse'],
    [
      'with another scheme',
      PLAIN,
      'http://git.example.com/projects/PAY/repos/api/browse',
    ],
    [
      'of a personal project',
      PLAIN,
      'https://git.example.com/users/jdoe/repos/api/browse',
    ],
    [
      'with encoded parts',
      PLAIN,
      'https://git.example.com/users/j%C3%B6/repos/api/browse',
    ],
    [
      'with a host in capitals',
      PLAIN,
      'https://Git.Example.com/projects/PAY/repos/api/browse',
    ],
  ])('%s', (_name, address, self) => {
    expect(repositoryUrl(repository(self), address)).toBe(self);
  });

  it('apart from a slash at its end', () => {
    const self = 'https://git.example.com/projects/PAY/repos/api/browse';
    expect(repositoryUrl(repository(`${self}/`), PLAIN)).toBe(self);
  });
});

describe('repositoryUrl rebuilds the link on the integration', () => {
  it.each<[string, WebAddress, string, string]>([
    [
      'another host',
      PLAIN,
      'http://bitbucket.internal/projects/PAY/repos/api/browse',
      'https://git.example.com/projects/PAY/repos/api/browse',
    ],
    [
      'another port',
      LOCAL,
      'http://localhost:8080/projects/PAY/repos/api/browse',
      'http://localhost:7990/projects/PAY/repos/api/browse',
    ],
    [
      'another context path on another host',
      CONTEXT,
      'http://internal/stash/projects/PAY/repos/api/browse',
      'https://git.example.com/bitbucket/projects/PAY/repos/api/browse',
    ],
    [
      'a personal project on another host',
      CONTEXT,
      'http://internal/users/jdoe/repos/api/browse',
      'https://git.example.com/bitbucket/users/jdoe/repos/api/browse',
    ],
    [
      'a host that only begins the same way',
      PLAIN,
      'https://git.example.com.evil.test/projects/PAY/repos/api/browse',
      'https://git.example.com/projects/PAY/repos/api/browse',
    ],
    [
      'the host in the user part of the URL',
      PLAIN,
      'https://git.example.com@evil.test/projects/PAY/repos/api/browse',
      'https://git.example.com/projects/PAY/repos/api/browse',
    ],
    [
      'a link that carries credentials',
      PLAIN,
      'https://bot:secret@git.example.com/projects/PAY/repos/api/browse',
      'https://git.example.com/projects/PAY/repos/api/browse',
    ],
    [
      'a link to something else',
      PLAIN,
      'https://git.example.com/projects/PAY',
      'https://git.example.com/projects/PAY/repos/api/browse',
    ],
    [
      'a link with a query',
      PLAIN,
      'https://git.example.com/projects/PAY/repos/api/browse?at=x',
      'https://git.example.com/projects/PAY/repos/api/browse',
    ],
    [
      'a relative link',
      PLAIN,
      '/projects/PAY/repos/api/browse',
      'https://git.example.com/projects/PAY/repos/api/browse',
    ],
    [
      'no URL at all',
      PLAIN,
      'n/a',
      'https://git.example.com/projects/PAY/repos/api/browse',
    ],
  ])('for %s', (_name, address, self, expected) => {
    expect(repositoryUrl(repository(self), address)).toBe(expected);
  });

  it.each([
    ['PAY', 'https://git.example.com/bitbucket/projects/PAY/repos/api/browse'],
    ['~JDOE', 'https://git.example.com/bitbucket/users/jdoe/repos/api/browse'],
    ['A&B', 'https://git.example.com/bitbucket/projects/A%26B/repos/api/browse'],
  ])('for project %s without a self link', (projectKey, expected) => {
    expect(repositoryUrl(repository(undefined, projectKey), CONTEXT)).toBe(expected);
  });
});

describe('fileUrl', () => {
  const self = 'https://git.example.com/bitbucket/projects/PAY/repos/api/browse';

  it.each([
    ['catalog-info.yaml', `${self}/catalog-info.yaml`],
    ['.backstage/catalog-info.yml', `${self}/.backstage/catalog-info.yml`],
    ['a b/c#d?.yaml', `${self}/a%20b/c%23d%3F.yaml`],
    ['100%/*.yaml', `${self}/100%25/%2A.yaml`],
    ['ü/[x]+y.yaml', `${self}/%C3%BC/%5Bx%5D+y.yaml`],
    ['@team/a:b/$c/d&e=f,g.yaml', `${self}/@team/a:b/$c/d&e=f,g.yaml`],
    ['a;b/c*d/e?f/g#h/100%.yaml', `${self}/a%3Bb/c%2Ad/e%3Ff/g%23h/100%25.yaml`],
  ])('encodes the segments of %s', (path, expected) => {
    expect(fileUrl(repository(self), path, undefined, CONTEXT)).toBe(expected);
  });

  it.each([
    ['main', '?at=main'],
    ['feature/a&b+c', '?at=feature%2Fa%26b%2Bc'],
    ['a b#c', '?at=a%20b%23c'],
  ])('names the branch %s', (branch, query) => {
    expect(fileUrl(repository(self), 'x.yaml', branch, CONTEXT)).toBe(
      `${self}/x.yaml${query}`,
    );
  });

  it('names no branch where none is set', () => {
    expect(fileUrl(repository(self), 'x.yaml', undefined, CONTEXT)).not.toContain('?');
  });
});

describe('the file that Backstage reads for a target', () => {
  const PATHS = [
    'catalog-info.yaml',
    '.backstage/catalog-info.yaml',
    'dir with space/catalog info.yaml',
    'a#b.yaml',
    '100%.yaml',
    'a%20b.yaml',
    'a+b.yaml',
    'ünï/目录.yaml',
    '[x](y)/{z}.yaml',
    'what?.yaml',
    'a*b.yaml',
    'a&b=c;d.yaml',
    '@team/a:b,$c.yaml',
    'raw/browse/src.yaml',
    'projects/X/repos/y/browse/z.yaml',
  ];
  const BRANCHES = [undefined, 'main', 'feature/a&b+c', '100% #1'];
  const SERVERS: [string, WebAddress, string | undefined, string, string][] = [
    ['a plain server', PLAIN, undefined, 'PAY', 'PAY'],
    ['a context path', CONTEXT, undefined, 'PAY', 'PAY'],
    [
      'a port',
      LOCAL,
      'http://localhost:7990/projects/PAY/repos/api/browse',
      'PAY',
      'PAY',
    ],
    [
      'another base URL',
      CONTEXT,
      'http://internal/projects/PAY/repos/api/browse',
      'PAY',
      'PAY',
    ],
    [
      'a personal project',
      CONTEXT,
      'https://git.example.com/bitbucket/users/jdoe/repos/api/browse',
      '~JDOE',
      '~jdoe',
    ],
    ['a personal project without a link', PLAIN, undefined, '~JDOE', '~jdoe'],
  ];

  /** The raw URL that Backstage's reader asks, taken apart as a server does. */
  function readBy(target: string, address: WebAddress) {
    const raw = getBitbucketServerFileFetchUrl(target, address);
    const { pathname, searchParams } = new URL(raw);
    const { pathname: base } = new URL(address.apiBaseUrl);
    expect(raw.startsWith(address.apiBaseUrl)).toBe(true);
    const [, projects, project, repos, slug, endpoint, ...path] = pathname
      .slice(base.length)
      .split('/')
      .map(decodeURIComponent);
    expect([projects, repos, endpoint]).toEqual(['projects', 'repos', 'raw']);
    return { project, slug, path: path.join('/'), at: searchParams.get('at') };
  }

  describe.each(SERVERS)('with %s', (_name, address, selfUrl, projectKey, project) => {
    it.each(PATHS)('is the file %s on its branch', path => {
      for (const branch of BRANCHES) {
        const target = fileUrl(repository(selfUrl, projectKey), path, branch, address);
        expect(readBy(target, address)).toEqual({
          project,
          slug: 'api',
          path,
          at: branch ?? '',
        });
        expect(new URL(target).host).toBe(address.host);
      }
    });
  });

  it('is the file and branch of any name', () => {
    const segment = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
      .filter(text => !text.includes('/') && !decodesToDots(text) && isWellFormed(text));
    const path = fc.array(segment, { minLength: 1, maxLength: 4 }).map(s => s.join('/'));
    const branch = fc.option(segment, { nil: undefined });
    fc.assert(
      fc.property(path, branch, (file, at) => {
        const target = fileUrl(repository(undefined), file, at, CONTEXT);
        expect(readBy(target, CONTEXT)).toMatchObject({ path: file, at: at ?? '' });
      }),
    );
  });
});

/** Backstage refuses paths that could lead to a parent folder, however often they are encoded. */
function decodesToDots(text: string): boolean {
  return /^(\.|%(25)*2e){1,2}$/i.test(text);
}

function isWellFormed(text: string): boolean {
  return Buffer.from(text, 'utf8').toString('utf8') === text;
}
