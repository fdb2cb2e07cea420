/** What holds removals back and what releases them, over several runs of a whole provider. */

import {
  createSimulatedBitbucket,
  SimulatedBitbucket,
} from '../../dev/simulatedBitbucket';
import { FakeClock } from '../__testUtils__/FakeClock';
import {
  connectTestProvider,
  EACH_RUN_CHECKS,
  TEST_USER,
} from '../__testUtils__/testProvider';
import { createTestStore } from '../__testUtils__/testStores';
import { toKnownRepositories } from '../store/readCatalogBaseline';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const toSlug = (index: number) => `r${String(index).padStart(2, '0')}`;
const SLUGS = Array.from({ length: 50 }, (_, index) => toSlug(index));
/** 40 % of them. */
const ARCHIVED = SLUGS.slice(0, 20);
const ACTIVE = SLUGS.slice(20);

const toTargets = (slugs: readonly string[]) =>
  slugs.map(
    slug => `http://bitbucket.test/projects/PAY/repos/${slug}/browse/catalog-info.yaml`,
  );

/** A server of 50 repositories, all in the catalog from a good run. */
async function discoverAll(removals: { maxPercentage?: number } = {}) {
  const clock = new FakeClock();
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER], clock });
  for (const slug of SLUGS) {
    const files = { 'catalog-info.yaml': 'kind: Component' };
    bitbucket.addRepository({ projectKey: 'PAY', slug, files });
  }
  const config = { ...EACH_RUN_CHECKS, filters: { skipArchivedRepos: true }, removals };
  const options = { bitbucket, clock, config };
  const connected = await connectTestProvider(options);
  await connected.run();
  expect(connected.connection.targets()).toEqual(toTargets(SLUGS));
  const archive = (slugs: readonly string[], archived = true) =>
    slugs.forEach(slug => bitbucket.archiveRepository('PAY', slug, archived));
  const runAfter = async (ms: number) => {
    await clock.advance(ms);
    await connected.run();
  };
  const lastSummary = async () => {
    const last = await connected.reports.loadDiscovery('default');
    return last?.lastRun?.summary;
  };
  return { ...connected, ...options, archive, runAfter, lastSummary };
}

/** The same with 40 % archived at once, and one run since. */
async function holdBack() {
  const scene = await discoverAll();
  scene.archive(ARCHIVED);
  await scene.runAfter(30 * MINUTE);
  return scene;
}

describe('a removal of 40 % in one run', () => {
  it('is held back, with a warning that gives reason and remedy', async () => {
    const { connection, logger, lastSummary } = await holdBack();

    expect(connection.targets()).toEqual(toTargets(SLUGS));
    expect(logger.messages('warn')).toEqual([
      expect.stringMatching(
        /^Removals are held back: 20 of 50 Locations \(40 %\).*removals\.maxPercentage \(30 %\).*They will be removed after \S+Z, .*removals\.holdFor.*POST \/api\/catalog\/bitbucket-server\/discoveries\/default\/removals\/approve/,
      ),
    ]);
    expect(await lastSummary()).toMatchObject({ heldBack: 20, removed: 0 });
  });

  it('is reported by every run until it is resolved', async () => {
    const { connection, logger, runAfter, lastSummary } = await holdBack();

    await runAfter(30 * MINUTE);
    await runAfter(30 * MINUTE);

    const warnings = logger.messages('warn');
    expect(warnings.filter(line => line.includes('20 of 50'))).toHaveLength(3);
    expect(await lastSummary()).toMatchObject({ heldBack: 20, removed: 0 });
    expect(connection.targets()).toEqual(toTargets(SLUGS));
  });

  it('is carried out once every run for 24 hours has confirmed it, and stays carried out', async () => {
    const { connection, runAfter, lastSummary } = await holdBack();

    await runAfter(23 * HOUR);
    expect(connection.targets()).toEqual(toTargets(SLUGS));
    await runAfter(HOUR);

    expect(connection.targets()).toEqual(toTargets(ACTIVE));
    expect(await lastSummary()).toMatchObject({ heldBack: 0, removed: 20 });
    await runAfter(30 * MINUTE);
    expect(connection.targets()).toEqual(toTargets(ACTIVE));
  });

  it('is forgotten when the repositories come back', async () => {
    const { archive, connection, runAfter, lastSummary } = await holdBack();
    archive(ARCHIVED, false);

    await runAfter(24 * HOUR);

    expect(connection.targets()).toEqual(toTargets(SLUGS));
    expect(await lastSummary()).toMatchObject({ heldBack: 0, removed: 0 });
  });

  it('is held for another 24 hours if the repositories were back in between', async () => {
    const { archive, connection, runAfter } = await holdBack();
    archive(ARCHIVED, false);
    await runAfter(12 * HOUR);
    archive(ARCHIVED);

    await runAfter(HOUR);
    await runAfter(23 * HOUR);

    expect(connection.targets()).toEqual(toTargets(SLUGS));
  });

  it('is held for longer, and not forgotten, after a failed run in between', async () => {
    const { bitbucket, connection, run, runAfter } = await holdBack();
    const fault = bitbucket.faults.add({ effect: 'reset' });
    await expect(run()).rejects.toThrow('could not be listed completely');
    fault.remove();

    expect(connection.targets()).toEqual(toTargets(SLUGS));
    await runAfter(24 * HOUR);
    expect(connection.targets()).toEqual(toTargets(ACTIVE));
  });

  it('is not held back at exactly the configured percentage', async () => {
    const { archive, connection, runAfter } = await discoverAll();
    archive(SLUGS.slice(0, 15));

    await runAfter(30 * MINUTE);

    expect(connection.targets()).toEqual(toTargets(SLUGS.slice(15)));
  });
});

