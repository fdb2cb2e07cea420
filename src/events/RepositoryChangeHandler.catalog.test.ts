/** What an event changes in the catalog. */

import { CATALOG_FILE, EventScene, startEvents } from './__testUtils__/eventScene';

const HOUR = 3_600_000;
const GLOBS = { catalogPath: '**/*.yaml' };

/** Where the repository is now. */
const here = (slug: string, projectKey = 'PAY') => ({ projectKey, slug });

async function getHeld({ store }: EventScene) {
  return (await store.load('default'))?.held ?? [];
}

describe('a push', () => {
  it('adds the Location of a new catalog file', async () => {
    const scene = await startEvents({ repositories: [{ ...here('new') }] });
    const { bitbucket, push, idle, first } = scene;
    await push('new', bitbucket.writeFile('PAY', 'new', CATALOG_FILE, 'x'));
    await idle();
    expect(first.mutations).toEqual([{ added: ['PAY/new'], removed: [] }]);
    expect(first.refreshed).toEqual([]);
    expect(scene.logger.messages('info').at(-1)).toMatch(/PAY\/new .*1 added/);
  });

  it('makes the catalog read a changed file again', async () => {
    const { bitbucket, push, idle, first } = await startEvents();
    await push('api', bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'new'));
    await idle();
    expect(first.mutations).toEqual([]);
    expect(first.refreshed).toEqual(['PAY/api']);
  });

  it('removes the Location of a removed file', async () => {
    const { bitbucket, push, idle, first } = await startEvents();
    await push('api', bitbucket.removeFile('PAY', 'api', CATALOG_FILE));
    await idle();
    expect(first.mutations).toEqual([{ added: [], removed: ['PAY/api'] }]);
    expect(first.holds()).toEqual(['PAY/db', 'PAY/web']);
  });

  it('removes the Location of a file that was renamed to another name', async () => {
    const { bitbucket, push, idle, first } = await startEvents();
    await push('api', bitbucket.renameFile('PAY', 'api', CATALOG_FILE, 'other.yaml'));
    await idle();
    expect(first.mutations).toEqual([{ added: [], removed: ['PAY/api'] }]);
  });

  it('replaces one of several files in one mutation', async () => {
    const { bitbucket, push, idle, first, asked } = await startEvents({ config: GLOBS });
    await push('api', bitbucket.renameFile('PAY', 'api', CATALOG_FILE, 'a b/ü.yaml'));
    await idle();
    expect(first.mutations).toEqual([
      { added: ['PAY/api a%20b/%C3%BC.yaml'], removed: ['PAY/api'] },
    ]);
    expect(asked()).toEqual({ 'default-branch': 1, repository: 1, 'files-listing': 1 });
  });

  it('adds a second file and makes the catalog read the other one again', async () => {
    const { bitbucket, push, idle, first } = await startEvents({ config: GLOBS });
    await push('api', bitbucket.writeFile('PAY', 'api', 'docs/x.yaml', 'x'));
    await idle();
    expect(first.mutations).toEqual([{ added: ['PAY/api docs/x.yaml'], removed: [] }]);
    expect(first.refreshed).toEqual(['PAY/api']);
  });

  it('removes the Locations when the default branch is deleted', async () => {
    const { bitbucket, push, idle, first } = await startEvents();
    await push('api', bitbucket.deleteBranch('PAY', 'api', 'main'));
    await idle();
    expect(first.mutations).toEqual([{ added: [], removed: ['PAY/api'] }]);
  });
});

describe('if files are not validated', () => {
  const config = { validateLocationsExist: false };

  it('a push makes the catalog read the file again without a check', async () => {
    const { bitbucket, push, idle, first, asked } = await startEvents({ config });
    await push('api', bitbucket.removeFile('PAY', 'api', CATALOG_FILE));
    await idle();
    expect(first.mutations).toEqual([]);
    expect(first.refreshed).toEqual(['PAY/api']);
    expect(asked()).toEqual({ 'default-branch': 1, repository: 1 });
  });

  it('a new repository is added unchecked, and a deleted one removed', async () => {
    const { bitbucket, deliverAppEvent, idle, first } = await startEvents({ config });
    bitbucket.addRepository(here('new'));
    await deliverAppEvent('repo:created', bitbucket.repositoryJson('PAY', 'new'));
    await idle();
    const before = bitbucket.repositoryJson('PAY', 'api');
    bitbucket.deleteRepository('PAY', 'api');
    await deliverAppEvent('repo:deleted', before);
    await idle();
    expect(first.mutations).toEqual([
      { added: ['PAY/new'], removed: [] },
      { added: [], removed: ['PAY/api'] },
    ]);
  });
});

