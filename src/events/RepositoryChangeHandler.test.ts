/** Whose events cost requests, which of them, and how many. */

import { createSimulatedBitbucket, NO_COMMIT } from '../../dev/simulatedBitbucket';
import { InProcessEventStore } from './__testUtils__/InProcessEventStore';
import { HOSTILE_VALUES, pushPayload } from './__testUtils__/payloads';
import { REPOSITORY_EVENT_KEYS } from './webhookTopics';
import {
  CATALOG_FILE,
  EventScene,
  EventSceneOptions,
  startEvents,
} from './__testUtils__/eventScene';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const here = (slug: string, projectKey = 'PAY') => ({ projectKey, slug });

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
  it('at the same time lead to one evaluation', async () => {
    const { bitbucket, push, idle, asked, clock, results } = await startEvents();
    for (let index = 0; index < 500; index += 1) {
      await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, `v${index}`));
    }
    await idle();
    expect(asked()).toEqual({ 'default-branch': 1, ...EVALUATION });
    expect(results).toEqual(Array.from({ length: 500 }, () => 'evaluated'));
    expect(clock.sleeping).toBe(0);
  });

  it('on two topics lead to one evaluation also while no replica can claim them', async () => {
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

  it('over 50 seconds lead to at most a dozen evaluations', async () => {
    const { bitbucket, push, idle, asked, clock } = await startEvents();
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
    expect(clock.sleeping).toBe(0);
  });

  it('to many repositories lead to one evaluation each', async () => {
    const { bitbucket, push, idle, asked } = await startEvents();
    for (const slug of ['api', 'web', 'db', 'API', 'api']) {
      await push(slug, bitbucket.writeFile('PAY', slug, CATALOG_FILE, slug));
    }
    await idle();
    expect(asked()).toEqual({ 'default-branch': 3, repository: 3, 'file-check': 3 });
  });

  it('lead to the state after the last one', async () => {
    const { bitbucket, push, idle, first } = await startEvents();
    await push('api', bitbucket.removeFile('PAY', 'api', CATALOG_FILE));
    await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'again'));
    await idle();
    expect(first.mutations).toEqual([]);
    expect(first.refreshed).toEqual(['PAY/api']);
  });

  it('lead to another evaluation if one arrives during the first', async () => {
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

describe('an irrelevant push', () => {
  it('causes no request if it is to another branch', async () => {
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
  ])('causes no request if it is %s', async (_, change) => {
    for (const scene of [await startEvents(), await knowDefaultBranch()]) {
      await scene.push('api', { ...change, type: 'TAG' });
      await scene.idle();
      expect(scene.asked()).toEqual({});
      expect(scene.results).toEqual(['ignored']);
    }
  });

  it('causes no request if the filters exclude the repository', async () => {
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

  it('changes the catalog if one of several branches is relevant', async () => {
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
  it('is requested once, also if the push was to another branch', async () => {
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

  it('leads to a check if it does not exist, or if nothing was ever pushed', async () => {
    const scene = await startEvents({
      repositories: [{ projectKey: 'PAY', slug: 'new', empty: true }],
    });
    const { bitbucket, push, idle, first } = scene;
    await push('new', bitbucket.writeFile('PAY', 'new', CATALOG_FILE, 'x'));
    await idle();
    expect(first.mutations).toEqual([{ added: ['PAY/new'], removed: [] }]);
  });

  it('is never requested if a branch is configured', async () => {
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

  it('is requested again if the first request failed', async () => {
    const { bitbucket, push, idle, asked } = await startEvents();
    const match = { kind: 'default-branch' } as const;
    bitbucket.faults.add({ match, times: 1, effect: { type: 'status', status: 403 } });
    await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'x'));
    await idle();
    expect(asked()).toEqual({ 'default-branch': 2, ...EVALUATION });
  });
});

/** A push to the default branch as an old server tells of it: without links. */
async function pushWithoutLinks({ bitbucket, deliverPayload }: EventScene, other = {}) {
  const { id, slug } = bitbucket.getRepository('PAY', 'api');
  const repository = { id, slug, project: { key: 'PAY' }, ...other };
  await deliverPayload(pushPayload({ repository }));
}

describe('an event of another server', () => {
  it.each([
    'http://elsewhere.test',
    'http://bitbucket.test:8080',
    'http://bitbucket.test/b',
  ])('at %s causes no request', async baseUrl => {
    const scene = await startEvents();
    const other = createSimulatedBitbucket({ baseUrl });
    other.addRepository(here('api'));
    const changes = [other.writeFile('PAY', 'api', CATALOG_FILE, 'x')];
    const old = other.projectJson('PAY') ?? {};
    const json = other.repositoryJson('PAY', 'api');
    await scene.deliver(other.webhook('repo:refs_changed', { ...here('api'), changes }));
    await scene.deliver(other.webhook('repo:forked', here('api')));
    await scene.deliver(other.webhook('project:modified', { projectKey: 'PAY', old }));
    await scene.deliverAppEvent('repo:deleted', json);
    await scene.idle();
    expect(scene.asked()).toEqual({});
    expect(new Set(scene.results)).toEqual(new Set(['ignored']));
  });

  it('counts as ours if the listing contains that base URL', async () => {
    const scene = await startEvents({
      bitbucket: { linkBaseUrl: 'https://git.corp.test/bitbucket' },
    });
    const { bitbucket, push, idle, first } = scene;
    await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'x'));
    await idle();
    expect(first.refreshed).toEqual(['PAY/api']);
    expect(first.connection.targets()[0]).toMatch(/^http:\/\/bitbucket\.test\//);
  });

  it('does not count as ours before a listing contains that base URL', async () => {
    const scene = await startEvents({
      bitbucket: { linkBaseUrl: 'https://git.corp.test/bitbucket' },
      beforeFirstRun: true,
    });
    await scene.push('api', scene.bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'x'));
    await scene.idle();
    expect(scene.asked()).toEqual({});
  });
});

describe('an event without a link', () => {
  it('counts as ours if id, project and slug are known', async () => {
    const scene = await startEvents();
    await pushWithoutLinks(scene);
    await scene.idle();
    expect(scene.first.refreshed).toEqual(['PAY/api']);
  });

  it.each([
    ['the id of another repository', { id: 2 }],
    ['no id', { id: undefined }],
  ])('does not count as ours with %s', async (_, other) => {
    const scene = await startEvents();
    await pushWithoutLinks(scene, other);
    await scene.idle();
    expect(scene.asked()).toEqual({});
    expect(scene.results).toEqual(['ignored']);
  });

  it('counts as ours for a project with a known repository', async () => {
    const scene = await startEvents();
    for (const key of ['PAY', 'OPS']) {
      const payload = { eventKey: 'project:modified', new: { id: 1, key } };
      await scene.deliverPayload(payload);
    }
    await scene.idle();
    expect(scene.asked()).toEqual({ 'project-repositories': 1, 'file-check': 3 });
  });
});

describe('a hostile payload', () => {
  it.each(REPOSITORY_EVENT_KEYS)(
    'of %s costs no request and does not throw',
    async eventKey => {
      const scene = await startEvents();
      const shapes = HOSTILE_VALUES.flatMap(([, value]) => [
        value,
        { repository: value, changes: value },
        { repository: { slug: value, project: value, links: value }, changes: [value] },
        { old: value, new: value },
        { new: { key: value, slug: value, project: { key: value } } },
      ]);
      for (const shape of shapes) {
        await scene.deliverPayload(shape, eventKey);
        await scene.deliverPayload(shape);
      }
      await scene.idle();
      expect(scene.asked()).toEqual({});
      expect(scene.first.mutations).toEqual([]);
      expect(scene.logger.messages('warn')).toEqual([]);
    },
  );

  it('with a path in a slug causes no request', async () => {
    const scene = await startEvents();
    const { links } = scene.bitbucket.repositoryJson('PAY', 'api');
    for (const slug of ['../../admin', '..', '..%2f..', 'a/b', 'a\nb', '']) {
      const repository = { id: 1, slug, project: { key: 'PAY' }, links };
      await scene.deliverAppEvent('repo:deleted', repository);
    }
    await scene.idle();
    expect(scene.asked()).toEqual({});
    expect(scene.results.every(result => result === 'malformed')).toBe(true);
  });

  it('with a thousand invented repositories leaves no state behind', async () => {
    const scene = await startEvents();
    for (let index = 0; index < 1_000; index += 1) {
      const repository = {
        id: 1_000 + index,
        slug: `x${index}`,
        project: { key: 'PAY' },
      };
      await scene.deliverPayload(pushPayload({ repository }));
    }
    await scene.idle();
    expect(scene.asked()).toEqual({});
    expect(scene.clock.sleeping).toBe(0);
  });
});