describe('approving', () => {
  it('immediately carries out exactly the held removals, which the next runs do not undo', async () => {
    const { provider, connection, runAfter, lastSummary } = await holdBack();

    await expect(provider.approveRemovals()).resolves.toBe(20);

    expect(connection.targets()).toEqual(toTargets(ACTIVE));
    await runAfter(30 * MINUTE);
    await runAfter(30 * MINUTE);
    expect(connection.targets()).toEqual(toTargets(ACTIVE));
    expect(await lastSummary()).toMatchObject({ heldBack: 0, excluded: 20 });
  });

  it('holds for repositories that can no longer be checked', async () => {
    const { bitbucket, provider, connection, runAfter } = await holdBack();
    await provider.approveRemovals();
    bitbucket.hide(TEST_USER.name, 'PAY/r00');

    await runAfter(30 * MINUTE);

    expect(connection.targets()).toEqual(toTargets(ACTIVE));
  });

  it('does not release removals that are held back later', async () => {
    const { archive, provider, connection, runAfter } = await holdBack();
    await provider.approveRemovals();
    archive(SLUGS.slice(20, 40));

    await runAfter(30 * MINUTE);

    expect(connection.targets()).toEqual(toTargets(ACTIVE));
  });

  it('does not exclude a repository that comes back', async () => {
    const { archive, provider, connection, runAfter } = await holdBack();
    await provider.approveRemovals();
    archive(ARCHIVED.slice(0, 5), false);

    await runAfter(30 * MINUTE);

    expect(connection.targets()).toEqual(toTargets([...SLUGS.slice(0, 5), ...ACTIVE]));
  });

  it('is respected by a run in progress and by the next one', async () => {
    const { bitbucket, clock, provider, connection, runAfter } = await holdBack();
    bitbucket.settings.latencyMs = 100;
    const running = provider.refresh();
    await clock.advance(250);
    expect(bitbucket.inFlight).toBeGreaterThan(0);

    await expect(provider.approveRemovals()).resolves.toBe(20);

    expect(connection.targets()).toEqual(toTargets(ACTIVE));
    await clock.run(running);
    expect(connection.targets()).toEqual(toTargets(ACTIVE));
    await runAfter(30 * MINUTE);
    expect(connection.targets()).toEqual(toTargets(ACTIVE));
  });

  it('is not lost if a run is stopped right after it', async () => {
    const { bitbucket, clock, provider, connection, runAfter } = await holdBack();
    bitbucket.settings.latencyMs = 100;
    const controller = new AbortController();
    const running = provider.refresh(controller.signal);
    await clock.advance(250);
    await provider.approveRemovals();
    controller.abort(new Error('timeout'));

    await expect(clock.run(running)).rejects.toThrow('timeout');

    expect(connection.targets()).toEqual(toTargets(ACTIVE));
    await runAfter(30 * MINUTE);
    expect(connection.targets()).toEqual(toTargets(ACTIVE));
  });

  it.each([
    ['nothing was ever held back', async () => discoverAll()],
    [
      'everything was approved already',
      async () => {
        const scene = await holdBack();
        await scene.provider.approveRemovals();
        return scene;
      },
    ],
  ])('returns 0 and changes nothing when %s', async (_, prepare) => {
    const { provider, connection } = await prepare();
    const before = connection.mutations.length;

    await expect(provider.approveRemovals()).resolves.toBe(0);

    expect(connection.mutations).toHaveLength(before);
  });

  it('is the only way to remove anything if removals.maxPercentage is 0', async () => {
    const { archive, provider, connection, logger, runAfter } = await discoverAll({
      maxPercentage: 0,
    });
    archive(SLUGS.slice(0, 1));

    await runAfter(30 * MINUTE);
    await runAfter(48 * HOUR);
    expect(connection.targets()).toEqual(toTargets(SLUGS));

    await expect(provider.approveRemovals()).resolves.toBe(1);
    expect(connection.targets()).toEqual(toTargets(SLUGS.slice(1)));
    expect(logger.messages('info').at(-1)).toBe(
      'Carried out 1 removal that had been held back, after an approval',
    );
  });
});

