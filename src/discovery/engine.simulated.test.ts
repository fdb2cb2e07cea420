import { createState, scope, getTargets } from '../__testUtils__/discoveryData';
import { FakeClock } from '../__testUtils__/FakeClock';
import { countRequests, createSimulatedSource } from '../__testUtils__/simulatedSource';
import {
  createSimulatedBitbucket,
  SimulatedBitbucket,
} from '../../dev/simulatedBitbucket';
import { toKnownRepositories } from '../store/readCatalogBaseline';
import { systemClock } from '../util/clock';
import { performRun, Run } from './performRun';
import { ProviderState } from './types';

const BASE_URL = 'https://bitbucket.test/bitbucket';
const TOKEN = 'secret-token';
const BRANCH = 'feature/a&b+c';
const PATH = 'my docs/catalog #1.yaml';
const ENCODED_PATH = 'my%20docs/catalog%20%231.yaml';
const ENCODED_BRANCH = 'feature%2Fa%26b%2Bc';

const PROJECTS = 100;
const PER_PROJECT = 18;
const PERSONAL = 100;
const HIDDEN = 100;

interface Bitbucket {
  readonly server: SimulatedBitbucket;
  /** Repositories in ordinary projects that have the file on the branch. */
  readonly expected: string[];
}

/** 2,000 repositories: one in five with the file, some personal, some hidden from the account. */
function createLargeServer(): Bitbucket {
  const server = createSimulatedBitbucket({ baseUrl: BASE_URL });
  const expected: string[] = [];
  server.addUser({ name: 'backstage', token: TOKEN });
  const withFile = { branches: { [BRANCH]: { [PATH]: 'kind: Component' } } };
  const withoutFile = { branches: { [BRANCH]: { 'README.md': '' } } };
  for (let project = 0; project < PROJECTS; project += 1) {
    for (let number = 0; number < PER_PROJECT; number += 1) {
      const hasFile = number % 5 === 0;
      const at = { projectKey: `P${project}`, slug: `r${number}` };
      server.addRepository({ ...at, ...(hasFile ? withFile : withoutFile) });
      if (hasFile) {
        expected.push(
          `${BASE_URL}/projects/P${project}/repos/r${number}/browse/${ENCODED_PATH}?at=${ENCODED_BRANCH}`,
        );
      }
    }
  }
  for (let number = 0; number < PERSONAL; number += 1) {
    server.addRepository({ projectKey: `~USER${number}`, slug: 'mine', ...withFile });
  }
  for (let number = 0; number < HIDDEN; number += 1) {
    const at = { projectKey: `P${number}`, slug: `hidden${number}` };
    server.addRepository({ ...at, ...withFile });
    server.hide('backstage', `${at.projectKey}/${at.slug}`);
  }
  return { server, expected: expected.sort() };
}

async function run(
  server: SimulatedBitbucket,
  state: ProviderState | undefined,
  settings: Parameters<typeof scope>[0] = {},
): Promise<Run> {
  server.clearRequests();
  return performRun({
    scope: scope({ paths: [PATH], branch: BRANCH, concurrency: 8, ...settings }),
    policy: { maxPercentage: 30, holdForMs: 24 * 3_600_000 },
    source: createSimulatedSource(server, { token: TOKEN }),
    state,
    clock: systemClock,
  });
}

