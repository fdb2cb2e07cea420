import { target } from '../__testUtils__/discoveryData';
import { providerName } from '../provider/locationEntities';
import {
  conflictsOfProvider,
  describeSide,
  distinctConflicts,
  RecordedConflict,
} from './describeConflicts';
import { urlOfLocationKey } from '../util/parseUrls';

const PROVIDERS = new Map(['a', 'b'].map(id => [providerName(id), id]));
const API = target('PAY/api');
const FORK = target('~jdoe/api');

/** Two providers have found one file. */
const SHARED: RecordedConflict = {
  kind: 'location',
  entityRef: 'location:default/generated-1',
  refused: { locationKey: providerName('b'), targetUrl: API },
  holder: { locationKey: providerName('a'), targetUrl: API },
};

/** A fork has the same entity as its origin. */
const FORKED: RecordedConflict = {
  kind: 'entity',
  entityRef: 'component:default/api',
  refused: { locationKey: `url:${FORK}`, targetUrl: FORK },
  holder: { locationKey: `url:${API}`, targetUrl: API },
};

const of = (recorded: RecordedConflict, id: string) =>
  conflictsOfProvider([recorded], providerName(id), PROVIDERS);

describe('a conflict', () => {
  it.each<[string, string, RecordedConflict, [string, string][]]>([
    ['the refused provider', 'b', SHARED, [['refused', API]]],
    ['the holding provider', 'a', SHARED, [['holds', API]]],
    [
      'the provider of both files',
      'a',
      FORKED,
      [
        ['refused', FORK],
        ['holds', API],
      ],
    ],
    ['no other provider', 'other', SHARED, []],
    [
      'no provider when the file is not known',
      'b',
      { ...SHARED, refused: { locationKey: providerName('b') } },
      [],
    ],
    [
      'the provider that holds it through a location parser',
      'a',
      { ...FORKED, holder: { locationKey: providerName('a'), targetUrl: API } },
      [
        ['refused', FORK],
        ['holds', API],
      ],
    ],
  ])('is shown for %s', (_, id, recorded, expected) => {
    expect(of(recorded, id).map(conflict => [conflict.role, conflict.targetUrl])).toEqual(
      expected,
    );
  });

  it('counts once for both of its sides, from the view of the refused side', () => {
    const conflicts = of(FORKED, 'a');

    expect(
      distinctConflicts([...conflicts].reverse()).map(conflict => conflict.role),
    ).toEqual(['refused']);
    expect(distinctConflicts(of(SHARED, 'a')).map(conflict => conflict.role)).toEqual([
      'holds',
    ]);
    expect(distinctConflicts([])).toEqual([]);
  });

  it.each<[string, RecordedConflict, string]>([
    [
      'two providers',
      SHARED,
      'The catalog has the Location of catalog-info.yaml of PAY/api from provider a of this configuration and does not accept it from provider b of this configuration.',
    ],
    [
      'a location registered before',
      { ...SHARED, holder: { locationKey: `url:${API}`, targetUrl: API } },
      'The catalog has the Location of catalog-info.yaml of PAY/api from a location registered for this file and does not accept it from provider b of this configuration.',
    ],
    [
      'another module',
      { ...SHARED, holder: { locationKey: 'github-provider:x', targetUrl: API } },
      'The catalog has the Location of catalog-info.yaml of PAY/api from the entity provider github-provider:x and does not accept it from provider b of this configuration.',
    ],
    [
      'entities that two providers have from a location parser',
      {
        ...SHARED,
        entityRef: 'component:default/api',
        holder: { locationKey: providerName('a'), targetUrl: FORK },
      },
      'The catalog has component:default/api from provider a of this configuration (catalog-info.yaml of ~jdoe/api) and does not accept it from provider b of this configuration (catalog-info.yaml of PAY/api).',
    ],
    [
      'two files',
      FORKED,
      'The catalog has component:default/api from catalog-info.yaml of PAY/api and does not accept it from catalog-info.yaml of ~jdoe/api.',
    ],
    [
      'a file elsewhere',
      {
        ...FORKED,
        holder: { locationKey: 'url:https://joe:secret@github.test/org/api.yaml' },
      },
      'The catalog has component:default/api from the location https://github.test/org/api.yaml and does not accept it from catalog-info.yaml of ~jdoe/api.',
    ],
    [
      'an entity provider that reads no files',
      { ...FORKED, holder: { locationKey: 'ldap' } },
      'The catalog has component:default/api from the entity provider ldap and does not accept it from catalog-info.yaml of ~jdoe/api.',
    ],
  ])(
    'is explained with both sides for %s, the same for each side',
    (_, recorded, sentence) => {
      const conflicts = [...of(recorded, 'a'), ...of(recorded, 'b')];

      expect(new Set(conflicts.map(conflict => conflict.explanation))).toEqual(
        new Set([sentence]),
      );
    },
  );

  it('is shown for the refused side only when the entity has no holder any more', () => {
    const conflicts = of({ ...FORKED, isReleased: true }, 'a');

    expect(conflicts).toMatchObject([
      {
        role: 'refused',
        targetUrl: FORK,
        other: { targetUrl: API },
        explanation:
          'The catalog has lost component:default/api, which it had from catalog-info.yaml of PAY/api, and has not accepted it from catalog-info.yaml of ~jdoe/api yet.',
        remedy: expect.stringContaining('told to read the file again'),
      },
    ]);
  });

  it.each<[string, RecordedConflict, string]>([
    ['two providers', SHARED, '`filters` or `catalogPath`'],
    [
      'a registered location',
      { ...SHARED, holder: { locationKey: `url:${API}`, targetUrl: API } },
      'Unregister that location',
    ],
    [
      'another module',
      { ...SHARED, holder: { locationKey: 'github-provider:x' } },
      'Exclude the file from one of the two',
    ],
    ['two repositories', FORKED, '`filters.skipForkedRepos: true`'],
    ['two repositories', FORKED, '`filters.skipArchivedRepos: true`'],
    [
      'two files of one repository',
      {
        ...FORKED,
        refused: {
          locationKey: `url:${target('PAY/api', 'docs/catalog-info.yaml')}`,
          targetUrl: target('PAY/api', 'docs/catalog-info.yaml'),
        },
      },
      'Give one of the two another `metadata.name`.',
    ],
    [
      'a file elsewhere',
      { ...FORKED, holder: { locationKey: 'url:https://github.test/api.yaml' } },
      'Give one of the two another `metadata.name`.',
    ],
  ])('has a remedy for %s', (_, recorded, remedy) => {
    const [conflict] = of(recorded, 'b');

    expect(conflict?.remedy).toContain(remedy);
  });
});

