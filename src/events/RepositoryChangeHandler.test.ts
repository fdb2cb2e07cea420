/** Which events cost requests, and how many. */

import { NO_COMMIT } from '../../dev/simulatedBitbucket';
import { InProcessEventStore } from './__testUtils__/InProcessEventStore';
import { CATALOG_FILE, EventSceneOptions, startEvents } from './__testUtils__/eventScene';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const HASH = 'a'.repeat(40);
const TAG_LIKE_BRANCH = { branch: 'main', fromHash: NO_COMMIT, toHash: HASH };
const EVALUATION = { repository: 1, 'file-check': 1 };

/** After a push that made the default branch known. */
async function knowDefaultBranch(options: EventSceneOptions = {}) {
  const scene = await startEvents(options);
  const { bitbucket, clock, forget, idle, push } = scene;
  await push('api', bitbucket.writeFile('PAY', 'api', 'README.md', 'first'));
  await idle();
  await clock.advance(MINUTE);
  forget();
  return scene;
}

describe('many pushes to one repository', () => {
  it('at once cost one evaluation', async () => {
    const { bitbucket, push, idle, asked, clock, results } = await startEvents();
    for (let index = 0; index < 500; index += 1) {
      await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, `v${index}`));
    }
    await idle();
    expect(asked()).toEqual({ 'default-branch': 1, ...EVALUATION });
    expect(results).toEqual(Array.from({ length: 500 }, () => 'evaluated'));
    expect(clock.sleeping).toBe(0);
  });

  it('on two topics cost one evaluation also while no replica can claim them', async () => {
    const eventStore = Object.assign(new InProcessEventStore(), {
      claimDelivery: () => Promise.reject(new Error('the database is away')),
    });
    const { bitbucket, deliver, idle, asked } = await startEvents({ eventStore });
    const changes = [bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'x')];
    const details = { projectKey: 'PAY', slug: 'api', changes };
    const webhook = bitbucket.webhook('repo:refs_changed', details);
    await deliver(webhook, 'bitbucketServer.repo:refs_changed');
    await deliver(webhook);
    await idle();
    expect(asked()).toEqual({ 'default-branch': 1, ...EVALUATION });
  });

  it('over 50 seconds cost a dozen evaluations at most', async () => {
    const { bitbucket, push, idle, asked, clock, pending } = await startEvents();
    for (let index = 0; index < 500; index += 1) {
      await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, `v${index}`));
      await clock.advance(100);
    }
    await idle();
    const { repository = 0, 'default-branch': branches, ...checks } = asked();
    expect(repository).toBeLessThanOrEqual(12);
    expect(repository).toBeGreaterThan(3);
    expect(checks).toEqual({ 'file-check': repository });
    expect(branches).toBe(1);
    expect(pending()).toBe(0);
  });

  it('to many repositories cost one evaluation each', async () => {
    const { bitbucket, push, idle, asked } = await startEvents();
    for (const slug of ['api', 'web', 'db', 'API', 'api']) {
      await push(slug, bitbucket.writeFile('PAY', slug, CATALOG_FILE, slug));
    }
    await idle();
    expect(asked()).toEqual({ 'default-branch': 3, repository: 3, 'file-check': 3 });
  });

  it('show the state after the last one', async () => {
    const { bitbucket, push, idle, first } = await startEvents();
    await push('api', bitbucket.removeFile('PAY', 'api', CATALOG_FILE));
    await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'again'));
    await idle();
    expect(first.mutations).toEqual([]);
    expect(first.refreshed).toEqual(['PAY/api']);
  });

  it('are done once more when one arrives while the first is worked on', async () => {
    const scene = await knowDefaultBranch({ bitbucket: { latencyMs: 1_000 } });
    const { bitbucket, push, idle, asked, clock, first } = scene;
    await push('api', bitbucket.writeFile('PAY', 'api', 'README.md', 'x'));
    await clock.advance(1_700);
    expect(asked()).toEqual({ repository: 1, 'file-check': 1 });
    await clock.advance(900);
    await push('api', bitbucket.removeFile('PAY', 'api', CATALOG_FILE));
    await idle();
    expect(asked()).toEqual({ repository: 2, 'file-check': 2 });
    expect(first.holds()).not.toContain('PAY/api');
  });
});

