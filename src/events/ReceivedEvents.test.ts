/** What is noted of the webhooks that come, and what runs find that none had announced. */

import { createTestStore, openWebhooks } from '../__testUtils__/testStores';
import { ProjectWebhooks, WebhookStore } from '../store/WebhookStore';
import { CATALOG_FILE, EventScene, startEvents } from './__testUtils__/eventScene';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

async function webhooks({ store }: EventScene): Promise<ProjectWebhooks[]> {
  return (await openWebhooks(store)?.load('default')) ?? [];
}

/** Of project PAY. */
async function pay(scene: EventScene): Promise<ProjectWebhooks | undefined> {
  return (await webhooks(scene)).find(project => project.projectKey === 'PAY');
}

/** A store that counts what is written. */
function createCountingStore() {
  const store = createTestStore();
  const inner = openWebhooks(store);
  const written: string[] = [];
  const counting: Pick<WebhookStore, 'recordEvent'> = {
    async recordEvent(...event) {
      written.push(event[1]);
      await inner?.recordEvent(...event);
    },
  };
  return { store, counting, written };
}

describe('received webhooks', () => {
  it.each([
    [
      'a push that changes the file',
      async ({ bitbucket, push }: EventScene) =>
        push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'x')),
    ],
    [
      'a push to another branch',
      async ({ bitbucket, push }: EventScene) =>
        push('api', bitbucket.createBranch('PAY', 'api', 'feature')),
    ],
    [
      'a change of the project',
      async ({ bitbucket, deliver }: EventScene) => {
        const old = bitbucket.projectJson('PAY') ?? {};
        await deliver(bitbucket.webhook('project:modified', { projectKey: 'PAY', old }));
      },
    ],
  ])('are recorded for a project after %s', async (_, happen) => {
    const scene = await startEvents();
    expect(await pay(scene)).toMatchObject({ registered: 3, lastEventAtMs: undefined });
    const atMs = scene.clock.now();

    await happen(scene);
    await scene.idle();

    expect(await pay(scene)).toMatchObject({ registered: 3, lastEventAtMs: atMs });
  });

  it('are recorded for a new project once its repository is known', async () => {
    const scene = await startEvents();
    const { bitbucket, clock, deliver } = scene;
    bitbucket.addRepository({ projectKey: 'NEW', slug: 'first' });
    const change = bitbucket.writeFile('NEW', 'first', CATALOG_FILE, 'x');
    const atMs = clock.now();

    const details = { projectKey: 'NEW', slug: 'first', changes: [change] };
    await deliver(bitbucket.webhook('repo:refs_changed', details));
    await scene.idle();

    expect(await webhooks(scene)).toContainEqual({
      projectKey: 'NEW',
      registered: 0,
      unannounced: 0,
      lastEventAtMs: atMs,
    });
  });

  it('lead to one write per minute, however many arrive', async () => {
    const { store, counting, written } = createCountingStore();
    const scene = await startEvents({ store, webhooks: counting });
    const { bitbucket, clock, push } = scene;
    for (let index = 0; index < 50; index += 1) {
      await push('api', bitbucket.createBranch('PAY', 'api', `feature-${index}`));
    }
    await scene.idle();
    expect(written).toEqual(['PAY']);

    await clock.advance(MINUTE);
    await push('web', bitbucket.createBranch('PAY', 'web', 'feature'));
    await scene.idle();

    expect(written).toEqual(['PAY', 'PAY']);
  });

  it('are not recorded for invented projects or another server', async () => {
    const { store, counting, written } = createCountingStore();
    const scene = await startEvents({ store, webhooks: counting });
    const { bitbucket, deliverPayload } = scene;
    const repository = bitbucket.repositoryJson('PAY', 'api');
    const elsewhere = JSON.stringify(repository).replaceAll(
      bitbucket.baseUrl,
      'https://elsewhere.example.com',
    );
    const withoutLinks = { id: 99, slug: 'api', project: { key: 'PAY' } };
    const changes = [{}];
    for (const about of [
      JSON.parse(elsewhere),
      withoutLinks,
      ...Array.from({ length: 30 }, (_, index) => ({
        ...repository,
        project: { key: `P${index}` },
      })),
    ]) {
      await deliverPayload({ repository: about, changes }, 'repo:refs_changed');
    }
    await scene.idle();

    expect(written).toEqual([]);
    expect((await webhooks(scene)).map(project => project.projectKey)).toEqual(['PAY']);
  });

  it('count without links if the repository is known by id and address', async () => {
    const scene = await startEvents();
    const repository = scene.bitbucket.repositoryJson('PAY', 'api');

    const about = { id: repository.id, slug: 'api', project: { key: 'PAY' } };
    await scene.deliverPayload({ repository: about, changes: [{}] }, 'repo:refs_changed');
    await scene.idle();

    expect((await pay(scene))?.lastEventAtMs).toBeDefined();
  });

  it('are handled although one cannot be recorded, and the next one is recorded', async () => {
    const { store, counting, written } = createCountingStore();
    let isAway = true;
    const failing = {
      ...counting,
      async recordEvent(...event: Parameters<WebhookStore['recordEvent']>) {
        if (isAway) {
          throw new Error('the database is away');
        }
        await counting.recordEvent(...event);
      },
    };
    const scene = await startEvents({ store, webhooks: failing });
    const { bitbucket, logger, push, results } = scene;
    await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'x'));
    await scene.idle();
    expect(results).toEqual(['evaluated']);
    expect(logger.text()).toContain('the database is away');

    isAway = false;
    await push('web', bitbucket.writeFile('PAY', 'web', CATALOG_FILE, 'x'));
    await scene.idle();

    expect(written).toEqual(['PAY']);
  });
});