/** The file of PAY/api, registered under this URL. */
const asRegistered = (url: string): RecordedConflict => ({
  kind: 'entity',
  entityRef: 'component:default/api',
  refused: { locationKey: `url:${API}`, targetUrl: API },
  holder: { locationKey: `url:${url}`, targetUrl: url },
});

describe('a conflict of a file with itself', () => {
  it.each([
    [
      'with a branch',
      `${API}?at=refs%2Fheads%2Fmain`,
      ', the one on the branch main and the other on the default branch.',
    ],
    [
      'with a short branch',
      `${API}?at=release/1`,
      ', the one on the branch release/1 and the other on the default branch.',
    ],
    ['with a lower-case key', API.replace('/PAY/', '/pay/'), '.'],
    ['with another case of the slug', API.replace('/api/', '/Api/'), '.'],
    ['as raw', API.replace('/browse/', '/raw/'), '.'],
    ['with doubled slashes', API.replace('/browse/', '/browse//'), '.'],
    ['with encoded letters', API.replace('catalog-info', 'catalog%2Dinfo'), '.'],
    ['without a branch in `at`', `${API}?at=`, '.'],
    ['by http', API.replace('https:', 'http:'), '.'],
  ])(
    'that is registered %s has a remedy that names the URL to unregister',
    (_, url, ending) => {
      const [conflict] = of(asRegistered(url), 'a');

      expect(conflict?.explanation).toBe(
        `The catalog has component:default/api from the URL ${url} and does not accept it from the URL ${API}: both are the same file${ending}`,
      );
      expect(conflict?.remedy).toMatch(`Unregister ${url}, `);
    },
  );

  it('names both branches when both URLs have one', () => {
    const [main, next] = ['main', 'next'].map(
      branch => `${API}?at=refs%2Fheads%2F${branch}`,
    );
    const recorded = asRegistered(main ?? '');
    const refused = { locationKey: `url:${next}`, targetUrl: next };

    expect(of({ ...recorded, refused }, 'a')[0]?.explanation).toMatch(
      /both are the same file, the one on the branch main and the other on the branch next\.$/,
    );
  });

  it('does not show a password that is part of a URL', () => {
    const [conflict] = of(asRegistered(API.replace('://', '://joe:secret@')), 'a');

    expect(conflict?.remedy).toContain(`Unregister ${API}, `);
    expect(JSON.stringify([conflict?.explanation, conflict?.remedy])).not.toContain(
      'secret',
    );
  });

  it.each([
    ['another file', target('PAY/api', 'docs/catalog-info.yaml')],
    ['another case of the file', API.replace('catalog-info', 'Catalog-Info')],
    ['another repository', target('PAY/web')],
    ['another project', target('OPS/api')],
    ['another server', API.replace('bitbucket.test', 'git.test')],
    ['a URL that is not a file', 'https://github.test/api.yaml'],
    ['a text that is not a URL', 'catalog-info.yaml'],
  ])('is not detected for %s', (_, url) => {
    const [conflict] = of(asRegistered(url), 'a');

    expect(conflict?.remedy).not.toContain('Unregister');
    expect(conflict?.explanation).not.toContain('the same file');
  });

  it('is not explained as a fork, whatever the case of the key of another file in the repository', () => {
    const url = target('pay/api', 'docs/catalog-info.yaml');
    const [conflict] = of(asRegistered(url), 'a');

    expect(conflict?.remedy).toBe('Give one of the two another `metadata.name`.');
  });
});