describe('the engine on a Bitbucket with 2,000 repositories', () => {
  const { server, expected } = createLargeServer();

  it.each([
    ['1,000 rows per page', 1000, 'skipped', 2],
    ['100 rows per page', 100, 'skipped', 19],
    ['100 rows per page, fewer where some are hidden', 100, 'short-page', 20],
  ] as const)(
    'finds every file with one check per repository: %s',
    async (_, repositories, hiddenRows, pages) => {
      const { pageCaps } = server.settings;
      Object.assign(server.settings, {
        pageCaps: { ...pageCaps, repositories },
        hiddenRows,
      });
      const { reconciliation, summary, failure } = await run(server, createState([]));
      const requests = countRequests(server);

      expect(failure).toBeUndefined();
      expect(getTargets(reconciliation.locations)).toEqual(expected);
      expect(summary).toMatchObject({
        repositories: PROJECTS * PER_PROJECT + PERSONAL,
        registered: expected.length,
        absent: PROJECTS * PER_PROJECT - expected.length,
        excluded: PERSONAL,
        unknown: 0,
      });
      expect(requests).toEqual({
        repositories: pages,
        'file-check': PROJECTS * PER_PROJECT,
      });
      const checks = server.requests.filter(request => request.path.includes('/browse/'));
      expect(new Set(checks.map(request => request.path)).size).toBe(
        PROJECTS * PER_PROJECT,
      );
      expect(server.peakInFlight).toBeLessThanOrEqual(8);
    },
    60_000,
  );

  it('keeps every Location while permissions are lost', async () => {
    const baseline = createState(toKnownRepositories(expected));
    for (let project = 0; project < PROJECTS; project += 1) {
      server.hide('backstage', `P${project}`);
    }
    const lost = await run(server, baseline);
    expect(lost.reconciliation.mutation).toBe('full');
    expect(getTargets(lost.reconciliation.locations)).toEqual(expected);
    expect(lost.summary).toMatchObject({ removed: 0, heldBack: 0 });
    expect(lost.summary.reasons.unknown).toEqual({ 'not-permitted': expected.length });

    for (let project = 0; project < PROJECTS; project += 1) {
      server.reveal('backstage', `P${project}`);
    }
    const back = await run(server, lost.reconciliation.state);
    expect(getTargets(back.reconciliation.locations)).toEqual(expected);
    expect(back.summary).toMatchObject({ unknown: 0, removed: 0, carriedForward: 0 });
  }, 60_000);
});

