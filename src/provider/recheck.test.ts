/** Runs that do not check everything: the checks they skip, and the changes they still notice. */

import { createSimulatedBitbucket } from '../../dev/simulatedBitbucket';
import { FakeClock } from '../__testUtils__/FakeClock';
import { reopen } from '../__testUtils__/testStores';
import { connectTestProvider, TEST_USER } from '../__testUtils__/testProvider';

const FILE = 'catalog-info.yaml';
const HOUR = 3_600_000;

const toTarget = (slug: string, path = FILE) =>
  `http://bitbucket.test/projects/PAY/repos/${slug}/browse/${path}`;

const numbered = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);

/** Repositories with a file and without, after the first run. */
async function discover(
  found: readonly string[],
  absent: readonly string[] = [],
  config = {},
  unreadable = async () => new Set<string>(),
  reads?: ReadonlyMap<string, number>,
) {
  const clock = new FakeClock();
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER], clock });
  const add = (slug: string, files: Record<string, string>) =>
    bitbucket.addRepository({ projectKey: 'PAY', slug, files });
  found.forEach(slug => add(slug, { [FILE]: 'kind: Component' }));
  absent.forEach(slug => add(slug, { 'README.md': slug }));
  const options = { bitbucket, clock, config, reads, unreadable };
  const provider = await connectTestProvider(options);
  await provider.run();
  /** Runs once and returns the slugs of the repositories that were checked. */
  const checkedByRun = async (runner = provider) => {
    bitbucket.clearRequests();
    await runner.run();
    return bitbucket.requests
      .flatMap(({ path }) => /repos\/([^/]+)\/(?:browse|files)/.exec(path)?.[1] ?? [])
      .sort();
  };
  /** The backend again, with another configuration. */
  const restart = (other: object) => {
    const { connection, store } = provider;
    return connectTestProvider({
      ...options,
      config: other,
      connection,
      store: reopen(store),
    });
  };
  /** Runs each half an hour, and says after how many hours this holds. */
  const hoursUntil = async (holds: () => boolean) => {
    for (let halfHours = 1; ; halfHours += 1) {
      await clock.advance(HOUR / 2);
      await provider.run();
      if (holds() || halfHours > 100) {
        return halfHours / 2;
      }
    }
  };
  return { ...provider, bitbucket, checkedByRun, restart, hoursUntil, add };
}

const report = ({ reports }: Awaited<ReturnType<typeof discover>>, slug: string) =>
  reports.findRepository('default', 'PAY', slug);