describe('a side', () => {
  it('has the parts of a file in Bitbucket, and of a provider', () => {
    const side = { locationKey: providerName('a'), targetUrl: API };

    expect(describeSide(side, 'location', PROVIDERS)).toEqual({
      locationKey: providerName('a'),
      description: 'provider a of this configuration',
      providerId: 'a',
      targetUrl: API,
      projectKey: 'PAY',
      repositorySlug: 'api',
      path: 'catalog-info.yaml',
    });
  });

  it('does not contain a password that is part of a URL', () => {
    const side = describeSide(
      { locationKey: 'url:https://joe:secret@github.test/api.yaml' },
      'entity',
      PROVIDERS,
    );

    expect(side).toEqual({
      locationKey: 'url:https://github.test/api.yaml',
      description: 'the location https://github.test/api.yaml',
      targetUrl: 'https://github.test/api.yaml',
    });
  });

  it('is shown as an entity provider when its provider is no longer configured', () => {
    const side = describeSide(
      { locationKey: providerName('old') },
      'location',
      PROVIDERS,
    );

    expect(side.description).toBe('the entity provider bitbucketServer-provider:old');
  });

  it.each([
    ['url:https://host/a', 'https://host/a'],
    ['url:', undefined],
    ['file:/a', undefined],
    ['bitbucketServer-provider:url:x', undefined],
  ])('has the URL of %s', (locationKey, url) => {
    expect(urlOfLocationKey(locationKey)).toBe(url);
  });
});
