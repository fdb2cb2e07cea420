import { FakeRepositorySource } from '../__testUtils__/FakeRepositorySource';
import { known, problem, repository, scope } from '../__testUtils__/discoveryData';
import { searchCatalogFiles } from './searchCatalogFiles';
import { FileSearch, FileSearchQuery, RepositorySource, SearchHit } from './types';

function hit(repositoryId: number, at: string, path = 'catalog-info.yaml'): SearchHit {
  const [projectKey = '', slug = ''] = at.split('/');
  return { repositoryId, projectKey, slug, path };
}

const found = (hits: readonly SearchHit[], isComplete = true): FileSearch => ({
  kind: 'found',
  hits,
  isComplete,
});

/** Searches in a source whose search returns `answer`. */
async function search(
  answer: ((query: FileSearchQuery) => FileSearch) | undefined,
  options: {
    readonly repositories?: Parameters<typeof searchCatalogFiles>[0];
    readonly paths?: readonly string[];
    readonly known?: readonly ReturnType<typeof known>[];
  } = {},
) {
  const asked: FileSearchQuery[] = [];
  const source: RepositorySource = new FakeRepositorySource();
  source.searchFiles =
    answer &&
    (async query => {
      asked.push(query);
      return answer(query);
    });
  const { repositories = [repository(1, 'PAY/api'), repository(2, 'OPS/web')], paths } =
    options;
  const byId = new Map(
    (options.known ?? []).map(repository => [repository.repositoryId, repository]),
  );
  const result = await searchCatalogFiles(repositories, scope({ paths }), {
    source,
    known: byId,
  });
  const covered =
    result.kind === 'used'
      ? repositories.filter(result.covers).map(repository => repository.slug)
      : undefined;
  return { asked, result, covered };
}

it('searchCatalogFiles reports which repositories have a catalog file, and that the others are covered', async () => {
  const { asked, result, covered } = await search(() => found([hit(1, 'PAY/api')]));
  expect(asked).toEqual([{ fileName: 'catalog-info.yaml', projectKey: undefined }]);
  expect(result).toMatchObject({
    kind: 'used',
    hits: new Map([[1, ['catalog-info.yaml']]]),
  });
  expect(covered).toEqual(['api', 'web']);
});

it('searchCatalogFiles searches for each file name once, whatever the number of folders', async () => {
  const paths = ['a/one.yaml', '**/one.yaml', 'two.yaml'];
  const { asked, result } = await search(
    ({ fileName }) => found([hit(1, 'PAY/api', `a/${fileName}`)]),
    { paths },
  );
  expect(asked.map(request => request.fileName)).toEqual(['one.yaml', 'two.yaml']);
  // The second one counts in the root only.
  expect(result).toMatchObject({ hits: new Map([[1, ['a/one.yaml']]]) });
});

it.each(['*.yaml', '**/catalog-{a,b}.yaml', 'docs/**'])(
  'does not search when any file name has wildcards, as in %s',
  async path => {
    const { asked, result } = await search(() => found([]), {
      paths: ['one.yaml', path],
    });
    expect(asked).toEqual([]);
    expect(result).toEqual({
      kind: 'off',
      reason: expect.stringContaining('wildcards'),
    });
  },
);

it('searchCatalogFiles searches for a file name whose wildcard characters are literal, and in folders with wildcards', async () => {
  const paths = ['docs/a(1)+b.yaml', '{a,b}/*/two.yaml'];
  const { asked } = await search(() => found([]), { paths });
  expect(asked.map(query => query.fileName)).toEqual(['a(1)+b.yaml', 'two.yaml']);
});

it.each<[string, SearchHit]>([
  ['in a repository that is not listed', hit(7, 'PAY/other')],
  ['in a repository that has moved', hit(2, 'PAY/api')],
  ['on another file', hit(2, 'OPS/web', 'docs/catalog-info.yaml')],
])('searchCatalogFiles ignores a hit %s', async (_, stray) => {
  const { result } = await search(() => found([hit(1, 'PAY/api'), stray]));
  expect(result).toMatchObject({ hits: new Map([[1, ['catalog-info.yaml']]]) });
});