describe('a push that cannot matter', () => {
  it('costs no request where it is to another branch', async () => {
    const { bitbucket, push, idle, asked, results } = await knowDefaultBranch();
    await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'x', 'feature/x'));
    await push('api', bitbucket.deleteBranch('PAY', 'api', 'feature/x'));
    await idle();
    expect(asked()).toEqual({});
    expect(results).toEqual(['ignored', 'ignored']);
  });

  it.each([
    ['a new tag named like the default branch', TAG_LIKE_BRANCH],
    ['a moved tag', { ...TAG_LIKE_BRANCH, fromHash: 'b'.repeat(40) }],
    ['a deleted tag', { ...TAG_LIKE_BRANCH, fromHash: HASH, toHash: NO_COMMIT }],
  ])('costs no request where it is %s', async (_, change) => {
    for (const scene of [await startEvents(), await knowDefaultBranch()]) {
      await scene.push('api', { ...change, type: 'TAG' });
      await scene.idle();
      expect(scene.asked()).toEqual({});
      expect(scene.results).toEqual(['ignored']);
    }
  });

  it('costs no request where the filters leave the repository out', async () => {
    const scene = await startEvents({
      config: { filters: { projectKey: '^PAY$', repoSlug: '^(api|web)$' } },
      repositories: [{ projectKey: 'OPS', slug: 'api' }],
    });
    const { bitbucket, deliver, push, idle, asked } = scene;
    const changes = [bitbucket.writeFile('OPS', 'api', CATALOG_FILE, 'x')];
    const ops = { projectKey: 'OPS', slug: 'api', changes };
    await deliver(bitbucket.webhook('repo:refs_changed', ops));
    await push('db', bitbucket.writeFile('PAY', 'db', CATALOG_FILE, 'x'));
    await idle();
    expect(asked()).toEqual({});
    expect(scene.results).toEqual(['ignored', 'ignored']);
  });

  it('changes the catalog where one of several branches does matter', async () => {
    const { bitbucket, push, idle, asked, first } = await knowDefaultBranch();
    await push(
      'api',
      bitbucket.writeFile('PAY', 'api', 'x', 'x', 'feature/x'),
      { ...TAG_LIKE_BRANCH, type: 'TAG' },
      bitbucket.removeFile('PAY', 'api', CATALOG_FILE),
    );
    await idle();
    expect(asked()).toEqual(EVALUATION);
    expect(first.mutations).toEqual([{ added: [], removed: ['PAY/api'] }]);
  });
});

describe('the default branch', () => {
  it('is asked for once, also where the push was to another branch', async () => {
    const { bitbucket, push, idle, asked } = await startEvents();
    await push('api', bitbucket.writeFile('PAY', 'api', 'x', 'x', 'feature/x'));
    await idle();
    await push('api', bitbucket.writeFile('PAY', 'api', 'x', 'y', 'feature/x'));
    await idle();
    expect(asked()).toEqual({ 'default-branch': 1 });
  });

  it.each([
    ['remembered for 24 hours', 24 * HOUR - 2 * MINUTE, 0],
    ['read again after 24 hours', 24 * HOUR + MINUTE, 1],
  ])('is %s', async (_, passedMs, requests) => {
    const { bitbucket, clock, push, idle, asked } = await knowDefaultBranch();
    await clock.advance(passedMs);
    await push('api', bitbucket.writeFile('PAY', 'api', 'x', 'x', 'feature/x'));
    await idle();
    expect(asked()['default-branch'] ?? 0).toBe(requests);
  });

  it('is forgotten when the repository was modified', async () => {
    const { bitbucket, modify, push, idle, asked, forget } = await knowDefaultBranch();
    bitbucket.createBranch('PAY', 'api', 'trunk');
    bitbucket.setDefaultBranch('PAY', 'api', 'trunk');
    await modify('api', () => ({ projectKey: 'PAY', slug: 'api' }));
    await idle();
    expect(asked()).toEqual(EVALUATION);
    forget();
    await push('api', bitbucket.writeFile('PAY', 'api', 'x', 'x', 'trunk'));
    await idle();
    expect(asked()).toEqual({ 'default-branch': 1, ...EVALUATION });
  });

  it('is looked at where it does not exist, and where nothing was ever pushed', async () => {
    const scene = await startEvents({
      repositories: [{ projectKey: 'PAY', slug: 'new', empty: true }],
    });
    const { bitbucket, push, idle, first } = scene;
    await push('new', bitbucket.writeFile('PAY', 'new', CATALOG_FILE, 'x'));
    await idle();
    expect(first.mutations).toEqual([{ added: ['PAY/new'], removed: [] }]);
  });

  it('is never asked for where a branch is configured', async () => {
    const scene = await startEvents({
      config: { branch: 'trunk' },
      repositories: [
        {
          projectKey: 'PAY',
          slug: 'svc',
          branches: { trunk: { [CATALOG_FILE]: 'x' } },
        },
      ],
    });
    const { bitbucket, push, idle, asked, first, forget } = scene;
    await push('svc', bitbucket.writeFile('PAY', 'svc', CATALOG_FILE, 'x'));
    await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'x', 'feature/x'));
    await idle();
    expect(asked()).toEqual({});
    forget();
    await push('svc', bitbucket.writeFile('PAY', 'svc', CATALOG_FILE, 'y', 'trunk'));
    await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'x', 'trunk'));
    await idle();
    expect(asked()).toEqual({ repository: 2, 'file-check': 2 });
    expect(first.mutations).toEqual([
      { added: ['PAY/api catalog-info.yaml?at=trunk'], removed: [] },
    ]);
    expect(first.refreshed).toEqual(['PAY/svc catalog-info.yaml?at=trunk']);
  });

  it('is asked for once more where it could not be told', async () => {
    const { bitbucket, push, idle, asked } = await startEvents();
    const match = { kind: 'default-branch' } as const;
    bitbucket.faults.add({ match, times: 1, effect: { type: 'status', status: 403 } });
    await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'x'));
    await idle();
    expect(asked()).toEqual({ 'default-branch': 2, ...EVALUATION });
  });
});