describe('a run after the first one', () => {
  it('checks only repositories without a catalog file', async () => {
    const { checkedByRun, connection } = await discover(numbered('found-', 30), [
      'a',
      'b',
    ]);
    expect(await checkedByRun()).toEqual(['a', 'b']);
    expect(connection.targets()).toHaveLength(30);
  });

  it('reports unchecked repositories as registered, with the times of the last and the next check', async () => {
    const scene = await discover(['api'], ['web']);
    const { clock, checkedByRun, reports } = scene;
    const first = await report(scene, 'api');
    await clock.advance(HOUR);
    await checkedByRun();

    expect(await report(scene, 'api')).toEqual(first);
    expect(first).toMatchObject({ outcome: 'registered', files: [{ path: FILE }] });
    const waits = (first?.dueAtMs ?? 0) - (first?.checkedAtMs ?? 0);
    expect(waits).toBeGreaterThan(3 * HOUR - 1);
    expect(waits).toBeLessThanOrEqual(6 * HOUR);
    const web = await report(scene, 'web');
    expect(web?.dueAtMs).toBeUndefined();
    expect(web?.checkedAtMs).toBeGreaterThanOrEqual((first?.checkedAtMs ?? 0) + HOUR);
    const { lastRun } = (await reports.loadDiscovery('default')) ?? {};
    expect(lastRun?.summary).toMatchObject({
      registered: 1,
      unknown: 0,
      carriedForward: 0,
    });
  });

  it('checks again when a repository is due, also after a restart', async () => {
    const { clock, checkedByRun, restart } = await discover(['api']);
    await clock.advance(6 * HOUR);
    expect(await checkedByRun()).toEqual(['api']);
    const again = await restart({});
    expect(await checkedByRun(again)).toEqual([]);
    await clock.advance(6 * HOUR);
    expect(await checkedByRun(again)).toEqual(['api']);
  });

  it('notices within `recheck.found` that a file is gone', async () => {
    const { bitbucket, connection, hoursUntil } = await discover(['api', 'web', 'ops']);
    bitbucket.removeFile('PAY', 'api', FILE);
    const hours = await hoursUntil(() => connection.targets().length === 2);
    expect(hours).toBeGreaterThan(0.5);
    expect(hours).toBeLessThanOrEqual(6);
  });

  it('notices in the next run repositories that are new, deleted, renamed or have a new file', async () => {
    const scene = await discover(['api', 'gone', 'old'], ['late']);
    const { add, bitbucket, connection, checkedByRun } = scene;
    add('new', { [FILE]: 'kind: Component' });
    bitbucket.deleteRepository('PAY', 'gone');
    bitbucket.renameRepository('PAY', 'old', 'renamed');
    bitbucket.writeFile('PAY', 'late', FILE, 'kind: Component');
    expect(await checkedByRun()).toEqual(['late', 'new', 'renamed']);
    expect(connection.targets()).toEqual(
      ['api', 'late', 'new', 'renamed'].map(s => toTarget(s)),
    );
  });

  it('checks everything if it was started manually', async () => {
    const { bitbucket, connection, context, checkedByRun } = await discover([
      'api',
      'web',
    ]);
    bitbucket.removeFile('PAY', 'web', FILE);
    await context.recorder.requested();
    expect(await checkedByRun()).toEqual(['api', 'web']);
    expect(connection.targets()).toEqual([toTarget('api')]);
    expect(await checkedByRun()).toEqual(['web']);
  });

  it('checks everything in each run if `recheck.found` is 0', async () => {
    const { checkedByRun } = await discover(['api'], [], {
      recheck: { found: { hours: 0 } },
    });
    expect(await checkedByRun()).toEqual(['api']);
  });

  it('checks everything in each run if a glob may match more files', async () => {
    const { checkedByRun } = await discover(['api'], [], {
      catalogPath: '/**/catalog-info.yaml',
    });
    expect(await checkedByRun()).toEqual(['api']);
  });

  it('checks the missing ones of several paths', async () => {
    const config = { catalogPath: [FILE, 'b.yaml'] };
    const { bitbucket, connection, checkedByRun } = await discover(['api'], [], config);
    expect(await checkedByRun()).toEqual(['api']);
    bitbucket.writeFile('PAY', 'api', 'b.yaml', 'kind: Component');
    expect(await checkedByRun()).toEqual(['api']);
    expect(connection.targets()).toHaveLength(2);
    expect(await checkedByRun()).toEqual([]);
  });

  it('checks only repositories that stayed unknown', async () => {
    const { bitbucket, clock, checkedByRun } = await discover(['api', 'web']);
    const fault = bitbucket.faults.add({
      match: { kind: 'file-check', repositorySlug: 'web' },
      effect: 'lost-permission',
    });
    await clock.advance(6 * HOUR);
    expect(await checkedByRun()).toEqual(['api', 'web']);
    fault.remove();
    expect(await checkedByRun()).toEqual(['web']);
    expect(await checkedByRun()).toEqual([]);
  });

  it('checks in the next run a file that the catalog cannot read', async () => {
    const unreadable = new Set<string>();
    const load = async () => unreadable;
    const { bitbucket, connection, checkedByRun } = await discover(
      ['api', 'web'],
      [],
      {},
      load,
    );
    bitbucket.removeFile('PAY', 'web', FILE);
    unreadable.add(toTarget('web'));
    expect(await checkedByRun()).toEqual(['web']);
    expect(connection.targets()).toEqual([toTarget('api')]);
  });

  it('does not check files that the catalog has read, and reports how many checks that saved', async () => {
    const reads = new Map<string, number>();
    const scene = await discover(['api', 'web'], [], {}, undefined, reads);
    const { bitbucket, clock, connection, checkedByRun, reports } = scene;
    await clock.advance(6 * HOUR);
    reads.set(toTarget('api'), clock.now() - HOUR);
    expect(await checkedByRun()).toEqual(['web']);
    const { lastRun } = (await reports.loadDiscovery('default')) ?? {};
    expect(lastRun?.summary.spared).toEqual({ recheck: 0, read: 1, search: 0 });

    await clock.advance(6 * HOUR);
    bitbucket.removeFile('PAY', 'api', FILE);
    expect(await checkedByRun()).toEqual(['api', 'web']);
    expect(connection.targets()).toEqual([toTarget('web')]);
    reads.set(toTarget('api'), clock.now());
    await checkedByRun();
    expect(connection.targets()).toEqual([toTarget('web')]);
  });

  it('checks files that the catalog has read if the configuration has changed', async () => {
    const reads = new Map<string, number>();
    const scene = await discover(['api'], [], {}, undefined, reads);
    reads.set(toTarget('api'), scene.clock.now());
    const again = await scene.restart({ catalogPath: 'other.yaml' });
    expect(await scene.checkedByRun(again)).toEqual(['api']);
  });

  it('logs a failure to read the catalog and continues', async () => {
    const load = () => Promise.reject(new Error('no such table'));
    const { checkedByRun, logger } = await discover(['api'], ['web'], {}, load);
    expect(await checkedByRun()).toEqual(['web']);
    expect(logger.messages('warn').join()).toMatch(/could not be read.*no such table/);
  });

  it('does not check again what an event has found, and corrects what an event has found missing', async () => {
    const { bitbucket, clock, connection, context, evaluator, checkedByRun } =
      await discover(['api'], ['late']);
    const evaluate = (slug: string) => {
      const client = context.clients.createForEvent();
      return clock.run(
        evaluator.evaluate({ address: { projectKey: 'PAY', slug } }, client),
      );
    };
    bitbucket.writeFile('PAY', 'late', FILE, 'kind: Component');
    await evaluate('late');
    expect(await checkedByRun()).toEqual([]);
    bitbucket.removeFile('PAY', 'api', FILE);
    await evaluate('api');
    expect(await checkedByRun()).toEqual(['api']);
    expect(connection.targets()).toEqual([toTarget('late')]);
  });
});

