/** Events about whole projects. */

import { CATALOG_FILE, EventScene, startEvents } from './__testUtils__/eventScene';

const MINUTE = 60_000;
const here = (slug: string, projectKey = 'PAY') => ({ projectKey, slug });
const ONE_LISTING = { 'project-repositories': 1 };

/** Delivers `project:modified`, made by a change. */
async function modifyProject(
  { bitbucket, deliver }: EventScene,
  change: () => string = () => 'PAY',
) {
  const old = bitbucket.projectJson('PAY') ?? {};
  const projectKey = change();
  await deliver(bitbucket.webhook('project:modified', { projectKey, old }));
}

function renameProject(scene: EventScene, newKey: string) {
  return modifyProject(scene, () => {
    scene.bitbucket.renameProject('PAY', newKey);
    return newKey;
  });
}

/** By what they remove, as the order of answers does not matter. */
function sorted(mutations: readonly { removed: readonly string[] }[]) {
  return [...mutations].sort((a, b) =>
    String(a.removed).localeCompare(String(b.removed)),
  );
}

describe('a project that was modified', () => {
  it('is listed once, and each of its repositories is checked with one request', async () => {
    const scene = await startEvents({
      repositories: [{ ...here('tool', 'OPS'), files: { [CATALOG_FILE]: 'x' } }],
    });
    await modifyProject(scene);
    await scene.idle();
    expect(scene.asked()).toEqual({ ...ONE_LISTING, 'file-check': 3 });
    expect(scene.first.mutations).toEqual([]);
    expect(scene.first.refreshed.sort()).toEqual(['PAY/api', 'PAY/db', 'PAY/web']);
  });

  it('has its labels read in bulk, not for each of its repositories', async () => {
    const files = { [CATALOG_FILE]: 'x' };
    const scene = await startEvents({
      slugs: ['web', 'db'],
      repositories: [{ ...here('api'), files, labels: ['service'] }],
      config: { filters: { labels: ['service'] } },
    });
    await modifyProject(scene);
    await scene.idle();
    expect(scene.asked()).toEqual({ ...ONE_LISTING, labels: 1, 'file-check': 1 });
    expect(scene.first.refreshed).toEqual(['PAY/api']);
  });

  it('is listed again if its labels could not be read, and loses nothing', async () => {
    const files = { [CATALOG_FILE]: 'x' };
    const scene = await startEvents({
      slugs: [],
      repositories: [{ ...here('api'), files, labels: ['service'] }],
      config: { filters: { labels: ['service'] } },
    });
    const effect = { type: 'status', status: 401 } as const;
    scene.bitbucket.faults.add({ match: { kind: 'labels' }, effect, times: 2 });
    await modifyProject(scene);
    await scene.idle();
    expect(scene.asked()).toMatchObject({ 'project-repositories': 3, 'file-check': 1 });
    expect(scene.first.mutations).toEqual([]);
    expect(scene.first.holds()).toEqual(['PAY/api']);
  });

  it('is listed once for several simultaneous events, also page by page', async () => {
    const scene = await startEvents({ bitbucket: { pageCaps: { repositories: 2 } } });
    await modifyProject(scene);
    await scene.clock.advance(100);
    await modifyProject(scene);
    await scene.idle();
    expect(scene.asked()).toEqual({ 'project-repositories': 2, 'file-check': 3 });
  });

  it('is listed immediately under a key that Bitbucket has just reported as missing', async () => {
    const scene = await startEvents();
    const old = scene.bitbucket.projectJson('PAY') ?? {};
    const { headers, body } = scene.bitbucket.webhook('project:modified', {
      projectKey: 'PAY',
      old,
    });
    await scene.deliver({ headers, body: body.replaceAll('PAY', 'MONEY') });
    await scene.idle();
    expect(scene.asked()['project-repositories']).toBe(1);
    await renameProject(scene, 'MONEY');
    await scene.idle();
    expect(scene.first.holds()).toEqual(['MONEY/api', 'MONEY/db', 'MONEY/web']);
  });

  it('is replaced in one mutation per repository if it was renamed', async () => {
    const scene = await startEvents();
    await renameProject(scene, 'MONEY');
    await scene.idle();
    expect(sorted(scene.first.mutations)).toEqual([
      { added: ['MONEY/api'], removed: ['PAY/api'] },
      { added: ['MONEY/db'], removed: ['PAY/db'] },
      { added: ['MONEY/web'], removed: ['PAY/web'] },
    ]);
    // Who is at each former address is asked before it goes.
    expect(scene.asked()).toEqual({ ...ONE_LISTING, 'file-check': 3, repository: 3 });
    expect(scene.published.map(event => event.type)).toEqual(
      Array.from({ length: 3 }, () => 'repository.moved'),
    );
  });

  it('loses its Locations if it was renamed out of scope', async () => {
    const scene = await startEvents({
      config: {
        filters: { projectKey: '^(PAY|OPS)$' },
        removals: { maxPercentage: 100 },
      },
    });
    await renameProject(scene, 'MONEY');
    await scene.idle();
    expect(scene.first.holds()).toEqual([]);
    expect(scene.asked()).toEqual({ ...ONE_LISTING, repository: 3 });
  });

  it('causes no request if it is out of scope', async () => {
    const scene = await startEvents({
      config: { filters: { projectKey: '^PAY$' } },
      repositories: [here('tool', 'OPS')],
    });
    const { bitbucket, deliver } = scene;
    const old = bitbucket.projectJson('OPS') ?? {};
    await deliver(bitbucket.webhook('project:modified', { projectKey: 'OPS', old }));
    await scene.idle();
    expect(scene.asked()).toEqual({});
  });

  it('has repositories that are missing from its listing confirmed by one request each', async () => {
    const scene = await startEvents();
    scene.bitbucket.deleteRepository('PAY', 'api');
    await modifyProject(scene);
    await scene.idle();
    expect(scene.asked()).toEqual({ ...ONE_LISTING, repository: 1, 'file-check': 2 });
    expect(scene.first.mutations).toEqual([{ added: [], removed: ['PAY/api'] }]);
  });

  it('keeps repositories that are missing from its listing and not readable', async () => {
    const scene = await startEvents();
    scene.bitbucket.faults.add({
      match: { repositorySlug: 'api' },
      effect: { type: 'status', status: 401 },
    });
    scene.bitbucket.deleteRepository('PAY', 'api');
    await modifyProject(scene);
    await scene.idle();
    expect(scene.first.mutations).toEqual([]);
    expect(scene.first.holds()).toHaveLength(3);
    expect(scene.logger.messages('warn')).toEqual([
      expect.stringMatching(/^PAY\/api could not be checked/),
    ]);
  });

  it('is listed again if that has failed', async () => {
    const scene = await startEvents();
    const match = { kind: 'project-repositories' } as const;
    const effect = { type: 'status', status: 403 } as const;
    scene.bitbucket.faults.add({ match, effect, times: 2 });
    scene.bitbucket.deleteRepository('PAY', 'api');
    await modifyProject(scene);
    await scene.clock.advance(1_000);
    expect(scene.asked()).toMatchObject(ONE_LISTING);
    await scene.idle();
    expect(scene.asked()['project-repositories']).toBe(3);
    expect(scene.first.mutations).toEqual([{ added: [], removed: ['PAY/api'] }]);
  });

  it('does not delay a push to a repository of another one', async () => {
    const tool = here('tool', 'OPS');
    const scene = await startEvents({
      slugs: Array.from({ length: 200 }, (_, index) => `svc-${index}`),
      repositories: [{ ...tool, files: { [CATALOG_FILE]: 'x' } }],
      bitbucket: { latencyMs: 1_000 },
    });
    const { bitbucket, clock, deliver, first } = scene;
    await modifyProject(scene);
    await clock.advance(3_000);
    const changes = [bitbucket.writeFile('OPS', 'tool', CATALOG_FILE, 'y')];
    await deliver(bitbucket.webhook('repo:refs_changed', { ...tool, changes }));
    await clock.advance(5_000);
    expect(first.refreshed).toContain('OPS/tool');
    expect(first.refreshed.length).toBeLessThan(50);
    scene.shutDown();
    await clock.settle();
  });

  it('removes nothing if the listing breaks off', async () => {
    const scene = await startEvents({ bitbucket: { pageCaps: { repositories: 2 } } });
    const match = { kind: 'project-repositories', start: 2 } as const;
    const effect = { type: 'status', status: 401 } as const;
    scene.bitbucket.faults.add({ match, effect });
    await modifyProject(scene);
    await scene.idle();
    expect(scene.first.mutations).toEqual([]);
    expect(scene.asked()['file-check']).toBeUndefined();
    expect(scene.logger.messages('warn')).toEqual([
      expect.stringMatching(/^Project PAY could not be checked/),
    ]);
    expect(scene.clock.sleeping).toBe(0);
    expect(scene.clock.now()).toBeLessThan(Date.UTC(2024, 0, 1) + 15 * MINUTE);
  });

  it('has each repository checked as described by the last event', async () => {
    const scene = await startEvents();
    const { bitbucket, first, idle, modify } = scene;
    await modifyProject(scene);
    await scene.clock.advance(600);
    await modify('api', () => {
      bitbucket.renameRepository('PAY', 'api', 'gateway');
      return here('gateway');
    });
    await idle();
    expect(first.holds()).toEqual(['PAY/db', 'PAY/gateway', 'PAY/web']);
  });
});

