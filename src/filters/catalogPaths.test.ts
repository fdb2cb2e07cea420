import { minimatch } from 'minimatch';
import { matchCatalogPaths, parseCatalogPath } from './catalogPaths';

function getMatches(pattern: string, files: string[]): string[] {
  return matchCatalogPaths([parseCatalogPath(pattern)], files);
}

describe('parseCatalogPath', () => {
  it.each([
    ['/catalog-info.yaml', 'catalog-info.yaml'],
    ['catalog-info.yaml', 'catalog-info.yaml'],
    ['/deep/er/catalog-info.yaml', 'deep/er/catalog-info.yaml'],
    ['.backstage/catalog.yaml', '.backstage/catalog.yaml'],
    ['/dir with space/cat#1.yaml', 'dir with space/cat#1.yaml'],
    ['#catalog.yaml', '#catalog.yaml'],
    ['!catalog.yaml', '!catalog.yaml'],
    ['a%20b.yaml', 'a%20b.yaml'],
    ['catalog.yaml&at=main', 'catalog.yaml&at=main'],
    ['catalog (old).yaml', 'catalog (old).yaml'],
    ['{cookiecutter}/catalog.yaml', '{cookiecutter}/catalog.yaml'],
    ['...catalog..yaml', '...catalog..yaml'],
    ['ünïcode/目录.yaml', 'ünïcode/目录.yaml'],
  ])('parses %s as the plain path %s', (text, path) => {
    expect(parseCatalogPath(text)).toEqual({ kind: 'plain', path });
  });

  it.each([
    ['/**/catalog-info.yaml', '**/catalog-info.yaml'],
    ['*.yaml', '*.yaml'],
    ['catalog.yaml?at=main', 'catalog.yaml?at=main'],
    ['catalog-info.{yaml,yml}', 'catalog-info.{yaml,yml}'],
    ['{1..3}/catalog.yaml', '{1..3}/catalog.yaml'],
    ['{services,libs/core}/c.yaml', '{services,libs/core}/c.yaml'],
    ['[ab].yaml', '[ab].yaml'],
    ['[a].yaml', '[a].yaml'],
    ['[[:alpha:]].yaml', '[[:alpha:]].yaml'],
    ['[]x].yaml', '[]x].yaml'],
    ['[[x].yaml', '[[x].yaml'],
    ['!(*.test).yaml', '!(*.test).yaml'],
    ['{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}', '{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}'],
    ['+(a|b).yaml', '+(a|b).yaml'],
    ['!(test)/catalog.yaml', '!(test)/catalog.yaml'],
  ])('parses %s as the glob %s', (text, pattern) => {
    expect(parseCatalogPath(text)).toMatchObject({ kind: 'glob', pattern });
  });

  it.each([
    ['nothing', '', 'names no file'],
    ['a lone slash', '/', 'names no file'],
    ['only spaces', '  ', 'names no file'],
    ['a parent folder', '../catalog.yaml', '".."'],
    ['a parent folder inside', 'a/../catalog.yaml', '".."'],
    ['a parent folder inside braces', '{a,..}/catalog.yaml', '".."'],
    ['the current folder', './catalog.yaml', '"."'],
    ['a backslash', 'a\\catalog.yaml', 'backslash'],
    ['a trailing slash', '/services/', 'ends in "/"'],
    ['a glob with a trailing slash', '**/', 'ends in "/"'],
    ['a double slash', 'a//catalog.yaml', '"//"'],
    ['a leading double slash', '//catalog.yaml', '"//"'],
    ['a URL', 'https://host/catalog.yaml', '"//"'],
    ['a line break', 'catalog.yaml\n', 'control character'],
    ['a NUL', 'a\u0000b', 'control character'],
    ['half of a surrogate pair', 'a\ud800.yaml', 'part of a character'],
    ['the same in a glob', '**/a\udc00*.yaml', 'part of a character'],
    ['an open bracket', '[ab.yaml', 'balance the brackets'],
    ['an open bracket beside a wildcard', '*[ab.yaml', 'balance the brackets'],
    ['a bracket that closes in another folder', '[a/b].yaml', 'balance the brackets'],
    ['a class that is empty', '[].yaml', 'balance the brackets'],
    ['a lone closing bracket', 'ab].yaml', 'balance the brackets'],
    ['a reversed range', '[z-a]/catalog.yaml', 'a range such as [z-a]'],
    ['an open brace', '{a,b.yaml', 'balance the braces'],
    ['a lone closing brace', 'a}.yaml', 'balance the braces'],
    ['an open pattern list', '+(a|b.yaml', 'balance the brackets'],
    ['too many alternatives', '{1..101}.yaml', 'more than 100 paths'],
    ['braces that multiply', '{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}', 'more than 100'],
    [
      'a pattern that could take minutes',
      '!(a)+(a|aa)b.yaml',
      'a single file name could take minutes; leave "!(…)" out',
    ],
    ['a path no file system holds', 'x'.repeat(5000), 'longer than 4096'],
  ])('refuses %s with the reason', (_, text, reason) => {
    expect(() => parseCatalogPath(text)).toThrow(reason);
  });
});