describe('a change of the configured scope', () => {
  it.each<[string, object, string[]]>([
    ['another path', { catalogPath: 'README.md' }, ['api', 'web']],
    ['another branch', { branch: 'main' }, ['api', 'web']],
    ['another filter', { filters: { repoSlug: 'api' } }, ['api']],
  ])('makes the next run check everything: %s', async (_, config, slugs) => {
    const { checkedByRun, restart } = await discover(['api'], ['web']);
    const changed = await restart(config);
    expect(await checkedByRun(changed)).toEqual(slugs);
  });

  it('counts until a run has succeeded, even if it is reverted in between', async () => {
    const { bitbucket, connection, checkedByRun, restart } = await discover([
      'a',
      'b',
      'c',
    ]);
    const fault = bitbucket.faults.add({
      match: ({ kind, repositorySlug }) =>
        kind === 'file-check' && repositorySlug === 'c',
      effect: 'hang',
    });
    const changed = await restart({ catalogPath: 'other.yaml', concurrency: 1 });
    const stop = new AbortController();
    const stopping = changed.clock
      .sleep(2_000)
      .then(() => stop.abort(new Error('stopped')));
    await expect(changed.run(stop.signal)).rejects.toThrow('stopped');
    await stopping;
    fault.remove();

    const back = await restart({ concurrency: 1 });
    expect(await checkedByRun(back)).toEqual(['a', 'b', 'c']);
    expect(connection.targets()).toEqual(['a', 'b', 'c'].map(slug => toTarget(slug)));
  });

  it('does not include changes of pace or guards', async () => {
    const { checkedByRun, restart } = await discover(['api']);
    const changed = await restart({ concurrency: 2, removals: { maxPercentage: 1 } });
    expect(await checkedByRun(changed)).toEqual([]);
  });
});

describe('the stored times of checks', () => {
  it('need no row per repository', async () => {
    const scene = await discover(numbered('r', 60));
    await scene.clock.advance(6 * HOUR);
    const written: (readonly unknown[])[] = [];
    const record = scene.store.recordRun.bind(scene.store);
    scene.store.recordRun = async (id, end) => {
      written.push(end.state?.changed ?? []);
      await record(id, end);
    };
    const before = await report(scene, 'r0');
    expect(await scene.checkedByRun()).toHaveLength(60);
    expect(written).toEqual([[]]);
    const after = await report(scene, 'r0');
    expect((after?.checkedAtMs ?? 0) - (before?.checkedAtMs ?? 0)).toBeGreaterThan(
      5 * HOUR,
    );
  });

  it.each([24 * 365 * HOUR, HOUR])(
    'delay nothing once a clock that was %i ms ahead is right again',
    async aheadMs => {
      const scene = await discover(['api', 'web']);
      const { bitbucket, clock, connection, context, checkedByRun } = scene;
      const right = clock.now();
      clock.setTime(right + aheadMs);
      await context.recorder.requested();
      await checkedByRun();
      clock.setTime(right + 60_000);
      bitbucket.removeFile('PAY', 'web', FILE);
      expect(await checkedByRun()).toEqual(['api', 'web']);
      expect(connection.targets()).toEqual([toTarget('api')]);
    },
  );
});
