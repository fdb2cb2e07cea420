import { known, knownById, problem, scope } from '../__testUtils__/discoveryData';
import { FakeRepositorySource } from '../__testUtils__/FakeRepositorySource';
import { runDiscovery } from './runDiscovery';
import { DiscoveryProgress, DiscoveryResult, KnownRepository } from './types';

const NOW = Date.UTC(2026, 0, 1);

function run(
  source: FakeRepositorySource,
  rest: {
    known?: readonly KnownRepository[];
    settings?: Parameters<typeof scope>[0];
    onProgress?: (progress: DiscoveryProgress) => void;
  } = {},
): Promise<DiscoveryResult> {
  return runDiscovery(scope(rest.settings), {
    source,
    now: () => NOW,
    known: knownById(rest.known ?? []),
    onProgress: rest.onProgress,
  });
}

/** `PAY/api` → `registered`, `absent no-catalog-file`, … */
function outcomes(result: DiscoveryResult): Record<string, string> {
  return Object.fromEntries(
    [...result.repositories.values()].map(
      ({ repository: { projectKey, slug }, outcome }) => [
        `${projectKey}/${slug}`,
        outcome.kind === 'registered'
          ? outcome.kind
          : `${outcome.kind} ${outcome.reason}`,
      ],
    ),
  );
}

const files = (source: FakeRepositorySource) =>
  source.asked.filter(request => /^files? /.test(request));