describe('an unknown project', () => {
  it('is listed once if it does not exist, and then ignored for ten minutes', async () => {
    const scene = await startEvents();
    const { bitbucket, clock } = scene;
    bitbucket.addProject({ key: 'NOBODY', name: 'Nobody' });
    const old = bitbucket.projectJson('NOBODY') ?? {};
    const webhook = bitbucket.webhook('project:modified', { projectKey: 'NOBODY', old });
    bitbucket.deleteProject('NOBODY');
    for (let minute = 0; minute < 10; minute += 1) {
      const body = JSON.stringify({ ...JSON.parse(webhook.body), minute });
      await scene.deliver({ ...webhook, body });
      await clock.advance(MINUTE);
    }
    expect(scene.asked()).toEqual(ONE_LISTING);
  });

  it('is listed immediately, but many of them hardly faster than one per second', async () => {
    const scene = await startEvents();
    const json = JSON.stringify(scene.bitbucket.projectJson('PAY'));
    for (let index = 0; index < 500; index += 1) {
      const project: object = JSON.parse(json.replaceAll('PAY', `X${index}`));
      const payload = { eventKey: 'project:modified', new: { ...project, id: index } };
      await scene.deliverPayload(payload, 'project:modified');
    }
    await scene.clock.advance(MINUTE);
    expect(scene.asked()['project-repositories']).toBeLessThanOrEqual(60 + 60);
    await scene.idle();
    expect(scene.asked()).toEqual({ 'project-repositories': 500 });
    expect(scene.results).toHaveLength(500);
  });
});

