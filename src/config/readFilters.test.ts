import { JsonObject } from '@backstage/types';
import { readOneProvider, refusalOf } from './__testUtils__/readOneProvider';

const ROOT = 'catalog.providers.bitbucketServer.filters';

describe('readFilters', () => {
  it('reads every filter', () => {
    const { filters } = readOneProvider({
      filters: {
        projectKey: '^(PAY|OPS)$',
        repoSlug: '-service$',
        exclude: { projectKey: '^OPS$', repoSlug: '^test-' },
        skipArchivedRepos: true,
        skipForkedRepos: 'true',
        personalRepos: 1,
        visibility: 'private',
      },
    });
    expect(filters).toEqual({
      projectKey: /^(PAY|OPS)$/,
      repoSlug: /-service$/,
      exclude: { projectKey: /^OPS$/, repoSlug: /^test-/ },
      skipArchivedRepos: true,
      skipForkedRepos: true,
      personalRepos: true,
      visibility: 'private',
    });
  });

  it.each<[string, JsonObject]>([
    [
      'personal projects where they are wanted',
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
    [
      'a pattern in slashes',
      { projectKey: '/^PAY$/i' },
      'projectKey',
      ['without the slashes', '"/^PAY$/i"'],
    ],
    ['an empty pattern', { projectKey: '' }, 'projectKey', ['not empty']],
    ['a pattern that is a number', { repoSlug: 7 }, 'repoSlug', ['in quotes', '7']],
    [
      'a list of patterns',
      { projectKey: ['PAY'] },
      'projectKey',
      ['must be a text', 'a list'],
    ],
    [
      'an unknown visibility',
      { visibility: 'internal' },
      'visibility',
      ['public, private', '"internal"'],
    ],
    ['an unknown filter', { skipArchived: true }, 'skipArchived', ['not a known key']],
    [
      'a nearly known filter',
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
      'an exclusion that is a text',
      { exclude: 'PAY' },
      'exclude',
      ['must be an object', 'projectKey, repoSlug'],
    ],
    [
      'only personal projects that are left out',
      { projectKey: '^~jdoe$' },
      'projectKey',
      ['^~jdoe$', 'personalRepos', 'set it to true'],
    ],
    [
      'several personal projects that are left out',
      { projectKey: '^(~a|~b)$' },
      'projectKey',
      ['personalRepos'],
    ],
    [
      'a key pattern that is excluded again',
      { projectKey: 'P', exclude: { projectKey: 'P' } },
      'projectKey',
      ['filters.exclude.projectKey', 'change one'],
    ],
    [
      'a slug pattern that is excluded again',
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
    const message = refusalOf(() => readOneProvider({ filters }));
    expect(message).toMatch(`${ROOT}.${key} `);
    expect(message).not.toContain('\n');
    parts.forEach(part => expect(message).toContain(part));
  });

  it('refuses filters that are a text', () => {
    const message = refusalOf(() => readOneProvider({ filters: 'PAY' }));
    expect(message).toContain(`${ROOT} must be an object`);
  });
});
