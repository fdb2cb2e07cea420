import {
  pushPayload,
  refChangePayload,
  repositoryPayload,
} from './__testUtils__/payloads';
import { analyzeWebhookEvent } from './analyzeWebhookEvent';

const NO_COMMIT = '0'.repeat(40);
const SELF = 'https://git.example.com/ctx/projects/PAY/repos/api/browse';
const API = { id: 7, projectKey: 'PAY', slug: 'api', selfUrl: SELF };
const PUSHED = {
  refId: 'refs/heads/main',
  kind: 'BRANCH',
  change: 'UPDATE',
  fromHash: 'a'.repeat(40),
  toHash: 'b'.repeat(40),
};

function one(change: object) {
  return { kind: 'change', change };
}

describe('a push', () => {
  it('contains repository, refs and hashes', () => {
    expect(analyzeWebhookEvent('repo:refs_changed', pushPayload())).toEqual(
      one({ type: 'pushed', repository: API, refs: [PUSHED] }),
    );
  });

  it('distinguishes tags from branches and additions from deletions', () => {
    const ref = { id: 'refs/tags/v1', displayId: 'v1', type: 'TAG' };
    const changes = [
      refChangePayload({ type: 'DELETE', toHash: NO_COMMIT }),
      refChangePayload({ ref, refId: 'refs/tags/v1', type: 'ADD', fromHash: NO_COMMIT }),
    ];
    expect(
      analyzeWebhookEvent('repo:refs_changed', pushPayload({ changes })),
    ).toMatchObject(
      one({
        refs: [
          { refId: 'refs/heads/main', kind: 'BRANCH', change: 'DELETE' },
          { refId: 'refs/tags/v1', kind: 'TAG', change: 'ADD' },
        ],
      }),
    );
  });

  it('is valid without links and id, which old servers leave out', () => {
    const repository = repositoryPayload({ id: undefined, links: undefined });
    const payload = pushPayload({ repository });
    expect(analyzeWebhookEvent('repo:refs_changed', payload)).toEqual(
      one({
        type: 'pushed',
        repository: { projectKey: 'PAY', slug: 'api' },
        refs: [PUSHED],
      }),
    );
  });

  it.each([
    ['no self link', {}],
    ['a null among them', { self: [null] }],
    ['an empty list', { self: [] }],
    ['no list', { self: { href: SELF } }],
    ['an endless one', { self: [{ href: `${SELF}${'x'.repeat(2048)}` }] }],
  ])('counts links with %s as missing', (_, links) => {
    const payload = pushPayload({ repository: repositoryPayload({ links }) });
    const analysis = analyzeWebhookEvent('repo:refs_changed', payload);
    expect(analysis).toEqual(
      one({
        type: 'pushed',
        repository: { id: 7, projectKey: 'PAY', slug: 'api' },
        refs: [PUSHED],
      }),
    );
  });

  it.each<[string, unknown[]]>([
    ['it names none', []],
    ['one is no object', [refChangePayload(), null]],
    ['one has no ref', [refChangePayload({ ref: undefined })]],
    ['one is of a kind of its own', [refChangePayload({ type: 'RENAME' })]],
    [
      'one is neither branch nor tag',
      [refChangePayload({ ref: { id: 'x', type: 'X' } })],
    ],
    ['one has no commit', [refChangePayload({ toHash: '../../admin' })]],
  ])('contains unknown changes when %s', (_, changes) => {
    expect(analyzeWebhookEvent('repo:refs_changed', pushPayload({ changes }))).toEqual(
      one({ type: 'unknown', repository: API }),
    );
  });

  it.each<[string, object, string]>([
    ['changes', { changes: undefined }, 'changes'],
    ['a list of changes', { changes: {} }, 'changes'],
    ['a repository', { repository: null }, 'repository'],
    ['a slug', { repository: repositoryPayload({ slug: 3 }) }, 'repository.slug'],
    [
      'a fit slug',
      { repository: repositoryPayload({ slug: '../x' }) },
      'repository.slug',
    ],
    [
      'a slug of one line',
      { repository: repositoryPayload({ slug: 'a\nb' }) },
      'repository.slug',
    ],
    [
      'a slug that stays',
      { repository: repositoryPayload({ slug: '..' }) },
      'repository.slug',
    ],
    [
      'a project key',
      { repository: repositoryPayload({ project: {} }) },
      'repository.project.key',
    ],
  ])('is malformed without %s', (_, overrides, place) => {
    expect(analyzeWebhookEvent('repo:refs_changed', pushPayload(overrides))).toEqual({
      kind: 'malformed',
      reason: `the payload has no readable ${place}`,
    });
  });

  it.each([-1, 1.5, '7', Number.MAX_VALUE, null])('does not accept %p as an id', id => {
    const payload = pushPayload({ repository: repositoryPayload({ id }) });
    expect(analyzeWebhookEvent('repo:refs_changed', payload)).toEqual(
      one({
        type: 'pushed',
        repository: { projectKey: 'PAY', slug: 'api', selfUrl: SELF },
        refs: [PUSHED],
      }),
    );
  });
});

describe('a mirror that was synchronized', () => {
  const mirror = 'mirror:repo_synchronized';

  it('is a push', () => {
    expect(analyzeWebhookEvent(mirror, pushPayload({ refLimitExceeded: false }))).toEqual(
      one({ type: 'pushed', repository: API, refs: [PUSHED] }),
    );
  });

  it.each<[string, object]>([
    ['too many refs', { refLimitExceeded: true, changes: [] }],
    ['too many refs, some of them named', { refLimitExceeded: true }],
    ['no refs', { changes: [] }],
    ['no list of refs', { changes: undefined }],
  ])('has unknown changes with %s', (_, overrides) => {
    expect(analyzeWebhookEvent(mirror, pushPayload(overrides))).toEqual(
      one({ type: 'unknown', repository: API }),
    );
  });
});

describe('other events', () => {
  it('include a ping, which is ignored', () => {
    expect(analyzeWebhookEvent('diagnostics:ping', { test: true })).toEqual({
      kind: 'ignored',
      reason: 'a test of the connection',
    });
  });

  it.each(['pr:opened', 'repo:comment:added', 'constructor', '__proto__', 'toString'])(
    'ignores %s with a reason',
    key => {
      expect(analyzeWebhookEvent(key, pushPayload())).toEqual({
        kind: 'ignored',
        reason: `${key} is irrelevant to discovery`,
      });
    },
  );

  it.each([undefined, '', 'a\nforged line', 'x'.repeat(5_000_000)])(
    'does not repeat what is no event key',
    key => {
      expect(analyzeWebhookEvent(key, pushPayload())).toEqual({
        kind: 'malformed',
        reason: 'neither topic nor header nor body name an event',
      });
    },
  );
});