describe('a listing that is suddenly empty', () => {
  it('removes nothing while each repository still answers', async () => {
    const { bitbucket, connection, runAfter, lastSummary } = await discoverAll();
    bitbucket.faults.add({ match: { kind: 'repositories' }, effect: 'empty-page' });

    await runAfter(30 * MINUTE);

    expect(connection.targets()).toEqual(toTargets(SLUGS));
    expect(await lastSummary()).toMatchObject({ registered: 50, removed: 0 });
  });

  it('removes nothing because of a lost permission, however long it lasts', async () => {
    const { bitbucket, connection, runAfter, lastSummary } = await discoverAll();
    bitbucket.hide(TEST_USER.name, 'PAY');

    await runAfter(30 * MINUTE);
    await runAfter(48 * HOUR);

    expect(connection.targets()).toEqual(toTargets(SLUGS));
    expect(await lastSummary()).toMatchObject({
      reasons: { unknown: { 'not-permitted': 50 } },
      carriedForward: 50,
      heldBack: 0,
    });
  });

  it('holds everything back when every repository is proven gone', async () => {
    const { bitbucket, connection, provider, runAfter, lastSummary } =
      await discoverAll();
    SLUGS.forEach(slug => bitbucket.deleteRepository('PAY', slug));

    await runAfter(30 * MINUTE);

    expect(connection.targets()).toEqual(toTargets(SLUGS));
    expect(await lastSummary()).toMatchObject({ heldBack: 50, removed: 0 });
    await expect(provider.approveRemovals()).resolves.toBe(50);
    await runAfter(30 * MINUTE);
    expect(connection.targets()).toEqual([]);
  });
});

describe('a run whose store was emptied', () => {
  async function wipe() {
    const scene = await discoverAll();
    const store = createTestStore(toKnownRepositories(scene.connection.targets()));
    const { bitbucket, clock, config, connection } = scene;
    const fresh = { bitbucket, clock, config, connection, store };
    return { ...scene, ...(await connectTestProvider(fresh)), store };
  }

  it('adopts the Locations in the catalog', async () => {
    const { connection, run, store } = await wipe();

    await run();

    expect(connection.targets()).toEqual(toTargets(SLUGS));
    const state = await store.load('default');
    expect(state?.repositories.filter(repository => repository.repositoryId < 0)).toEqual(
      [],
    );
  });

  it('keeps repositories that it may not read, and removes those proven gone', async () => {
    const { bitbucket, connection, run } = await wipe();
    bitbucket.hide(TEST_USER.name, 'PAY/r01');
    bitbucket.deleteRepository('PAY', 'r02');

    await run();

    expect(connection.targets()).toEqual(toTargets(SLUGS.filter(slug => slug !== 'r02')));
  });

  it('holds back a mass removal', async () => {
    const { archive, connection, provider, run } = await wipe();
    archive(ARCHIVED);

    await run();

    expect(connection.targets()).toEqual(toTargets(SLUGS));
    await expect(provider.approveRemovals()).resolves.toBe(20);
    expect(connection.targets()).toEqual(toTargets(ACTIVE));
  });
});

