import {
  address,
  file,
  filters,
  known,
  registered,
} from '../__testUtils__/discoveryData';
import { KnownRepository, RepositorySelector } from '../discovery/types';
import { Lookup } from '../model';
import {
  decideProjectRelevance,
  decideRelevance,
  findHolder,
  isAboutKnownProject,
  RelevanceContext,
  RelevanceDecision,
} from './relevance';
import { ChangedRepository, RefChange, SingleChange } from './repositoryChanges';

const BASE = 'https://git.example.com/ctx';
const PAGE = 'projects/PAY/repos/api/browse';
const API: ChangedRepository = {
  id: 7,
  projectKey: 'PAY',
  slug: 'api',
  selfUrl: `${BASE}/${PAGE}`,
};
const { selfUrl: _, ...UNLINKED } = API;
const MAIN: Lookup<string> = { kind: 'found', value: 'main' };
const RELEASE = { branch: 'release/1' };

/** What a provider knows; `PAY/api` has been listed, unless told otherwise. */
interface World extends Partial<RelevanceContext> {
  readonly rows?: readonly KnownRepository[];
  readonly serverUrls?: readonly string[];
  readonly defaultBranch?: Lookup<string>;
}

/** Decides, and counts the questions that this took. */
function setUp({ rows, serverUrls = [], defaultBranch = MAIN, ...rest }: World = {}) {
  const all = rows ?? [known(7, 'PAY/api')];
  const lookedUp: number[] = [];
  let queries = 0;
  const context: RelevanceContext = {
    filters: filters(),
    webBaseUrl: `${BASE}/`,
    loadServerUrls: async () => serverUrls,
    findRelated: async () => {
      queries += 1;
      return all;
    },
    isProjectKnown: async keys =>
      all.some(repository => keys.includes(repository.projectKey)),
    findDefaultBranch: async ({ repositoryId }) => {
      lookedUp.push(repositoryId);
      return defaultBranch;
    },
    ...rest,
  };
  return {
    lookedUp,
    queries: () => queries,
    isAboutKnownProject: (change: SingleChange) => isAboutKnownProject(change, context),
    decide: (...changes: SingleChange[]) => decideRelevance(changes, context),
    decideProject: (change: { key: string; formerKey?: string; selfUrl?: string }) =>
      decideProjectRelevance({ type: 'project-modified', ...change }, context),
  };
}

function ref(name: string, overrides: Partial<RefChange> = {}): RefChange {
  return {
    refId: `refs/heads/${name}`,
    kind: 'BRANCH',
    change: 'UPDATE',
    fromHash: 'a'.repeat(40),
    toHash: 'b'.repeat(40),
    ...overrides,
  };
}

const tag = (name: string) => ref(name, { refId: `refs/tags/${name}`, kind: 'TAG' });

function push(refs: readonly RefChange[], repository = API): SingleChange {
  return { type: 'pushed', repository, refs };
}

describe('a push to our server', () => {
  it.each<[string, World, RefChange[], string]>([
    ['updates the default branch', {}, [ref('main')], 'the default branch was updated'],
    [
      'creates it',
      {},
      [ref('main', { change: 'ADD' })],
      'the default branch was created',
    ],
    [
      'deletes it',
      {},
      [ref('main', { change: 'DELETE' })],
      'the default branch was deleted',
    ],
    [
      'updates it among others',
      {},
      [tag('main'), ref('x'), ref('main')],
      'the default branch was updated',
    ],
    [
      'updates a branch stored by its full name',
      { defaultBranch: { kind: 'found', value: 'refs/heads/main' } },
      [ref('main')],
      'the default branch was updated',
    ],
    [
      'updates the configured branch',
      RELEASE,
      [ref('release/1')],
      'the configured branch was updated',
    ],
  ])(
    'is relevant when it %s, with the branch in the decision',
    async (_, world, refs, why) => {
      const decision = await setUp(world).decide(push(refs));
      expect(decision).toMatchObject({ kind: 'relevant', reason: why });
      expect(decision).toHaveProperty('branch');
    },
  );

  it.each<[string, RefChange[], string]>([
    ['updates another branch', [ref('x')], 'only other branches changed'],
    [
      'deletes another branch',
      [ref('x', { change: 'DELETE' })],
      'only other branches changed',
    ],
    ['updates one whose name ends alike', [ref('x/main')], 'only other branches changed'],
    [
      'updates one whose name has the same beginning',
      [ref('main2')],
      'only other branches changed',
    ],
    ['writes the name in another case', [ref('Main')], 'only other branches changed'],
  ])('is ignored when it %s', async (_, refs, reason) => {
    expect(await setUp().decide(push(refs))).toEqual({ kind: 'ignored', reason });
  });

  it.each<[string, World, RefChange[], string]>([
    ['moves a tag of the default branch’s name', {}, [tag('main')], 'only tags changed'],
    [
      'updates the default branch while another one is configured',
      RELEASE,
      [ref('main')],
      'only other branches changed',
    ],
  ])('causes no query at all when it %s', async (_, world, refs, reason) => {
    const { decide, lookedUp, queries } = setUp(world);
    expect(await decide(push(refs))).toEqual({ kind: 'ignored', reason });
    expect([lookedUp, queries()]).toEqual([[], 0]);
  });

  it('needs no default branch if a branch is configured', async () => {
    const { decide, lookedUp } = setUp(RELEASE);
    await decide(push([ref('release/1')]));
    expect(lookedUp).toEqual([]);
  });

  it('is relevant if there is no default branch', async () => {
    const defaultBranch = { kind: 'absent', reason: 'empty-repository' } as const;
    const decision = await setUp({ defaultBranch }).decide(push([ref('main')]));
    expect(decision).toMatchObject({
      kind: 'relevant',
      reason: 'there is no default branch',
    });
    expect(decision).not.toHaveProperty('branch');
  });

  it('is undecided if the default branch cannot be read', async () => {
    const problem = { reason: 'server-error', detail: 'Bitbucket failed: 503' } as const;
    const { decide } = setUp({ defaultBranch: { kind: 'unknown', problem } });
    expect(await decide(push([ref('main')]))).toEqual({ kind: 'unknown', problem });
  });
});

