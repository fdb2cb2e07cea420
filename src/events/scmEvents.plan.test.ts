import { FileChange, Repository } from '../model';
import { RepositoryDelta } from '../discovery/evaluateRepository';
import { fileUrl } from '../bitbucket/webUrls';
import { repository } from '../__testUtils__/discoveryData';
import {
  areComparable,
  followOthers,
  planScmEvents,
  ScmChange,
  ScmEvent,
  ScmEventPublisher,
} from './scmEvents';
import { PendingRepository, RefChange } from './repositoryChanges';

const URL = 'https://git.test/projects/PAY/repos/api/browse';
const FORMER = 'https://git.test/projects/PAY/repos/old/browse';
const NOTHING: RepositoryDelta = {
  ...{ added: [], removed: [], stayed: [], held: [], forgottenIds: [] },
  ...{ changed: [], changedByAdding: [], changedByCheck: [] },
};
const NONE = '0'.repeat(40);

const added = (path: string): FileChange => ({ kind: 'added', path });

function changed(
  changes: readonly FileChange[],
  { branch = 'main', isDefault = true } = {},
): ScmChange {
  return {
    repositoryUrl: URL,
    kind: 'changed',
    files: { changes, branch, isDefault },
  };
}

/** Events without the beginning of their URLs. */
function shortly(change: ScmChange): string[] {
  return planScmEvents(change).map(event => {
    const urls = 'url' in event ? [event.url] : [event.fromUrl, event.toUrl];
    return `${event.type} ${urls.map(url => url.slice(URL.length)).join(' to ')}`;
  });
}

describe('for a repository', () => {
  it.each<[string, Partial<ScmChange>, object]>([
    ['gone', { kind: 'gone' }, { type: 'repository.deleted', url: URL }],
    ['new', { kind: 'new' }, { type: 'repository.created', url: URL }],
    [
      'moved',
      { formerRepositoryUrl: FORMER },
      { type: 'repository.moved', fromUrl: FORMER, toUrl: URL },
    ],
    ['changed somehow', {}, { type: 'repository.updated', url: URL }],
    [
      'modified in place',
      { formerRepositoryUrl: URL },
      { type: 'repository.updated', url: URL },
    ],
  ])('that is %s, one event is planned', (_, change, event) => {
    const plan = planScmEvents({ repositoryUrl: URL, kind: 'changed', ...change });
    expect(plan).toEqual([event]);
  });

  it('that is gone, no other event is planned, whatever is known of its files', () => {
    const change = { ...changed([added('x')]), formerRepositoryUrl: FORMER };
    expect(planScmEvents({ ...change, kind: 'gone' })).toHaveLength(1);
    expect(planScmEvents({ ...change, kind: 'new' })).toHaveLength(1);
    expect(planScmEvents(change)).toMatchObject([{ type: 'repository.moved' }]);
  });
});

describe('for files', () => {
  it('on the default branch, the events name each form of URL that can be registered', () => {
    expect(shortly(changed([added('catalog-info.yaml')]))).toEqual([
      'location.created /catalog-info.yaml',
      'location.created /catalog-info.yaml?at=main',
      'location.created /catalog-info.yaml?at=refs%2Fheads%2Fmain',
      'location.created /catalog-info.yaml?at=refs/heads/main',
    ]);
  });

  it('on the configured branch, the events name only URLs with the branch', () => {
    expect(shortly(changed([added('x.yaml')], { isDefault: false }))).toEqual([
      'location.created /x.yaml?at=main',
      'location.created /x.yaml?at=refs%2Fheads%2Fmain',
      'location.created /x.yaml?at=refs/heads/main',
    ]);
  });

  it('on a branch with a slash, the events name it encoded and as in Bitbucket’s own URLs', () => {
    const change = changed([added('x')], { branch: 'release/1&2', isDefault: false });
    expect(shortly(change)).toEqual([
      'location.created /x?at=release%2F1%262',
      'location.created /x?at=release/1&2',
      'location.created /x?at=refs%2Fheads%2Frelease%2F1%262',
      'location.created /x?at=refs/heads/release/1&2',
    ]);
  });

  it('each kind of change has its own type of event', () => {
    const changes: FileChange[] = [
      { kind: 'modified', path: 'a' },
      { kind: 'deleted', path: 'b' },
      { kind: 'moved', path: 'new', formerPath: 'old' },
    ];
    expect(shortly(changed(changes)).filter(event => !event.includes('?'))).toEqual([
      'location.updated /a',
      'location.deleted /b',
      'location.moved /old to /new',
    ]);
  });

  it('both ends of a move have the same form', () => {
    const moved: FileChange = { kind: 'moved', path: 'new', formerPath: 'old' };
    expect(shortly(changed([moved]))).toContain(
      'location.moved /old?at=main to /new?at=main',
    );
  });

  it.each([
    'a b/c#d?%.yaml',
    'ü/日本.yaml',
    "it's (1)!.yaml",
    '*.yaml',
    'a+b&c=d;e.yaml',
  ])('the path %s is encoded as in the target of a Location', path => {
    const address = { host: 'git.test', apiBaseUrl: 'https://git.test/rest/api/1.0' };
    const api: Repository = repository(1, 'PAY/api');
    for (const branch of [undefined, 'main', 'feature/ü x']) {
      const isDefault = branch === undefined;
      const plan = planScmEvents(changed([added(path)], { branch, isDefault }));
      const target = fileUrl(api, path, branch, address);
      expect(plan.filter(event => 'url' in event && event.url === target)).toHaveLength(
        1,
      );
    }
  });

  it('no event is planned twice', () => {
    for (const branch of ['main', 'a/b', 'ü']) {
      const plan = shortly(changed([added('x'), added('y')], { branch }));
      expect(new Set(plan).size).toBe(plan.length);
    }
  });

  it('up to 200 are named one by one, for 201 the repository is', () => {
    const files = (count: number) =>
      Array.from({ length: count }, (_, index) => added(`f${index}`));
    expect(planScmEvents(changed(files(200)))).toHaveLength(800);
    expect(planScmEvents(changed(files(201)))).toEqual([
      { type: 'repository.updated', url: URL },
    ]);
  });

  it('no event is planned if none differ', () => {
    expect(planScmEvents(changed([]))).toEqual([]);
  });
});

