/** Runs beside a server that offers code search: what that spares, and what it must not cost. */

import { JsonObject } from '@backstage/types';
import { createSimulatedBitbucket } from '../../dev/simulatedBitbucket';
import { FakeClock } from '../__testUtils__/FakeClock';
import { connectTestProvider, TEST_USER } from '../__testUtils__/testProvider';

const FILE = 'catalog-info.yaml';
const HALF_HOUR = 1_800_000;

type Search = NonNullable<Parameters<typeof createSimulatedBitbucket>[0]>['search'];

/** All of them in one project. */
const ONE = { projects: 1 };

/** Repositories in 10 projects, the first of which have a catalog file. */
async function setUp(
  total: number,
  found: number,
  search: Search,
  { projects = 10, ...config }: JsonObject & { projects?: number } = {},
) {
  const clock = new FakeClock();
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER], clock, search });
  for (let index = 0; index < total; index += 1) {
    const path = index < found ? FILE : 'README.md';
    const files = { [path]: 'kind: Component' };
    const projectKey = `P${index % projects}`;
    bitbucket.addRepository({ projectKey, slug: `r${index}`, files });
  }
  const provider = await connectTestProvider({ bitbucket, clock, config });
  /** Runs half an hour later, and says how many requests that took. */
  const run = async () => {
    await clock.advance(HALF_HOUR);
    bitbucket.clearRequests();
    // Of many, the database takes longer than the clock waits for; nothing sleeps then.
    await (total > 1_000 ? provider.provider.refresh() : provider.run());
    return bitbucket.requests.length;
  };
  const searches = () =>
    bitbucket.requests.filter(request => request.path.includes('/search/'));
  const checks = () =>
    bitbucket.requests.filter(request => request.path.includes('/browse/'));
  const summary = async () =>
    (await provider.reports.loadDiscovery('default'))?.lastRun?.summary;
  const targets = () => provider.connection.targets();
  const has = (slug: string) => targets().some(target => target.includes(`/${slug}/`));
  return { ...provider, bitbucket, run, searches, checks, summary, targets, has };
}

