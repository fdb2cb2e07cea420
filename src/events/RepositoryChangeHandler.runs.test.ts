/** Events and runs beside each other, and several providers on one repository. */

import {
  CATALOG_FILE,
  EventScene,
  EventSceneOptions,
  startEvents,
} from './__testUtils__/eventScene';

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const here = (slug: string, projectKey = 'PAY') => ({ projectKey, slug });
const DB_CHECK = { kind: 'file-check', repositorySlug: 'db' } as const;

/** A run that has checked everything but `db`, whose answer takes 20 seconds. */
async function startSlowRun(options: EventSceneOptions = {}) {
  const scene = await startEvents({ repositories: [here('new')], ...options });
  const { bitbucket, clock, first } = scene;
  const effect = { type: 'delay', ms: 20 * SECOND } as const;
  bitbucket.faults.add({ match: DB_CHECK, times: 1, effect });
  const running = first.provider.refresh();
  await clock.advance(SECOND);
  expect(scene.asked()).toEqual({ repositories: 1, 'file-check': 4 });
  const finishRun = async () => {
    await clock.run(running);
    expect(
      first.connection.mutations.filter(mutation => mutation.type === 'full'),
    ).toHaveLength(2);
  };
  return { ...scene, finishRun };
}

/**
 * Runs once; something happens when the catalog is about to be given the outcome, which
 * takes a second then.
 */
async function runWithConcurrentEvent(scene: EventScene, happen: () => Promise<unknown>) {
  const { clock, first } = scene;
  const { applyMutation } = first.connection;
  let happening: Promise<unknown> = Promise.resolve();
  first.connection.applyMutation = async mutation => {
    if (mutation.type === 'full') {
      first.connection.applyMutation = applyMutation;
      happening = happen();
      await clock.sleep(SECOND);
    }
    await applyMutation(mutation);
  };
  await scene.run();
  await clock.run(happening);
}

/** Evaluates a repository as an event does, a millisecond later. */
async function evaluateLater({ clock, first }: EventScene, slug: string) {
  const { evaluator, context } = first;
  await clock.sleep(1);
  const client = context.clients.createForEvent();
  await evaluator.evaluate({ address: here(slug) }, client);
}

describe('a run during which an event arrives', () => {
  it('keeps files that the event added after the check of the run', async () => {
    const scene = await startSlowRun();
    const { bitbucket, clock, first, finishRun, push } = scene;
    await push('new', bitbucket.writeFile('PAY', 'new', CATALOG_FILE, 'x'));
    await clock.advance(5 * SECOND);
    expect(first.holds()).toContain('PAY/new');
    await finishRun();
    expect(first.mutations).toEqual([{ added: ['PAY/new'], removed: [] }]);
    expect(first.holds()).toEqual(['PAY/api', 'PAY/db', 'PAY/new', 'PAY/web']);
    await scene.run();
    expect(first.holds()).toEqual(['PAY/api', 'PAY/db', 'PAY/new', 'PAY/web']);
  });

  it('does not restore files that the event removed after the check of the run', async () => {
    const scene = await startSlowRun();
    const { bitbucket, clock, first, finishRun, push } = scene;
    await push('api', bitbucket.removeFile('PAY', 'api', CATALOG_FILE));
    await clock.advance(5 * SECOND);
    await finishRun();
    expect(first.mutations).toEqual([{ added: [], removed: ['PAY/api'] }]);
    expect(first.holds()).toEqual(['PAY/db', 'PAY/web']);
    await scene.run();
    expect(first.holds()).toEqual(['PAY/db', 'PAY/web']);
  });

  it.each([-HOUR, HOUR])(
    'keeps what the event did although the clock was set by %i ms in between',
    async ms => {
      const scene = await startSlowRun();
      const { bitbucket, clock, first, finishRun, push } = scene;
      clock.setTime(clock.now() + ms);
      await push('new', bitbucket.writeFile('PAY', 'new', CATALOG_FILE, 'x'));
      await push('api', bitbucket.removeFile('PAY', 'api', CATALOG_FILE));
      await clock.advance(5 * SECOND);
      await finishRun();
      expect(first.holds()).toEqual(['PAY/db', 'PAY/new', 'PAY/web']);
      await scene.run();
      expect(first.holds()).toEqual(['PAY/db', 'PAY/new', 'PAY/web']);
    },
  );

  it('does not restore files that are gone since the check of the run', async () => {
    const scene = await startSlowRun();
    const { bitbucket, clock, first, finishRun, deliverAppEvent } = scene;
    const json = bitbucket.repositoryJson('PAY', 'api');
    bitbucket.deleteRepository('PAY', 'api');
    await deliverAppEvent('repo:deleted', json);
    await clock.advance(5 * SECOND);
    await finishRun();
    expect(first.holds()).toEqual(['PAY/db', 'PAY/web']);
    await scene.run();
    expect(first.holds()).toEqual(['PAY/db', 'PAY/web']);
  });

  it('keeps a repository at the address to which it was renamed meanwhile', async () => {
    const scene = await startSlowRun();
    const { bitbucket, clock, first, finishRun, modify } = scene;
    await modify('api', () => bitbucketRename(scene, 'api', 'gateway'));
    await clock.advance(5 * SECOND);
    await finishRun();
    expect(first.holds()).toEqual(['PAY/db', 'PAY/gateway', 'PAY/web']);
    expect(bitbucket.findRepository('PAY', 'gateway')).toBeDefined();
  });

  it('checks a repository itself if an event had no result', async () => {
    const scene = await startSlowRun();
    const { bitbucket, clock, first, finishRun, push } = scene;
    await push('db', bitbucket.removeFile('PAY', 'db', CATALOG_FILE));
    await clock.advance(5 * SECOND);
    expect(first.mutations).toEqual([{ added: [], removed: ['PAY/db'] }]);
    await finishRun();
    expect(first.holds()).toEqual(['PAY/api', 'PAY/web']);
  });
});