describe('another server under the old address', () => {
  const COUNT = 100;

  const createServer = (name: string, projectKey: string, slug: string) => {
    const bitbucket = createSimulatedBitbucket({ users: [TEST_USER] });
    for (let index = 0; index < COUNT; index += 1) {
      bitbucket.addRepository({
        projectKey,
        slug: `${slug}-${index}`,
        files: { 'catalog-info.yaml': 'kind: Component' },
        hierarchyId: `${name}${index}`,
      });
    }
    return bitbucket;
  };

  /** All of one server are in the catalog, then the other one answers. */
  async function replaceBy(other: SimulatedBitbucket) {
    const before = await connectTestProvider({
      bitbucket: createServer('a', 'PAY', 'svc'),
    });
    await before.run();
    const targets = before.connection.targets();
    expect(targets).toHaveLength(COUNT);
    const { store, connection, clock } = before;
    const after = await connectTestProvider({
      bitbucket: other,
      store,
      connection,
      clock,
    });
    await after.run();
    const stored = await after.reports.loadDiscovery('default');
    return { ...after, targets, summary: stored?.lastRun?.summary };
  }

  it('removes nothing in one run although it has all ids, and is logged at WARN', async () => {
    const other = createServer('b', 'OPS', 'tool');
    const { connection, targets, summary, logger } = await replaceBy(other);

    expect(connection.targets()).toEqual(expect.arrayContaining(targets));
    expect(summary).toMatchObject({ removed: 0, heldBack: COUNT });
    const asked = other.requests.filter(request =>
      /\/PAY\/repos\/svc-\d+$/.test(request.path),
    );
    expect(asked).toHaveLength(COUNT);
    expect(logger.messages('warn')).toEqual([
      expect.stringMatching(
        /^The ids of 100 known repositories now belong to repositories of another name and project \(PAY\/svc-0, now OPS\/tool-0; .*another server answers at bitbucket\.test/,
      ),
      expect.stringMatching(/^Removals are held back: 100 of 100 Locations/),
    ]);
  });

  it.each([
    ['with the same hierarchies, as a copy has them', createServer('a', 'OPS', 'tool')],
    ['with the same slugs', createServer('b', 'OPS', 'svc')],
  ])('removes nothing in one run %s', async (_, other) => {
    const { connection, targets, summary } = await replaceBy(other);

    expect(connection.targets()).toEqual(expect.arrayContaining(targets));
    expect(summary).toMatchObject({ removed: 0, heldBack: COUNT });
  });
});

describe('an integration whose host was renamed', () => {
  it('holds back the change of all targets, and says how many change', async () => {
    const slugs = SLUGS.slice(0, 20);
    const bitbucket = createSimulatedBitbucket({ users: [TEST_USER] });
    for (const slug of slugs) {
      const files = { 'catalog-info.yaml': 'kind: Component' };
      bitbucket.addRepository({ projectKey: 'PAY', slug, files });
    }
    const before = await connectTestProvider({ bitbucket });
    await before.run();
    bitbucket.baseUrl = 'http://git.test';
    const { store, connection, clock } = before;
    const after = await connectTestProvider({ bitbucket, store, connection, clock });
    await after.run();

    const renamed = toTargets(slugs).map(target =>
      target.replace('bitbucket.test', 'git.test'),
    );
    expect(connection.targets()).toEqual([...toTargets(slugs), ...renamed].sort());
    expect(after.logger.messages('warn')).toEqual([
      expect.stringMatching(
        /^Removals are held back: 20 of 20 Locations \(100 %\) would be removed, 20 of them because their file has another URL now/,
      ),
    ]);

    await clock.advance(24 * HOUR);
    await after.run();
    expect(connection.targets()).toEqual(renamed);
    const stored = await after.reports.loadDiscovery('default');
    expect(stored?.lastRun?.summary).toMatchObject({ removed: 20, replaced: 20 });
    expect(after.logger.messages('info').at(-1)).toContain(
      '20 removed (20 replaced by the same file under another URL)',
    );
  });
});
