import { parseTarget } from './parseUrls';

describe('parseTarget', () => {
  it.each([
    [
      'https://host/projects/PAY/repos/api/browse/catalog-info.yaml',
      'PAY',
      'api',
      'catalog-info.yaml',
    ],
    [
      'https://host/projects/PAY/repos/api/browse/docs/a/catalog-info.yaml',
      'PAY',
      'api',
      'docs/a/catalog-info.yaml',
    ],
    [
      'http://host:7990/bitbucket/projects/PAY/repos/api/browse/a.yaml',
      'PAY',
      'api',
      'a.yaml',
    ],
    ['https://host/users/jdoe/repos/mine/browse/a.yaml', '~jdoe', 'mine', 'a.yaml'],
    ['https://host/projects/~JDOE/repos/mine/browse/a.yaml', '~JDOE', 'mine', 'a.yaml'],
    [
      'https://host/projects/PAY/repos/api/browse/my%20docs/c%23.yaml',
      'PAY',
      'api',
      'my docs/c#.yaml',
    ],
    [
      'https://host/projects/PAY/repos/api/browse/my docs/ä.yaml',
      'PAY',
      'api',
      'my docs/ä.yaml',
    ],
    [
      'https://host/projects/PAY/repos/api/browse/a.yaml?at=feature%2Fa%26b%2Bc',
      'PAY',
      'api',
      'a.yaml',
    ],
    [
      'https://host/projects/PAY/repos/api/browse/projects/X/repos/y/browse/a.yaml',
      'PAY',
      'api',
      'projects/X/repos/y/browse/a.yaml',
    ],
    [
      'https://host/projects/projects/PAY/repos/api/browse/a.yaml',
      'PAY',
      'api',
      'a.yaml',
    ],
    [
      'https://host/projects/PAY/repos/a.b_c-d/browse/100%25.yaml',
      'PAY',
      'a.b_c-d',
      '100%.yaml',
    ],
  ])('parses %s', (target, projectKey, slug, path) => {
    expect(parseTarget(target)).toEqual({ projectKey, slug, path });
  });

  it.each([
    ['no URL', 'catalog-info.yaml'],
    ['an empty text', ''],
    ['a repository without a file', 'https://host/projects/PAY/repos/api/browse'],
    ['the root of a repository', 'https://host/projects/PAY/repos/api/browse/'],
    [
      'another page of a repository',
      'https://host/projects/PAY/repos/api/commits/a.yaml',
    ],
    ['a raw file', 'https://host/projects/PAY/repos/api/raw/a.yaml'],
    ['no project', 'https://host/projects//repos/api/browse/a.yaml'],
    ['no repository', 'https://host/projects/PAY/repos//browse/a.yaml'],
    ['a file in Bitbucket Cloud', 'https://bitbucket.org/team/api/src/main/a.yaml'],
    ['a file in GitHub', 'https://github.com/org/api/blob/main/a.yaml'],
    ['a file only in the query', 'https://host/?u=/projects/PAY/repos/api/browse/a.yaml'],
    [
      'a file only in the fragment',
      'https://host/#/projects/PAY/repos/api/browse/a.yaml',
    ],
    ['broken encoding', 'https://host/projects/PAY/repos/api/browse/100%.yaml'],
  ])('does not parse %s', (_, target) => {
    expect(parseTarget(target)).toBeUndefined();
  });
});