function bitbucketRename({ bitbucket }: EventScene, slug: string, newSlug: string) {
  bitbucket.renameRepository('PAY', slug, newSlug);
  return here(newSlug);
}

describe('an event between the end of a run and its mutation', () => {
  it('adds its files after the run', async () => {
    const scene = await startEvents({ repositories: [here('new')] });
    await runWithConcurrentEvent(scene, async () => {
      scene.bitbucket.writeFile('PAY', 'new', CATALOG_FILE, 'x');
      await evaluateLater(scene, 'new');
    });
    expect(scene.first.mutations).toEqual([{ added: ['PAY/new'], removed: [] }]);
    expect(scene.first.holds()).toContain('PAY/new');
    await scene.run();
    expect(scene.first.holds()).toContain('PAY/new');
  });

  it('removes files after the run', async () => {
    const scene = await startEvents();
    await runWithConcurrentEvent(scene, async () => {
      scene.bitbucket.removeFile('PAY', 'api', CATALOG_FILE);
      await evaluateLater(scene, 'api');
    });
    expect(scene.first.mutations).toEqual([{ added: [], removed: ['PAY/api'] }]);
    expect(scene.first.holds()).toEqual(['PAY/db', 'PAY/web']);
  });

  it('changes nothing if it finds nothing new', async () => {
    const scene = await startEvents();
    await runWithConcurrentEvent(scene, () => evaluateLater(scene, 'api'));
    expect(scene.first.mutations).toEqual([]);
    expect(scene.first.holds()).toHaveLength(3);
  });
});

describe('two providers on one repository', () => {
  const providers = { active: { filters: { skipArchivedRepos: true } }, every: {} };

  it('both handle an event', async () => {
    const scene = await startEvents({ providers, repositories: [here('new')] });
    const { bitbucket, push, idle, all } = scene;
    await push('new', bitbucket.writeFile('PAY', 'new', CATALOG_FILE, 'x'));
    await idle();
    for (const provider of all) {
      expect(provider.mutations).toEqual([{ added: ['PAY/new'], removed: [] }]);
    }
    expect(scene.results).toEqual(['evaluated']);
  });

  it('share the default branch that one of them has requested', async () => {
    const scene = await startEvents({ providers });
    const { bitbucket, push, idle, asked, forget } = scene;
    await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'x'));
    await idle();
    expect(asked()['default-branch']).toBeLessThanOrEqual(2);
    forget();
    await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'y'));
    await idle();
    expect(asked()).toEqual({ repository: 2, 'file-check': 2 });
  });

  it('emit it again through the other one when the first one releases it', async () => {
    const scene = await startEvents({ providers });
    const { bitbucket, modify, idle } = scene;
    await modify('api', () => {
      bitbucket.archiveRepository('PAY', 'api');
      return here('api');
    });
    await idle();
    const [active, every] = scene.all;
    expect(active?.mutations).toEqual([{ added: [], removed: ['PAY/api'] }]);
    expect(active?.holds()).toEqual(['PAY/db', 'PAY/web']);
    expect(every?.mutations).toEqual([{ added: ['PAY/api'], removed: [] }]);
    expect(every?.holds()).toHaveLength(3);
  });

  it('both remove a missing file', async () => {
    const scene = await startEvents({ providers });
    const { bitbucket, push, idle } = scene;
    await push('api', bitbucket.removeFile('PAY', 'api', CATALOG_FILE));
    await idle();
    for (const provider of scene.all) {
      expect(provider.holds()).toEqual(['PAY/db', 'PAY/web']);
    }
  });

  it('both receive an event that concerns only one of them', async () => {
    const some = { pay: { filters: { projectKey: '^PAY$' } }, ops: { branch: 'ops' } };
    const scene = await startEvents({ providers: some });
    const { bitbucket, push, idle, asked } = scene;
    await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'x'));
    await idle();
    expect(asked()).toEqual({ 'default-branch': 1, repository: 1, 'file-check': 1 });
    expect(scene.results).toEqual(['evaluated']);
  });
});