describe('runDiscovery', () => {
  it('assigns every listed repository exactly one outcome', async () => {
    const source = new FakeRepositorySource()
      .put(1, 'PAY/found')
      .put(2, 'PAY/without', { files: [] })
      .put(3, 'PAY/empty', { lookup: { kind: 'absent', reason: 'empty-repository' } })
      .put(4, 'PAY/branchless', {
        lookup: { kind: 'absent', reason: 'branch-not-found' },
      })
      .put(5, 'PAY/slow', { lookup: { kind: 'unknown', problem: problem('timeout') } })
      .put(6, 'PAY/starting', { state: 'INITIALISING' })
      .put(7, 'PAY/old', { archived: true, state: 'OFFLINE' })
      .put(8, '~JDOE/mine');
    const result = await run(source, {
      settings: { filters: { skipArchivedRepos: true } },
    });
    expect(outcomes(result)).toEqual({
      'PAY/found': 'registered',
      'PAY/without': 'absent no-catalog-file',
      'PAY/empty': 'absent empty-repository',
      'PAY/branchless': 'absent branch-not-found',
      'PAY/slow': 'unknown timeout',
      'PAY/starting': 'unknown not-available',
      'PAY/old': 'excluded archived',
      '~JDOE/mine': 'excluded personal',
    });
    expect(result.interruption).toBeUndefined();
    expect(result.listing.complete).toBe(true);
  });

  it('stores no time for a repository whose check was inconclusive', async () => {
    const source = new FakeRepositorySource().put(1, 'PAY/slow', {
      lookup: { kind: 'unknown', problem: problem('timeout') },
    });
    const { repositories } = await run(source.put(2, 'PAY/found'));
    expect(repositories.get(1)?.checkedAtMs).toBeUndefined();
    expect(repositories.get(2)?.checkedAtMs).toBe(NOW);
  });

  it('returns the base URLs in the links of the listed repositories, each once', async () => {
    const linkedTo = (base: string, slug: string) => ({
      selfUrl: `${base}/projects/PAY/repos/${slug}/browse`,
    });
    const source = new FakeRepositorySource()
      .put(1, 'PAY/a', linkedTo('https://bitbucket.test/git', 'a'))
      .put(2, 'PAY/b', linkedTo('https://bitbucket.test/git', 'b'))
      .put(3, 'PAY/c', linkedTo('http://internal.test:7990', 'c'))
      .put(4, 'PAY/d');
    expect((await run(source)).serverUrls).toEqual([
      'https://bitbucket.test/git',
      'http://internal.test:7990',
    ]);
  });

  it('treats a repository as gone if Bitbucket no longer has it, not if it is only missing from the listing', async () => {
    const source = new FakeRepositorySource()
      .put(1, 'PAY/a', { unlisted: true })
      .put(9, 'PAY/b', { unlisted: true });
    const before = [known(1, 'PAY/a'), known(-1, 'PAY/b'), known(3, 'PAY/c')];
    const { goneRepositoryIds } = await run(source, { known: before });
    expect(goneRepositoryIds).toEqual(new Set([3]));
  });

  it('checks files only of repositories that pass the filters, once each', async () => {
    const source = new FakeRepositorySource()
      .put(1, 'PAY/a')
      .put(2, 'PAY/b', { archived: true })
      .put(3, 'PAY/c', { state: 'OFFLINE' })
      .put(4, 'OPS/d');
    await run(source, {
      settings: { filters: { skipArchivedRepos: true, exclude: { projectKey: /OPS/ } } },
    });
    expect(files(source)).toEqual(['file PAY/a catalog-info.yaml']);
    expect(source.asked.filter(request => request.startsWith('repository'))).toEqual([]);
  });

  it('checks the listed repositories when a later page of the listing failed, and confirms nothing', async () => {
    const source = new FakeRepositorySource()
      .put(1, 'PAY/a')
      .put(2, 'PAY/b')
      .put(3, 'PAY/c')
      .failListing(
        'list',
        { kind: 'failed', problem: problem(), unsupported: false, gone: false },
        1,
      );
    const result = await run(source, { known: [known(3, 'PAY/c'), known(9, 'PAY/x')] });
    expect(outcomes(result)).toEqual({
      'PAY/a': 'registered',
      'PAY/b': 'registered',
      'PAY/c': 'unknown not-checked',
      'PAY/x': 'unknown not-checked',
    });
    expect(result.listing.complete).toBe(false);
    expect(result.goneRepositoryIds.size).toBe(0);
    expect(source.asked.filter(request => request.startsWith('repository'))).toEqual([]);
  });

  it('checks repositories without a check first, then those with the oldest check', async () => {
    const source = new FakeRepositorySource()
      .put(1, 'PAY/recent')
      .put(2, 'PAY/oldest')
      .put(3, 'PAY/old')
      .put(4, 'PAY/new')
      .put(5, 'PAY/doubtful');
    await run(source, {
      known: [
        known(1, 'PAY/recent', [], 3000),
        known(2, 'PAY/oldest', [], 1000),
        known(3, 'PAY/old', [], 2000),
        known(5, 'PAY/doubtful', []),
      ],
      settings: { concurrency: 1 },
    });
    expect(files(source).map(request => request.split(/[ /]/)[2])).toEqual([
      'new',
      'doubtful',
      'oldest',
      'old',
      'recent',
    ]);
  });

  it.each([1, 3, 8])(
    'checks no more than %d repositories at a time',
    async concurrency => {
      const source = new FakeRepositorySource();
      for (let id = 1; id <= 20; id += 1) {
        source.put(id, `PAY/r${id}`, { unlisted: id > 15 });
      }
      source.beforeAnswer = () => new Promise(resolve => setImmediate(resolve));
      const missing = [16, 17, 18, 19, 20].map(id => known(id, `PAY/r${id}`));
      const result = await run(source, { known: missing, settings: { concurrency } });
      expect(source.peakInFlight).toBe(concurrency);
      expect(Object.values(outcomes(result))).toEqual(Array(20).fill('registered'));
    },
  );

  it('reports its progress', async () => {
    const source = new FakeRepositorySource()
      .put(1, 'PAY/a')
      .put(2, 'PAY/b')
      .put(3, '~JDOE/c');
    const told: DiscoveryProgress[] = [];
    const result = await run(source, {
      settings: { concurrency: 1 },
      onProgress: progress => told.push(progress),
    });
    expect(told).toEqual([
      { kind: 'listing', listed: 2 },
      { kind: 'listing', listed: 3 },
      { kind: 'checking', checked: 1, total: 2, result: result.repositories.get(1) },
      { kind: 'checking', checked: 2, total: 2, result: result.repositories.get(2) },
    ]);
  });

  it('adopts Locations from the catalog by address, and stores their ids afterwards', async () => {
    const source = new FakeRepositorySource().put(1, 'PAY/a').put(2, '~JDOE/b');
    const result = await run(source, {
      known: [known(-1, 'PAY/a'), known(-2, '~jdoe/b')],
      settings: { filters: { personalRepos: true } },
    });
    expect([...result.known.keys()]).toEqual([1, 2]);
    expect(outcomes(result)).toEqual({ 'PAY/a': 'registered', '~JDOE/b': 'registered' });
    expect(source.asked.filter(request => request.startsWith('repository'))).toEqual([]);
  });

  it('checks nothing when the server is empty and nothing is known', async () => {
    const source = new FakeRepositorySource();
    const result = await run(source);
    expect([result.repositories.size, result.known.size]).toEqual([0, 0]);
    expect(source.asked).toEqual(['list']);
  });
});
