import { JsonObject } from '@backstage/types';
import { readOneProvider, getRefusal } from './__testUtils__/readOneProvider';

const ROOT = 'catalog.providers.bitbucketServer.filters';

describe('readFilters', () => {
  it('reads every filter', () => {
    const { filters } = readOneProvider({
      filters: {
        projectKey: '^(PAY|OPS)$',
        repoSlug: '-service$',
        labels: ['service', ' Backstage '],
        exclude: { projectKey: '^OPS$', repoSlug: '^test-', labels: ['deprecated'] },
        skipArchivedRepos: true,
        skipForkedRepos: 'true',
        personalRepos: 1,
        visibility: 'private',
      },
    });
    expect(filters).toMatchObject({
      projectKey: { source: '^(PAY|OPS)$' },
      repoSlug: { source: '-service$' },
      labels: ['service', 'backstage'],
      exclude: {
        projectKey: { source: '^OPS$' },
        repoSlug: { source: '^test-' },
        labels: ['deprecated'],
      },
      skipArchivedRepos: true,
      skipForkedRepos: true,
      personalRepos: true,
      visibility: 'private',
    });
  });

  it.each<[string, JsonObject]>([
    [
      'personal projects where they are included',
      { projectKey: '^~jdoe$', personalRepos: true },
    ],
    ['a list that is personal only in part', { projectKey: '^(PAY|~jdoe)$' }],
    ['a pattern that merely may match personal projects', { projectKey: '^~' }],
    [
      'an exclusion of some of the keys',
      { projectKey: '^(PAY|OPS)$', exclude: { projectKey: 'OPS' } },
    ],
    [
      'the same pattern for a key and a slug',
      { projectKey: 'a', exclude: { repoSlug: 'a' } },
    ],
    ['a pattern with a slash inside', { repoSlug: 'a/b' }],
    ['exclusions alone', { exclude: { projectKey: '^SANDBOX' } }],
    [
      'labels of which some are excluded',
      { labels: ['a', 'b'], exclude: { labels: ['b'] } },
    ],
    ['excluded labels alone', { exclude: { labels: ['1-a'] } }],
    ['nothing', {}],
  ])('accepts %s', (_, filters) => {
    expect(() => readOneProvider({ filters })).not.toThrow();
  });

  it.each<[string, JsonObject, string, string[]]>([
    [
      'a bad project key pattern',
      { projectKey: '(' },
      'projectKey',
      ['"("', 'regular expression', 'Unterminated group'],
    ],
    [
      'a bad slug pattern',
      { repoSlug: '*-service' },
      'repoSlug',
      ['"*-service"', 'Nothing to repeat'],
    ],
    [
      'a bad exclusion of keys',
      { exclude: { projectKey: '[' } },
      'exclude.projectKey',
      ['regular expression'],
    ],
    [
      'a bad exclusion of slugs',
      { exclude: { repoSlug: '?' } },
      'exclude.repoSlug',
      ['regular expression'],
    ],
    [
      'inline flags of other languages',
      { projectKey: '(?<i)pay' },
      'projectKey',
      ['regular expression'],
    ],
    ...['projectKey', 'repoSlug'].map((key): [string, JsonObject, string, string[]] => [
      `a ${key} that could take minutes`,
      { [key]: '([a-z0-9]+-?)+(?<!x)$' },
      key,
      ['cannot be "([a-z0-9]+-?)+(?<!x)$"', 'take minutes', 'simplify it'],
    ]),
    ...['projectKey', 'repoSlug'].map((key): [string, JsonObject, string, string[]] => [
      `an excluded ${key} that could take minutes`,
      { exclude: { [key]: '([a-z0-9]+-?)+(?<!x)$' } },
      `exclude.${key}`,
      ['take minutes'],
    ]),
    [
      'a pattern in slashes',
      { projectKey: '/^PAY$/i' },
      'projectKey',
      ['without the slashes', '"/^PAY$/i"'],
    ],
    ['an empty pattern', { projectKey: '' }, 'projectKey', ['non-empty']],
    ['a pattern that is a number', { repoSlug: 7 }, 'repoSlug', ['in quotes', '7']],
    [
      'a list of patterns',
      { projectKey: ['PAY'] },
      'projectKey',
      ['must be a non-empty string', 'a list'],
    ],
    [
      'an unknown visibility',
      { visibility: 'internal' },
      'visibility',
      ['public, private', '"internal"'],
    ],
    ['an unknown filter', { skipArchived: true }, 'skipArchived', ['not a known key']],
    [
      'a misspelt filter',
      { skipForkedRepo: true },
      'skipForkedRepo',
      ['did you mean skipForkedRepos?'],
    ],
    [
      'an unknown exclusion',
      { exclude: { branch: 'a' } },
      'exclude.branch',
      ['not a known key'],
    ],
    [
      'a label in place of a list',
      { labels: 'service' },
      'labels',
      ['list', '"service"'],
    ],
    ['no labels', { labels: [] }, 'labels', ['empty list', 'leave the key out']],
    ['an empty label', { labels: ['a', ' '] }, 'labels[1]', ['non-empty', '" "']],
    [
      'a label that is a number',
      { exclude: { labels: [2024] } },
      'exclude.labels[0]',
      ['in quotes', '2024'],
    ],
    ['several labels in one', { labels: ['a, b'] }, 'labels[0]', ['one label', '"a, b"']],
    ['a label that is a path', { labels: ['a/b'] }, 'labels[0]', ['one label']],
    ['a label given twice', { labels: ['a', 'A'] }, 'labels[1]', ['"a" twice']],
    [
      'labels that are all excluded too',
      { labels: ['a', 'b'], exclude: { labels: ['c', 'b', 'a'] } },
      'labels',
      ['"a, b"', 'filters.exclude.labels', 'change one'],
    ],
    [
      'an exclusion that is a string',
      { exclude: 'PAY' },
      'exclude',
      ['must be an object', 'projectKey, repoSlug'],
    ],
    [
      'only one personal project while these are excluded',
      { projectKey: '^~jdoe$' },
      'projectKey',
      ['^~jdoe$', 'personalRepos', 'set it to true'],
    ],
    [
      'several personal projects while these are excluded',
      { projectKey: '^(~a|~b)$' },
      'projectKey',
      ['personalRepos'],
    ],
    [
      'a key pattern that is also excluded',
      { projectKey: 'P', exclude: { projectKey: 'P' } },
      'projectKey',
      ['filters.exclude.projectKey', 'change one'],
    ],
    [
      'a slug pattern that is also excluded',
      { repoSlug: 'a', exclude: { repoSlug: 'a' } },
      'repoSlug',
      ['filters.exclude.repoSlug', 'change one'],
    ],
    [
      'known keys that are all excluded',
      { projectKey: '^(PAY|OPS)$', exclude: { projectKey: '^[PO]' } },
      'projectKey',
      ['"^[PO]"'],
    ],
  ])('refuses %s, naming the full key', (_, filters, key, parts) => {
    const message = getRefusal(() => readOneProvider({ filters }));
    expect(message).toMatch(`${ROOT}.${key} `);
    expect(message).not.toContain('\n');
    parts.forEach(part => expect(message).toContain(part));
  });

  it('refuses filters that are a string', () => {
    const message = getRefusal(() => readOneProvider({ filters: 'PAY' }));
    expect(message).toContain(`${ROOT} must be an object`);
  });
});