describe('a project that claims to be another one after a rename', () => {
  async function claim(change: (scene: EventScene) => void) {
    const scene = await startEvents({
      repositories: [{ ...here('own', 'OPS'), files: { [CATALOG_FILE]: 'x' } }],
    });
    change(scene);
    const payload = {
      eventKey: 'project:modified',
      old: { key: 'PAY' },
      new: scene.bitbucket.projectJson('OPS'),
    };
    await scene.deliverPayload(payload, 'project:modified');
    await scene.idle();
    return scene;
  }

  it('removes nothing of it, and causes no requests for its repositories', async () => {
    const scene = await claim(() => undefined);
    expect(scene.first.mutations).toEqual([]);
    expect(scene.first.holds()).toHaveLength(4);
    expect(scene.asked()).toEqual({ ...ONE_LISTING, 'file-check': 1 });
  });

  it('removes nothing of it if the account may not see it', async () => {
    const scene = await claim(({ bitbucket }) => {
      const effect = { type: 'status', status: 401 } as const;
      bitbucket.faults.add({ match: { projectKey: 'PAY' }, effect });
    });
    expect(scene.first.mutations).toEqual([]);
    expect(scene.first.holds()).toHaveLength(4);
    expect(scene.asked()).toEqual({ ...ONE_LISTING, 'file-check': 1 });
  });

  it('leaves repositories that the other one has lost to the next run', async () => {
    const scene = await claim(({ bitbucket }) => bitbucket.deleteProject('PAY'));
    expect(scene.first.mutations).toEqual([]);
    expect(scene.asked()).toEqual({ ...ONE_LISTING, 'file-check': 1 });
  });
});
