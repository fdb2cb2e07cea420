import { decideRelevance, ProviderView } from './decideRelevance';
import { RefChange, RepositoryChange } from './repositoryChanges';

const API = {
  id: 7,
  projectKey: 'PAY',
  slug: 'api',
  selfUrl: 'https://git.example.com/ctx/projects/PAY/repos/api/browse',
};
const VIEW: ProviderView = { baseUrls: ['https://git.example.com/ctx/'] };

function ref(displayId: string, overrides: Partial<RefChange> = {}): RefChange {
  return {
    refId: `refs/heads/${displayId}`,
    displayId,
    kind: 'BRANCH',
    change: 'UPDATE',
    fromHash: 'a'.repeat(40),
    toHash: 'b'.repeat(40),
    ...overrides,
  };
}

function tag(displayId: string): RefChange {
  return ref(displayId, { refId: `refs/tags/${displayId}`, kind: 'TAG' });
}

function push(...refs: RefChange[]): RepositoryChange {
  return { type: 'pushed', repository: API, refs };
}

describe('a push to our server', () => {
  const MAIN = { defaultBranch: 'main' };
  const RELEASE = { branch: 'release/1' };

  it.each<[string, Partial<ProviderView>, RefChange[], string]>([
    ['updates the default branch', MAIN, [ref('main')], 'the default branch was updated'],
    [
      'creates it',
      MAIN,
      [ref('main', { change: 'ADD' })],
      'the default branch was created',
    ],
    [
      'deletes it',
      MAIN,
      [ref('main', { change: 'DELETE' })],
      'the default branch was deleted',
    ],
    [
      'touches it among others',
      MAIN,
      [tag('main'), ref('x'), ref('main')],
      'the default branch was updated',
    ],
    [
      'updates the configured branch',
      RELEASE,
      [ref('release/1')],
      'the configured branch was updated',
    ],
    [
      'updates the configured branch, whatever the default is',
      { ...MAIN, ...RELEASE },
      [ref('release/1')],
      'the configured branch was updated',
    ],
    [
      'updates a branch remembered by its full name',
      { defaultBranch: 'refs/heads/main' },
      [ref('main')],
      'the default branch was updated',
    ],
  ])('matters when it %s', (_, view, refs, reason) => {
    expect(decideRelevance(push(...refs), { ...VIEW, ...view })).toEqual({
      evaluate: true,
      reason,
    });
  });

  it.each<[string, Partial<ProviderView>, RefChange[], string]>([
    ['updates another branch', MAIN, [ref('x')], 'only other branches changed'],
    [
      'deletes another branch',
      MAIN,
      [ref('x', { change: 'DELETE' })],
      'only other branches changed',
    ],
    [
      'updates a branch whose name ends alike',
      MAIN,
      [ref('x/main')],
      'only other branches changed',
    ],
    [
      'updates a branch whose name begins alike',
      MAIN,
      [ref('main2')],
      'only other branches changed',
    ],
    [
      'writes the name in another case',
      MAIN,
      [ref('Main')],
      'only other branches changed',
    ],
    ['moves a tag of that name', MAIN, [tag('main')], 'only tags changed'],
    [
      'moves a tag while no default branch is known',
      {},
      [tag('v1')],
      'only tags changed',
    ],
    [
      'updates the default branch while another one is configured',
      { ...MAIN, ...RELEASE },
      [ref('main')],
      'only other branches changed',
    ],
  ])('costs nothing when it %s', (_, view, refs, reason) => {
    expect(decideRelevance(push(...refs), { ...VIEW, ...view })).toEqual({
      evaluate: false,
      reason,
    });
  });

  it('needs the default branch where it is neither known nor configured away', () => {
    expect(decideRelevance(push(tag('v1'), ref('x')), VIEW)).toEqual({
      evaluate: 'needs-default-branch',
      reason: 'branches changed and the default branch is not known',
    });
  });
});

it.each<[RepositoryChange, string]>([
  [{ type: 'unknown', repository: API }, 'the event does not say what changed'],
  [
    { type: 'modified', repository: API },
    'the repository was renamed, moved, archived or changed otherwise',
  ],
  [{ type: 'created', repository: API }, 'the repository is new'],
  [{ type: 'forked', repository: API }, 'the repository is a new fork'],
  [{ type: 'deleted', repository: API }, 'the repository is said to be deleted'],
  [
    {
      type: 'project-modified',
      key: 'PAY',
      selfUrl: 'https://git.example.com/ctx/projects/PAY',
    },
    'the project was changed',
  ],
])(
  'a change of type $type on our server matters, whatever the branch',
  (change, reason) => {
    for (const view of [VIEW, { ...VIEW, branch: 'x', defaultBranch: 'main' }]) {
      expect(decideRelevance(change, view)).toEqual({ evaluate: true, reason });
    }
  },
);