describe('the default branch that decides', () => {
  it('is that of the repository that Bitbucket has returned for the address', async () => {
    const { decide, lookedUp } = setUp();
    await decide(push([ref('x')]));
    await decide(push([ref('x')], { ...API, id: undefined }));
    expect(lookedUp).toEqual([7, 7]);
  });

  it.each<[string, KnownRepository[], ChangedRepository]>([
    ['nothing is known at the address', [], API],
    ['only the address is known', [known(-1, 'PAY/api')], API],
    [
      'the payload has the id of another repository beside its own address',
      [known(7, 'PAY/api'), known(8, 'PAY/victim')],
      { ...API, id: 8 },
    ],
    [
      'only the id is known, at another address',
      [known(7, 'PAY/victim')],
      { ...API, slug: 'own' },
    ],
  ])('is not requested if %s: the repository is checked', async (_, rows, about) => {
    const { decide, lookedUp } = setUp({ rows });
    expect(await decide(push([ref('x')], about))).toMatchObject({ kind: 'relevant' });
    expect(lookedUp).toEqual([]);
  });
});

const REASONS = {
  unknown: 'the event does not say what changed',
  modified: 'the repository was renamed, moved, archived or otherwise changed',
  created: 'the repository is new',
  forked: 'the repository is a new fork',
  deleted: 'the repository was reported as deleted',
} as const;
const TYPES = ['unknown', 'modified', 'created', 'forked', 'deleted'] as const;

it.each(TYPES)(
  'a change of type %s on our server is relevant, whatever the branch',
  async type => {
    for (const world of [{}, RELEASE]) {
      const { decide, lookedUp } = setUp(world);
      const decision = await decide({ type, repository: API });
      expect(decision).toMatchObject({ kind: 'relevant', reason: REASONS[type] });
      expect(lookedUp).toEqual([]);
    }
  },
);

it.each<[string, KnownRepository[], SingleChange, boolean]>([
  ['its address', [known(7, 'pay/API')], { type: 'unknown', repository: API }, true],
  ['nothing of it', [], { type: 'unknown', repository: API }, false],
  [
    'only the id that the payload claims',
    [known(7, 'PAY/victim')],
    { type: 'unknown', repository: API },
    false,
  ],
  [
    'only the former address that the payload claims',
    [known(8, 'PAY/victim')],
    { type: 'modified', repository: API, formerAddress: address('PAY/victim') },
    false,
  ],
])(
  'a repository counts as known, or not, if Bitbucket has returned %s',
  async (_, rows, change, is) => {
    const decision = await setUp({ rows }).decide(change);
    expect(decision).toMatchObject({ kind: 'relevant', isKnown: is });
  },
);

it('several changes of one repository are decided by the first relevant one, pushes last', async () => {
  const { decide, lookedUp } = setUp();
  const changes = [push([ref('main')]), { type: 'created', repository: API } as const];
  expect(await decide(...changes)).toMatchObject({ reason: REASONS.created });
  expect(lookedUp).toEqual([]);
});