describe('two commits', () => {
  const ref: RefChange = {
    refId: 'refs/heads/main',
    kind: 'BRANCH',
    change: 'UPDATE',
    fromHash: 'a'.repeat(40),
    toHash: 'b'.repeat(40),
  };

  it('can be compared if a branch was updated', () => {
    expect(areComparable(ref)).toBe(true);
  });

  it.each<[string, Partial<RefChange>]>([
    ['is new', { change: 'ADD', fromHash: NONE }],
    ['is new, whatever it came from', { change: 'ADD' }],
    ['is deleted', { change: 'DELETE', toHash: NONE }],
    ['was updated from nothing', { fromHash: NONE }],
    ['was updated to nothing', { toHash: '0'.repeat(64) }],
  ])('cannot be compared if it %s', (_, other) => {
    expect(areComparable({ ...ref, ...other })).toBe(false);
  });
});

it('events of other modules are followed, and our own are not', async () => {
  const subscribers: ((events: ScmEvent[]) => Promise<void>)[] = [];
  const publish = async (events: ScmEvent[]) => {
    await Promise.all(subscribers.map(subscriber => subscriber(events)));
  };
  const told: string[][] = [];
  followOthers(
    {
      subscribe({ onEvents }) {
        subscribers.push(onEvents);
        return { unsubscribe: () => {} };
      },
    },
    async urls => void told.push([...urls]),
  );
  const scmEvents = { publish };
  const repositoryUrl = () => URL;
  const publisher = new ScmEventPublisher({ scmEvents, perFile: false, repositoryUrl });
  await publisher.publish({
    item: { repository: repository(1, 'PAY/api'), changes: [] },
    branch: undefined,
    evaluation: { kind: 'evaluated', delta: NOTHING },
    client: { getFileChanges: async () => undefined },
  });
  await publish([
    { type: 'location.moved', fromUrl: 'a', toUrl: 'b' },
    { type: 'repository.updated', url: 'c' },
  ]);
  expect(told).toEqual([['a', 'b', 'c']]);
});

describe('the publisher', () => {
  const API = repository(1, 'PAY/api');
  const ref = (refId: string, toHash: string, kind: RefChange['kind'] = 'BRANCH') =>
    ({ refId, kind, change: 'UPDATE', fromHash: 'a'.repeat(40), toHash }) as const;
  const MAIN = ref('refs/heads/main', 'b'.repeat(40));
  const pushed = (...refs: RefChange[]) =>
    ({ type: 'pushed', repository: API, refs }) as const;
  const PUSH = pushed(MAIN);

  /** Publishes per file; returns the compared commits and the types of the events. */
  async function publish(
    changes: PendingRepository['changes'],
    {
      branch = 'main',
      isGone = false,
    }: { branch?: string | undefined; isGone?: boolean } = {},
  ) {
    const compared: string[] = [];
    const types: string[] = [];
    const publisher = new ScmEventPublisher({
      scmEvents: {
        publish: async events => void types.push(...events.map(({ type }) => type)),
      },
      perFile: true,
      configuredBranch: 'main',
      repositoryUrl: () => URL,
    });
    await publisher.publish({
      item: { repository: API, changes },
      branch,
      evaluation: {
        kind: 'evaluated',
        delta: NOTHING,
        ...(!isGone && { repository: API }),
      },
      client: {
        getFileChanges: async (_, commits) => {
          compared.push(commits.toHash);
          return [added('a.yaml')];
        },
      },
    });
    return { compared, types: [...new Set(types)] };
  }

  it('compares the commits of the branch, not of others or of a tag of its name', async () => {
    const others = [
      ref('refs/heads/x', 'c'.repeat(40)),
      ref('refs/tags/main', 'd'.repeat(40), 'TAG'),
      ref('refs/heads/main', 'e'.repeat(40), 'TAG'),
    ];
    expect(await publish([pushed(...others, MAIN)])).toEqual({
      compared: [MAIN.toHash],
      types: ['location.created'],
    });
    expect(await publish([pushed(...others)])).toMatchObject({ compared: [] });
  });

  it.each<[string, PendingRepository['changes'], Parameters<typeof publish>[1], string]>([
    ['other changes', [PUSH, { type: 'modified', repository: API }], {}, 'updated'],
    ['a modification alone', [{ type: 'modified', repository: API }], {}, 'updated'],
    ['a fork', [{ type: 'forked', repository: API }, PUSH], {}, 'created'],
    ['a new repository', [PUSH, { type: 'created', repository: API }], {}, 'created'],
    ['a repository that is gone', [PUSH], { isGone: true }, 'deleted'],
  ])('compares nothing for %s', async (_, changes, rest, type) => {
    expect(await publish(changes, rest)).toEqual({
      compared: [],
      types: [`repository.${type}`],
    });
  });
});