it.each([
  ['a path of 4096 characters', 'x'.repeat(4096), 'x'.repeat(4096)],
  ['braces for 100 paths', '{1..100}.yaml', '100.yaml'],
])('parseCatalogPath accepts %s', (_, text, file) => {
  expect(getMatches(text, [file])).toEqual([file]);
});

describe('matchCatalogPaths', () => {
  const files = [
    'zeta/catalog-info.yaml',
    'catalog-info.yaml',
    '.backstage/catalog-info.yaml',
    'services/pay/.hidden/catalog-info.yaml',
    'services/pay/catalog-info.yml',
    'catalog-info.yaml.bak',
    'Catalog-Info.yaml',
  ];

  it('finds any depth with **, the root and dot folders included, sorted', () => {
    expect(getMatches('/**/catalog-info.yaml', files)).toEqual([
      '.backstage/catalog-info.yaml',
      'catalog-info.yaml',
      'services/pay/.hidden/catalog-info.yaml',
      'zeta/catalog-info.yaml',
    ]);
  });

  it.each([
    ['catalog-info.yaml', ['catalog-info.yaml']],
    ['*/catalog-info.yaml', ['.backstage/catalog-info.yaml', 'zeta/catalog-info.yaml']],
    [
      'services/**/*.{yaml,yml}',
      ['services/pay/.hidden/catalog-info.yaml', 'services/pay/catalog-info.yml'],
    ],
    ['[a].yaml', []],
    ['catalog-info.yaml?', []],
  ])('matches the whole path for %s', (pattern, expected) => {
    expect(getMatches(pattern, files)).toEqual(expected);
  });

  /** A backtracking engine would never finish with any of these. */
  it.each([
    ['+(a|aa).yaml', `${'a'.repeat(250)}.yml`],
    ['+(a*|b*).x', 'a'.repeat(250)],
    ['*(*(a)|a)*(a|aa).yaml', `${'a'.repeat(250)}.yml`],
    ['+([a-z]|[[:alpha:]]).yaml', `${'a'.repeat(250)}!`],
    [`${'*a'.repeat(20)}b`, 'a'.repeat(250)],
    [`${'**/a/'.repeat(20)}b.yaml`, `${'a/'.repeat(1000)}c.yaml`],
  ])('finishes quickly with %s', (pattern, file) => {
    expect(getMatches(pattern, [file])).toEqual([]);
  });

  it.each([
    ['@(services|libs)/*/catalog-info.y?(a)ml', 'libs/x/catalog-info.yml', true],
    ['@(services|libs)/*/catalog-info.y?(a)ml', 'apps/x/catalog-info.yml', false],
    ['!(test|old)/catalog.yaml', 'new/catalog.yaml', true],
    ['!(test|old)/catalog.yaml', 'old/catalog.yaml', false],
    ['+([0-9])*.[[:alpha:]]ml', '07-x.yml', true],
    ['+([0-9])*.[[:alpha:]]ml', 'x.yml', false],
    ['*.*.yaml', '.a.b.yaml', true],
  ])('interprets %s like minimatch: %s', (pattern, file, expected) => {
    expect(minimatch(file, pattern, { dot: true, nonegate: true })).toBe(expected);
    expect(getMatches(pattern, [file])).toEqual(expected ? [file] : []);
  });

  it('returns a file once although several paths match it', () => {
    const paths = ['catalog-info.yaml', '*.yaml', '**/catalog-info.*'].map(
      parseCatalogPath,
    );
    expect(matchCatalogPaths(paths, ['catalog-info.yaml', 'catalog-info.yaml'])).toEqual([
      'catalog-info.yaml',
    ]);
  });

  it('treats a leading ! or # of a glob literally', () => {
    expect(getMatches('!*.yaml', ['a.yaml', '!a.yaml'])).toEqual(['!a.yaml']);
    expect(getMatches('#*.yaml', ['a.yaml', '#a.yaml'])).toEqual(['#a.yaml']);
  });

  it('finds nothing without paths or without files', () => {
    expect(matchCatalogPaths([], files)).toEqual([]);
    expect(getMatches('**', [])).toEqual([]);
  });
});