describe('the server of an event', () => {
  const from = (selfUrl: string): SingleChange => ({
    type: 'unknown',
    repository: { ...API, selfUrl },
  });
  const getKind = ({ kind }: RelevanceDecision) => kind;

  it.each([
    ['the integration shows', `${BASE}/${PAGE}`],
    ['the listing shows', `http://internal:7990/${PAGE}`],
    ['is written otherwise', `HTTPS://GIT.example.com:443/ctx/${PAGE}/`],
    ['has a personal project', `${BASE}/users/jdoe/repos/x/browse`],
  ])('is ours with a base URL that %s', async (_, selfUrl) => {
    const { decide } = setUp({ serverUrls: ['http://internal:7990'] });
    expect(getKind(await decide(from(selfUrl)))).toBe('relevant');
  });

  it.each([
    ['another host', `https://other.example.com/ctx/${PAGE}`],
    ['a host that begins alike', `https://git.example.com.evil.test/ctx/${PAGE}`],
    ['another port', `https://git.example.com:8443/ctx/${PAGE}`],
    ['another scheme', `http://git.example.com/ctx/${PAGE}`],
    ['no context path', `https://git.example.com/${PAGE}`],
    ['a context path that begins alike', `https://git.example.com/ctx2/${PAGE}`],
    ['a longer context path', `https://git.example.com/ctx/stash/${PAGE}`],
    ['another case in the context path', `https://git.example.com/CTX/${PAGE}`],
    ['a way out of it', `https://git.example.com/ctx/../${PAGE}`],
    ['credentials', `https://git.example.com@evil.test/ctx/${PAGE}`],
    ['a page of another kind', `${BASE}/admin`],
    ['no URL', 'git.example.com'],
  ])('is not ours with %s, known or not, and causes no query', async (_, selfUrl) => {
    const repository = { ...API, selfUrl };
    for (const rows of [[], [known(7, 'PAY/api')]]) {
      const { decide, lookedUp, queries } = setUp({ rows });
      for (const change of [from(selfUrl), push([ref('main')], repository)]) {
        expect(await decide(change)).toEqual({
          kind: 'ignored',
          reason: 'the event comes from another server',
        });
      }
      expect([lookedUp, queries()]).toEqual([[], 0]);
    }
  });

  it('is not ours if no base URL is known', async () => {
    const { decide } = setUp({ webBaseUrl: 'not a url', serverUrls: ['', 'x'] });
    expect(getKind(await decide(from(`${BASE}/${PAGE}`)))).toBe('ignored');
  });

  it.each<[string, KnownRepository[], ChangedRepository, string]>([
    ['id and address are known', [known(7, 'PAY/api')], UNLINKED, 'relevant'],
    ['it has no id', [known(7, 'PAY/api')], { ...UNLINKED, id: undefined }, 'ignored'],
    ['another id is at the address', [known(8, 'PAY/api')], UNLINKED, 'ignored'],
    ['the slug is another', [known(7, 'PAY/web')], UNLINKED, 'ignored'],
    ['the project is another', [known(7, 'OPS/api')], UNLINKED, 'ignored'],
    ['only the address is known', [known(-1, 'PAY/api')], UNLINKED, 'ignored'],
    ['nothing is known', [], UNLINKED, 'ignored'],
  ])('is decided without a link if %s', async (_, rows, repository, kind) => {
    const { decide } = setUp({ rows });
    expect(getKind(await decide({ type: 'unknown', repository }))).toBe(kind);
  });

  it.each([
    ['is ours if its former address is known', 'PAY/api', 'relevant'],
    ['is not ours if neither address is known', 'PAY/web', 'ignored'],
  ])('of a rename without a link %s', async (_, at, kind) => {
    const { decide } = setUp({ rows: [known(7, at)] });
    const repository = { ...UNLINKED, slug: 'gateway' };
    const formerAddress = address('PAY/api');
    expect(getKind(await decide({ type: 'modified', repository, formerAddress }))).toBe(
      kind,
    );
  });
});