describe('a run', () => {
  it('counts no files of the first run as unannounced', async () => {
    const scene = await startEvents();
    expect(await pay(scene)).toMatchObject({ registered: 3, unannounced: 0 });
  });

  it('counts changes that no event had announced', async () => {
    const scene = await startEvents();
    const { bitbucket, clock } = scene;
    bitbucket.removeFile('PAY', 'api', CATALOG_FILE);
    await scene.run();

    const found = await pay(scene);
    expect(found).toMatchObject({ registered: 2, unannounced: 1 });
    expect(found?.lastUnannouncedAtMs).toBeLessThanOrEqual(clock.now());

    await scene.run();
    expect(await pay(scene)).toEqual(found);
  });

  it('does not count changes that an event has added, nor those announced but not added', async () => {
    const scene = await startEvents({
      repositories: [{ projectKey: 'PAY', slug: 'new' }],
    });
    const { bitbucket, clock, push } = scene;
    await push('new', bitbucket.writeFile('PAY', 'new', CATALOG_FILE, 'x'));
    await scene.idle();
    await scene.run();
    expect(await pay(scene)).toMatchObject({ registered: 4, unannounced: 0 });

    await clock.advance(10 * MINUTE);
    bitbucket.faults.add({
      match: { path: /\/repos\/new/ },
      times: 100,
      effect: { type: 'status', status: 500 },
    });
    await push('new', bitbucket.removeFile('PAY', 'new', CATALOG_FILE));
    await scene.idle();
    bitbucket.faults.clear();
    await scene.run();

    expect(await pay(scene)).toMatchObject({ registered: 3, unannounced: 0 });
  });

  it('counts nothing after a failed one, since changes may be older', async () => {
    const scene = await startEvents();
    const { bitbucket, clock, first } = scene;
    bitbucket.faults.add({
      match: { kind: 'repositories' },
      effect: { type: 'status', status: 401 },
    });
    await expect(clock.run(first.provider.refresh())).rejects.toThrow();
    bitbucket.faults.clear();
    bitbucket.removeFile('PAY', 'api', CATALOG_FILE);
    await clock.advance(10 * MINUTE);

    await scene.run();

    expect(await pay(scene)).toMatchObject({ registered: 2, unannounced: 0 });
  });
});