describe('a run with code search', () => {
  it('needs very few requests for 2,000 repositories, in the first run and later', async () => {
    const { run, targets, summary, checks } = await setUp(2_000, 400, {});
    expect(await run()).toBeLessThanOrEqual(10);
    expect(targets()).toHaveLength(400);
    expect(await summary()).toMatchObject({
      registered: 400,
      absent: 1_600,
      spared: { search: 2_000, read: 0, recheck: 0 },
    });
    expect(await run()).toBeLessThanOrEqual(10);
    expect(checks()).toEqual([]);
    expect(targets()).toHaveLength(400);
    expect(await summary()).toMatchObject({ spared: { search: 1_600, recheck: 400 } });
  });

  it('needs, without search, one request per absent repository and a page per 1,000', async () => {
    const { run, searches, targets } = await setUp(2_000, 400, {}, { search: 'off' });
    expect(await run()).toBeGreaterThan(2_000);
    expect(searches()).toEqual([]);
    expect(await run()).toBeLessThanOrEqual(1_600 + 2 + 2);
    expect(searches()).toEqual([]);
    expect(targets()).toHaveLength(400);
  });

  it('finds everything if results are cut off at 1,000', async () => {
    const { run, targets, checks } = await setUp(1_300, 1_100, { maxResults: 1_000 });
    await run();
    expect(checks()).toEqual([]);
    expect(targets()).toHaveLength(1_100);
  });

  it('checks repositories if the results of a project are cut off too', async () => {
    const { run, targets, checks } = await setUp(
      1_100,
      1_050,
      { maxResults: 1_000 },
      ONE,
    );
    await run();
    expect(checks()).toHaveLength(100);
    expect(targets()).toHaveLength(1_050);
  });

  it.each([500, 100])('reads pages of at most %i', async maxLimit => {
    const { run, checks, targets } = await setUp(300, 200, { maxLimit });
    await run();
    expect(checks()).toEqual([]);
    expect(targets()).toHaveLength(200);
  });

  it('finds files that globs match, and none with similar names', async () => {
    const config = { catalogPath: '/services/*/catalog-info.yaml' };
    const { bitbucket, run, targets, checks } = await setUp(100, 50, {}, config);
    bitbucket.writeFile('P0', 'r60', 'services/a/catalog-info.yaml', '');
    await run();
    expect(targets()).toEqual([expect.stringMatching(/r60.*services\/a\//)]);
    expect(checks()).toEqual([]);
  });

  it('adds a pushed file in the next run', async () => {
    const { bitbucket, has, run } = await setUp(200, 100, {});
    await run();
    bitbucket.writeFile('P0', 'r150', FILE, 'kind: Component');
    await run();
    expect(has('r150')).toBe(true);
  });

  it('adds it after `recheck.absent` at the latest if the index is outdated', async () => {
    const { bitbucket, has, run } = await setUp(200, 100, {});
    await run();
    bitbucket.freezeSearchIndex();
    bitbucket.writeFile('P0', 'r150', FILE, 'kind: Component');
    let runs = 0;
    while (!has('r150') && runs <= 48) {
      await run();
      runs += 1;
    }
    expect(runs).toBeGreaterThan(1);
    expect(runs).toBeLessThanOrEqual(48);
  });

  it('checks a new repository before search has indexed it', async () => {
    const { bitbucket, has, run } = await setUp(200, 100, {});
    await run();
    bitbucket.freezeSearchIndex();
    const files = { [FILE]: 'kind: Component' };
    bitbucket.addRepository({ projectKey: 'P1', slug: 'newcomer', files });
    await run();
    expect(has('newcomer')).toBe(true);
  });

  it('removes nothing, and checks repositories, if the index is suddenly empty', async () => {
    const { bitbucket, run, summary, targets, checks } = await setUp(200, 100, {});
    await run();
    bitbucket.settings.search.index = [];
    await run();
    expect(targets()).toHaveLength(100);
    expect(checks()).toHaveLength(100);
    expect((await summary())?.searchOff).toMatch(/no catalog file at all/);
  });

  it('removes nothing, and checks repositories, if many are missing from the index', async () => {
    const { bitbucket, run, summary, targets, checks } = await setUp(200, 100, {});
    await run();
    bitbucket.freezeSearchIndex();
    const { index } = bitbucket.settings.search;
    bitbucket.settings.search.index = index === 'fresh' ? [] : index.slice(0, 150);
    await run();
    expect(targets()).toHaveLength(100);
    expect(checks()).toHaveLength(100);
    expect((await summary())?.searchOff).toMatch(/missed \d+ of 100/);
  });

  it('adds nothing outside the filters, and does not restore files proven gone', async () => {
    const config = {
      filters: { projectKey: '^P[0-4]$', exclude: { repoSlug: '^r12$' } },
    };
    const { bitbucket, context, has, run, targets } = await setUp(300, 200, {}, config);
    await run();
    expect(targets()).toHaveLength(99);
    expect(targets().filter(target => /P[5-9]\/|\/r12\//.test(target))).toEqual([]);
    bitbucket.freezeSearchIndex();
    bitbucket.removeFile('P1', 'r11', FILE);
    await context.recorder.requested();
    await run();
    expect(has('r11')).toBe(false);
    await run();
    expect(has('r11')).toBe(false);
  });

  it.each<[string, Search, string]>([
    [
      'is not available',
      { available: false },
      'this Bitbucket has no code search, it answered 404',
    ],
    ['is not available (501)', { available: 501 }, 'no code search, it answered 501'],
    ['is down (503)', { available: 503 }, '503'],
    ['rejects our page size', { maxLimit: 1 }, 'An error occurred while searching'],
  ])('continues without search if it %s', async (_, search, reason) => {
    const { run, summary, targets, checks } = await setUp(100, 50, search);
    await run();
    expect(targets()).toHaveLength(50);
    expect(checks()).toHaveLength(100);
    expect((await summary())?.searchOff).toContain(reason);
  });

  it.each(['hang', 'login-page', 'truncated-json', 'reset'] as const)(
    'continues without search if it meets %s',
    async effect => {
      const { bitbucket, run, summary, targets } = await setUp(100, 50, {});
      bitbucket.faults.add({ match: { kind: 'search' }, effect });
      await run();
      expect(targets()).toHaveLength(50);
      expect((await summary())?.searchOff).toBeDefined();
    },
  );

  it.each<[string, JsonObject]>([
    ['for a branch', { branch: 'main' }],
    ['for unchecked files', { validateLocationsExist: false }],
    ['for a name with wildcards', { catalogPath: '/*.yaml' }],
  ])('does not search %s', async (_, config) => {
    const { run, searches } = await setUp(100, 50, {}, config);
    await run();
    expect(searches()).toEqual([]);
  });

  it('checks archived repositories and forks itself', async () => {
    const { bitbucket, has, run, checks } = await setUp(100, 50, {});
    const files = { [FILE]: 'kind: Component' };
    const origin = { projectKey: 'P0', slug: 'r0' };
    bitbucket.addRepository({ projectKey: 'P0', slug: 'old', files, archived: true });
    bitbucket.addRepository({ projectKey: 'P0', slug: 'fork', files: {}, origin });
    await run();
    expect(has('old')).toBe(true);
    expect(checks().map(request => /repos\/([^/]+)/.exec(request.path)?.[1])).toEqual(
      expect.arrayContaining(['old', 'fork']),
    );
    expect(checks()).toHaveLength(2);
  });
});