describe('a change that the filters exclude', () => {
  const world = {
    filters: filters({ projectKey: /^PAY$/, exclude: { repoSlug: /^test-/ } }),
    rows: [],
  };
  const outside = { ...API, projectKey: 'OPS' };

  it.each([
    ['another project', outside],
    ['an excluded slug', { ...API, slug: 'test-api' }],
    ['a personal project', { ...API, projectKey: '~jdoe' }],
  ])('is ignored: %s', async (_, repository) => {
    const { decide, lookedUp } = setUp(world);
    const changes = TYPES.map(type => ({ type, repository }) as const);
    for (const change of [...changes, push([ref('main')], repository)]) {
      expect(await decide(change)).toMatchObject({
        kind: 'ignored',
        reason: expect.stringMatching(/^the filters exclude it \(/),
      });
    }
    expect(lookedUp).toEqual([]);
  });

  it.each<[string, KnownRepository, string]>([
    [
      'is relevant if the catalog holds a file of it, by id',
      known(7, 'PAY/api'),
      'relevant',
    ],
    [
      'is relevant if the catalog holds one, by address',
      known(-1, 'ops/API'),
      'relevant',
    ],
    [
      'is ignored if the catalog holds nothing any more',
      known(7, 'OPS/api', []),
      'ignored',
    ],
    ['is ignored if the catalog holds only a namesake', known(8, 'PAY/api'), 'ignored'],
  ])('%s', async (_, row, kind) => {
    const { decide } = setUp({ ...world, rows: [row] });
    expect(await decide({ type: 'modified', repository: outside })).toMatchObject({
      kind,
    });
  });
});

describe('a change of a project', () => {
  it.each<[string, { key: string; formerKey?: string }, string]>([
    ['is ignored if neither key is known', { key: 'OPS' }, 'ignored'],
    [
      'is ignored if another former key is unknown',
      { key: 'OPS', formerKey: 'X' },
      'ignored',
    ],
    ['is relevant if it was known before', { key: 'OPS', formerKey: 'PAY' }, 'relevant'],
    ['is relevant if it is known', { key: 'PAY' }, 'relevant'],
  ])('that the filters exclude %s', async (_, change, kind) => {
    const world = { filters: filters({ projectKey: /^(?!OPS|PAY$)/ }) };
    const selfUrl = `${BASE}/projects/${change.key}`;
    expect(await setUp(world).decideProject({ ...change, selfUrl })).toMatchObject({
      kind,
    });
  });

  it.each([
    [
      'with our link is relevant',
      { key: 'OPS', selfUrl: `${BASE}/projects/OPS` },
      'relevant',
    ],
    [
      'of another server is ignored',
      { key: 'PAY', selfUrl: 'http://x.test/projects/PAY' },
      'ignored',
    ],
    ['without a link is relevant if it is known', { key: 'PAY' }, 'relevant'],
    ['without a link is ignored if it is not known', { key: 'PA' }, 'ignored'],
    [
      'without a link is relevant if it was known before',
      { key: 'MONEY', formerKey: 'PAY' },
      'relevant',
    ],
  ])('%s', async (_, change, kind) => {
    expect(await setUp().decideProject(change)).toMatchObject({ kind });
  });
});

describe('a file that is proven to be missing', () => {
  const conclusive = registered('PAY/api');
  const holder: KnownRepository = { ...known(7, 'PAY/api'), conclusive };
  const { targetUrl } = file('PAY/api');
  const optional = { ...file('PAY/api'), presence: 'optional' } as const;

  it.each<[string, Partial<KnownRepository>, boolean]>([
    ['that is registered', {}, true],
    [
      'that is registered, of a repository that could not be checked since',
      { problem: { reason: 'timeout', detail: '' } },
      true,
    ],
    [
      'that is held back',
      { conclusive: { kind: 'absent', reason: 'no-catalog-file' } },
      false,
    ],
    ['that was never found', { conclusive: undefined }, false],
    ['that is not checked', { conclusive: { ...conclusive, files: [optional] } }, false],
    ['that is another one', { conclusive: registered('PAY/web') }, false],
  ])('%s: leads to a check: %s', (_, rest, isChecked) => {
    const related = [known(8, 'PAY/web'), { ...holder, ...rest }];
    expect(findHolder(related, targetUrl)?.repositoryId).toBe(isChecked ? 7 : undefined);
  });
});

describe('what is known of a changed repository', () => {
  const formerAddress = address('PAY/older');
  const renamed: SingleChange = { type: 'modified', repository: API, formerAddress };

  it('is selected by its id, its address and its former one', async () => {
    const selectors: RepositorySelector[] = [];
    const findRelated = async (selector: RepositorySelector) => {
      selectors.push(selector);
      return [];
    };
    await setUp({ findRelated }).decide(renamed);
    await setUp({ findRelated }).decide({
      ...renamed,
      repository: { ...API, id: undefined },
    });
    expect(selectors).toMatchObject([
      { repositoryIds: [7], addresses: [address('PAY/api'), formerAddress] },
      { repositoryIds: [], addresses: [address('PAY/api'), formerAddress] },
    ]);
  });

  it('adds every address at which it is known under its id', async () => {
    const rows = [known(7, 'OPS/old'), known(9, 'PAY/api')];
    const decision = await setUp({ rows }).decide(renamed);
    expect(decision).toMatchObject({
      kind: 'relevant',
      addresses: [address('PAY/api'), formerAddress, address('OPS/old')],
    });
  });

  it.each([
    ['the id is known at this address', [known(7, 'PAY/api')], true],
    ['the id is known at another address', [known(7, 'OPS/api')], false],
    ['another id is known at this address', [known(9, 'PAY/api')], false],
    ['both are known, but not together', [known(7, 'OPS/x'), known(9, 'PAY/api')], false],
  ])(
    'decides without a link whether its project is known: %s',
    async (_, rows, isKnown) => {
      const { isAboutKnownProject: decide } = setUp({ rows });
      expect(await decide({ type: 'modified', repository: UNLINKED })).toBe(isKnown);
    },
  );
});