describe('an event that does not say what changed', () => {
  it('leads to a check of the repository without a request for the default branch', async () => {
    const { bitbucket, deliver, push, idle, asked, first } = await startEvents();
    bitbucket.removeFile('PAY', 'api', CATALOG_FILE);
    await push('api');
    const mirror = { ...here('web'), refLimitExceeded: true };
    await deliver(bitbucket.webhook('mirror:repo_synchronized', mirror));
    await idle();
    expect(asked()).toEqual({ repository: 2, 'file-check': 2 });
    expect(first.holds()).toEqual(['PAY/db', 'PAY/web']);
  });

  it('adds a new fork', async () => {
    const { bitbucket, deliver, idle, first } = await startEvents();
    const fork = here('fork');
    const files = { [CATALOG_FILE]: 'x' };
    bitbucket.addRepository({ ...fork, files, origin: here('api') });
    await deliver(bitbucket.webhook('repo:forked', fork));
    await idle();
    expect(first.mutations).toEqual([{ added: ['PAY/fork'], removed: [] }]);
  });
});

describe('the guard against mass removal, for events', () => {
  async function onlyOne(config = {}) {
    const scene = await startEvents({ slugs: ['api'], config });
    await scene.push('api', scene.bitbucket.removeFile('PAY', 'api', CATALOG_FILE));
    await scene.idle();
    return scene;
  }

  it('holds back the last Location, and logs that', async () => {
    const scene = await onlyOne();
    expect(scene.first.mutations).toEqual([]);
    expect(scene.first.holds()).toEqual(['PAY/api']);
    expect(await getHeld(scene)).toMatchObject([{ repositoryId: 1, approved: false }]);
    expect(scene.logger.messages('warn')).toEqual([
      expect.stringMatching(/^Removals are held back: 1 of 1 Locations/),
    ]);
  });

  it('holds back everything if maxPercentage is 0', async () => {
    const scene = await startEvents({ config: { removals: { maxPercentage: 0 } } });
    const { bitbucket, idle, first } = scene;
    await scene.push('api', bitbucket.removeFile('PAY', 'api', CATALOG_FILE));
    await scene.push('web', bitbucket.removeFile('PAY', 'web', CATALOG_FILE));
    await idle();
    expect(first.mutations).toEqual([]);
    expect(await getHeld(scene)).toHaveLength(2);
  });

  it('keeps the time at which it was first held when the event is repeated', async () => {
    const scene = await onlyOne();
    const [before] = await getHeld(scene);
    await scene.clock.advance(HOUR);
    await scene.push('api');
    await scene.idle();
    expect(await getHeld(scene)).toEqual([before]);
    expect(scene.first.holds()).toEqual(['PAY/api']);
  });

  it('immediately removes approved Locations', async () => {
    const scene = await onlyOne();
    await expect(scene.first.provider.approveRemovals()).resolves.toBe(1);
    expect(scene.first.holds()).toEqual([]);
    await scene.push('api');
    await scene.idle();
    expect(scene.first.holds()).toEqual([]);
  });

  it('forgets a held removal when the file is back', async () => {
    const scene = await onlyOne();
    await scene.push('api', scene.bitbucket.writeFile('PAY', 'api', CATALOG_FILE, 'x'));
    await scene.idle();
    expect(await getHeld(scene)).toEqual([]);
    expect(scene.first.mutations).toEqual([]);
    expect(scene.first.refreshed).toEqual(['PAY/api']);
  });

  it('does not hinder the next run', async () => {
    const scene = await onlyOne();
    await scene.run();
    expect(scene.first.holds()).toEqual(['PAY/api']);
    expect(await getHeld(scene)).toHaveLength(1);
  });

  it('removes Locations that have been held for removals.holdFor', async () => {
    const scene = await onlyOne({ removals: { holdFor: { hours: 1 } } });
    await scene.clock.advance(2 * HOUR);
    await scene.push('api');
    await scene.idle();
    expect(scene.first.holds()).toEqual([]);
    expect(await getHeld(scene)).toEqual([]);
  });
});