it('searchCatalogFiles does not cover archived repositories and forks', async () => {
  const repositories = [
    repository(1, 'PAY/api'),
    repository(2, 'PAY/old', { archived: true }),
    repository(3, 'PAY/fork', { fork: true }),
  ];
  const { covered } = await search(() => found([hit(1, 'PAY/api')]), { repositories });
  expect(covered).toEqual(['api']);
});

it('searchCatalogFiles searches project by project when the server does not return every hit', async () => {
  const { asked, result, covered } = await search(({ projectKey }) => {
    if (projectKey === undefined) return found([], false);
    return projectKey === 'PAY'
      ? found([hit(1, 'PAY/api')])
      : found([hit(2, 'OPS/web')], false);
  });
  expect(asked.map(request => request.projectKey)).toEqual([undefined, 'PAY', 'OPS']);
  expect(result).toMatchObject({ kind: 'used' });
  // A repository with more hits than returned may have files elsewhere.
  expect(covered).toEqual(['api']);
});

it('searchCatalogFiles searches in as many as 200 projects', async () => {
  const repositories = Array.from({ length: 200 }, (_, id) =>
    repository(id, `P${id}/api`),
  );
  const { asked, covered } = await search(
    ({ projectKey }) => found([hit(0, 'P0/api')], projectKey !== undefined),
    { repositories },
  );
  expect(asked).toHaveLength(201);
  expect(covered).toHaveLength(200);
});

it('searchCatalogFiles covers nothing instead of searching in hundreds of projects', async () => {
  const repositories = Array.from({ length: 201 }, (_, id) =>
    repository(id, `P${id}/api`),
  );
  const { asked, result, covered } = await search(
    () => found([hit(0, 'P0/api')], false),
    { repositories },
  );
  expect(asked).toHaveLength(1);
  expect(result).toMatchObject({ kind: 'used' });
  expect(covered).toEqual([]);
});

const broken: FileSearch = { kind: 'unknown', problem: problem('timeout', 'too slow') };

it.each<[string, Parameters<typeof search>[0], string]>([
  ['there is no search', undefined, 'it is not available'],
  ['it fails', () => broken, 'too slow'],
  [
    'it fails for one project',
    ({ projectKey }) => (projectKey === 'OPS' ? broken : found([], false)),
    'too slow',
  ],
  ['it returns no hits', () => found([]), 'it found no catalog file at all'],
])('code search is not used when %s', async (_, answer, reason) => {
  const { result } = await search(answer);
  expect(result).toEqual({ kind: 'off', reason });
});

describe('when search lacks known files', () => {
  const repositories = Array.from({ length: 100 }, (_, id) =>
    repository(id, `PAY/r${id}`),
  );
  const all = repositories.map(repository =>
    known(repository.id, `PAY/${repository.slug}`),
  );
  const lacking = (count: number, last: number) => () =>
    found(
      repositories
        .slice(count, last)
        .map(repository => hit(repository.id, `PAY/${repository.slug}`)),
    );

  it.each([
    ['a tenth of many', 10, all],
    ['five of a few', 5, all.slice(0, 8)],
  ])('is used with %s missing', async (_, count, remembered) => {
    const { result } = await search(lacking(count, 100), {
      repositories,
      known: remembered,
    });
    expect(result.kind).toBe('used');
  });

  it.each([
    ['more than a tenth', 11, all, 'it missed 11 of 100'],
    ['six of a few', 6, all.slice(0, 8), 'it missed 6 of 8'],
  ])('is not used with %s missing', async (_, count, remembered, reason) => {
    const { result } = await search(lacking(count, 100), {
      repositories,
      known: remembered,
    });
    expect(result).toEqual({ kind: 'off', reason: expect.stringContaining(reason) });
  });

  it('does not count repositories that are known to have none', async () => {
    const empty = repositories.map(repository =>
      known(repository.id, `PAY/${repository.slug}`, []),
    );
    const { result } = await search(lacking(90, 100), { repositories, known: empty });
    expect(result.kind).toBe('used');
  });
});