describe('the engine on a small Bitbucket', () => {
  const FILE = { 'catalog-info.yaml': 'kind: Component' };
  const url = (at: string, path: string = 'catalog-info.yaml') => {
    const [key, slug] = at.split('/');
    return `${BASE_URL}/projects/${key}/repos/${slug}/browse/${path}`;
  };
  const plain = { paths: ['catalog-info.yaml'], branch: undefined };

  function createServer(slugs: readonly string[]): SimulatedBitbucket {
    const server = createSimulatedBitbucket({ baseUrl: BASE_URL });
    server.addUser({ name: 'backstage', token: TOKEN });
    for (const slug of slugs) {
      server.addRepository({ projectKey: 'PAY', slug, files: FILE });
    }
    return server;
  }

  async function runAfter(
    server: SimulatedBitbucket,
    change: () => unknown,
    settings: Parameters<typeof scope>[0] = plain,
  ): Promise<Run> {
    const first = await run(server, createState([]), settings);
    change();
    return run(server, first.reconciliation.state, settings);
  }

  const getLocations = (finished: Run) => getTargets(finished.reconciliation.locations);

  it('replaces the Locations of a renamed and of a moved repository', async () => {
    const server = createServer(['a', 'b', 'c']);
    const after = await runAfter(server, () => {
      server.renameRepository('PAY', 'a', 'x');
      server.moveRepository('PAY', 'b', 'OPS');
    });
    expect(getLocations(after)).toEqual([url('OPS/b'), url('PAY/c'), url('PAY/x')]);
    expect(after.summary).toMatchObject({ removed: 2, replaced: 2, heldBack: 0 });
    // Their former addresses are requested as well.
    expect(countRequests(server)).toEqual({
      repositories: 1,
      'file-check': 3,
      repository: 2,
    });
  });

  it('follows a project that was renamed', async () => {
    const server = createServer(['a', 'b']);
    const after = await runAfter(server, () => server.renameProject('PAY', 'CASH'));
    expect(getLocations(after)).toEqual([url('CASH/a'), url('CASH/b')]);
    expect(after.summary).toMatchObject({ removed: 2, replaced: 2, heldBack: 0 });
  });

  it('removes the Location of a deleted repository after one request for it', async () => {
    const server = createServer(['a', 'b', 'c']);
    const after = await runAfter(server, () => server.deleteRepository('PAY', 'a'));
    expect(getLocations(after)).toEqual([url('PAY/b'), url('PAY/c')]);
    expect(countRequests(server)).toEqual({
      repositories: 1,
      repository: 1,
      'file-check': 2,
    });
  });

  it('holds back the removal of the Locations of a deleted project', async () => {
    const server = createServer(['a', 'b']);
    const after = await runAfter(server, () => server.deleteProject('PAY'));
    expect(getLocations(after)).toEqual([url('PAY/a'), url('PAY/b')]);
    expect(after.summary).toMatchObject({ heldBack: 2, removed: 0 });
  });

  it.each([
    ['has it', FILE, ['a', 'b', 'c']],
    ['lacks it', { 'README.md': '' }, ['b', 'c']],
  ])(
    'goes by the repository recreated under an address: it %s',
    async (_, files, kept) => {
      const server = createServer(['a', 'b', 'c']);
      const after = await runAfter(server, () => {
        server.deleteRepository('PAY', 'a');
        server.addRepository({ projectKey: 'PAY', slug: 'a', files });
      });
      expect(getLocations(after)).toEqual(kept.map(slug => url(`PAY/${slug}`)));
      expect(
        after.reconciliation.state?.repositories
          .map(repository => repository.slug)
          .sort(),
      ).toEqual(['a', 'b', 'c']);
    },
  );

  it('keeps the Locations of repositories that the account can no longer see', async () => {
    const server = createServer(['a', 'b', 'c']);
    const after = await runAfter(server, () => server.hide('backstage', 'PAY/a'));
    expect(getLocations(after)).toEqual(['a', 'b', 'c'].map(slug => url(`PAY/${slug}`)));
    expect(after.summary.reasons.unknown).toEqual({ 'not-permitted': 1 });
  });

  it('lists only the projects that a filter names, and keeps the Locations of those it cannot see', async () => {
    const server = createServer(['a']);
    server.addRepository({ projectKey: 'OPS', slug: 'b', files: FILE });
    server.addRepository({ projectKey: 'HR', slug: 'c', files: FILE });
    const settings = { ...plain, filters: { projectKey: /^(PAY|OPS)$/ } };
    const after = await runAfter(server, () => server.hide('backstage', 'OPS'), settings);
    expect(getLocations(after)).toEqual([url('OPS/b'), url('PAY/a')]);
    expect(after.failure).toBeUndefined();
    expect(countRequests(server)).toEqual({
      'project-repositories': 2,
      'file-check': 1,
    });
  });

  it('finds files by globs with one file listing per repository', async () => {
    const server = createServer(['a']);
    const files = { 'x/.y/catalog-info.yaml': '', 'docs/c.yaml': '', 'README.md': '' };
    server.addRepository({ projectKey: 'PAY', slug: 'b', files });
    const found = await run(server, createState([]), {
      paths: ['/**/catalog-info.yaml', 'docs/c.yaml'],
      branch: undefined,
    });
    expect(getLocations(found)).toEqual([
      url('PAY/a'),
      url('PAY/b', 'docs/c.yaml'),
      url('PAY/b', 'x/.y/catalog-info.yaml'),
    ]);
    expect(countRequests(server)).toEqual({ repositories: 1, 'files-listing': 2 });
  });

  it('keeps Locations while file checks fail, and reports why', async () => {
    const server = createServer(['a', 'b', 'c']);
    const first = await run(server, createState([]), plain);
    server.faults.add({
      match: { kind: 'file-check' },
      effect: { type: 'status', status: 503 },
    });
    const clock = new FakeClock({
      startMs: Date.now(),
      settleTurns: 20,
      holdWhile: () => server.inFlight > 0,
    });
    const work = performRun({
      scope: scope(plain),
      policy: { maxPercentage: 100, holdForMs: 0 },
      source: createSimulatedSource(server, { token: TOKEN, clock }),
      state: first.reconciliation.state,
      clock,
    });
    const after = await clock.run(work);
    expect(getLocations(after)).toEqual(['a', 'b', 'c'].map(slug => url(`PAY/${slug}`)));
    expect(after.summary.reasons.unknown).toEqual({ 'server-error': 3 });
    expect(clock.sleeping).toBe(0);
  });

  it('fails without changing any Location when the token is no longer accepted', async () => {
    const server = createServer(['a', 'b', 'c']);
    const after = await runAfter(server, () => {
      server.getUser('backstage').expired = true;
    });
    expect(after.failure?.kind).toBe('failed');
    expect(after.reconciliation).toMatchObject({ mutation: 'add-only', locations: [] });
    expect(after.summary.locations).toBe(3);
    expect(server.requests).toHaveLength(1);
  });
});
