/**
 * The catalog reading through the URL reader of this package, with its real processing
 * loop: what it costs, and when a change shows.
 */

import { componentYaml } from '../dev/seed';
import { SimulatedBitbucket } from '../dev/simulatedBitbucket';
import { eventually } from '../src/__testUtils__/eventually';
import { TEST_USER } from '../src/__testUtils__/testProvider';
import { systemClock } from '../src/util/clock';
import { ReaderWorld, startReaderWorld } from './__testUtils__/readerWorld';

const FILE = 'catalog-info.yaml';
const RUN = 'bitbucketServer-provider:default:refresh';
/**
 * Of a change: one processing with one read, and one more where the catalog takes the file up
 * again before it is done with it.
 */
const MAX_READS = 2;
const COUNT = 12;

/**
 * Of the catalog under a rate limit. `READER_TEST_FILES=400` takes ten minutes: the limit is then
 * the one that Bitbucket documents.
 */
const MANY = Number(process.env.READER_TEST_FILES ?? 12);
const ROUNDS = Number(process.env.READER_TEST_ROUNDS ?? 10);
const RATE_LIMIT =
  MANY < 100 ? { capacity: 6, fillRate: 50 } : { capacity: 60, fillRate: 5 };
const TIMEOUT_MS = Math.max(180_000, MANY * 3_000);

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Sets the clock of the features of this package ahead; the next test has the right one. */
function setAhead(ms: number): void {
  jest.spyOn(systemClock, 'now').mockImplementation(() => Date.now() + ms);
}

/** A file that names another one, and one on a branch that discovery does not look at. */
function prepare(bitbucket: SimulatedBitbucket): void {
  bitbucket.addUser({ ...TEST_USER, name: 'discovery' });
  const location =
    'apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: { name: more }\nspec: { targets: [./more.yaml] }\n';
  const files = { [FILE]: location, 'more.yaml': componentYaml('nested', 'a service') };
  const branches = { 'release/1': { [FILE]: componentYaml('released', 'a service') } };
  bitbucket.addRepository({ projectKey: 'PAY', slug: 'nested', files, branches });
}

describe('a catalog in which nothing changes', () => {
  let world: ReaderWorld;

  beforeAll(async () => {
    world = await startReaderWorld({
      count: COUNT,
      more: 1,
      prepare,
      // Discovery has another account than the catalog: what one learns applies to the other.
      config: { username: 'discovery', password: TEST_USER.password },
    });
  });
  afterEach(() => jest.restoreAllMocks());
  afterAll(() => world.end());

  const write = (slug: string, description: string, path = FILE) =>
    world.bitbucket.writeFile('PAY', slug, path, componentYaml(slug, description));

  const shows = (name: string, description: string) =>
    eventually(async () =>
      expect((await world.component(name)).metadata.description).toBe(description),
    );

  const toPageUrl = (slug: string) =>
    `${world.bitbucket.baseUrl}/projects/PAY/repos/${slug}/browse`;

  /** That nothing else was read, and that it is not read at each processing from now on. */
  const expectReadsOf = async (...paths: string[]) => {
    await world.processed(2);
    expect([...world.reads().keys()].map(path => path.replace(/^.*repos/, ''))).toEqual(
      paths.map(path => expect.stringContaining(path)),
    );
    expect(Math.max(...world.reads().values())).toBeLessThanOrEqual(MAX_READS);
  };

  it('requests no content while its files are younger than maxAge, however often it processes', async () => {
    await world.processed(1);
    expect(
      world.bitbucket.requests.find(request => request.path.includes('/raw/'))?.user,
    ).toBe(TEST_USER.name);
    world.bitbucket.clearRequests();

    await world.processed(3);

    expect(world.reads()).toEqual(new Map());
    expect(await world.errors()).toEqual([]);
  });

  it('shows a push with a processing of that file which the push itself causes', async () => {
    const location = await world.locationOf('svc-1');
    const before = world.processings(location);
    world.bitbucket.clearRequests();

    await world.push('svc-1', { [FILE]: componentYaml('svc-1', 'pushed') });

    await shows('svc-1', 'pushed');
    expect(world.processings(location) - before).toBeLessThanOrEqual(MAX_READS);
    await expectReadsOf('/svc-1/');
  });

  it('shows a push to a file that another file refers to with the next processing', async () => {
    await world.push('nested', { 'more.yaml': componentYaml('nested', 'pushed') });

    await world.processed(1);
    await shows('nested', 'pushed');
  });

  it('shows a push to another branch with the next processing of a file there that was registered by hand', async () => {
    const target = `${toPageUrl('nested')}/${FILE}?at=release%2F1`;
    const body = { type: 'url', target };
    const answer = await world.send('/api/catalog/locations', { method: 'POST', body });
    expect(answer.status).toBe(201);
    await shows('released', 'a service');
    const changed = componentYaml('released', 'changed');
    const change = world.bitbucket.writeFile('PAY', 'nested', FILE, changed, 'release/1');

    await world.announce('nested', [change]);

    await world.processed(1);
    await shows('released', 'changed');
  });

  it.each<[string, string | undefined, string, string]>([
    ['a Component', 'component:default/svc-2', 'svc-2', FILE],
    ['the Location that leads to it', undefined, 'svc-3', FILE],
    [
      'a Component of a file in a file',
      'component:default/nested',
      'nested',
      'more.yaml',
    ],
  ])('shows what is in Bitbucket once %s is refreshed by hand', async (...args) => {
    const [, ref, slug, path] = args;
    write(slug, 'by hand', path);
    const location = await world.locationOf(slug);
    const before = world.processings(location);

    expect(await world.refresh(ref ?? location)).toBe(200);

    await shows(slug, 'by hand');
    expect(world.processings(location) - before).toBeLessThanOrEqual(MAX_READS);
  });

  it('reads once more, and not at every processing, what was refreshed and has not changed', async () => {
    await world.processed(1);
    world.bitbucket.clearRequests();
    expect(await world.refresh('component:default/svc-4')).toBe(200);
    await eventually(async () => expect(world.reads().size).toBe(1));
    await expectReadsOf('/svc-4/');
  });

  it.each([
    ['a file', `/${FILE}`, 'location.updated' as const],
    ['a repository', '', 'repository.updated' as const],
  ])('shows that %s has changed where others say so', async (_, path, type) => {
    write('svc-6', type);
    world.bitbucket.clearRequests();
    await world.publishScmEvents([
      { type, url: `${toPageUrl('svc-6')}${path}` },
      { type, url: 'https://elsewhere.example.com/projects/PAY/repos/svc-7/browse' },
    ]);
    await shows('svc-6', type);
    await expectReadsOf('/svc-6/');
  });

  it('tries a registration without having anything of the file', async () => {
    const body = { type: 'url', target: `${toPageUrl('svc-1')}/${FILE}` };
    const path = '/api/catalog/locations?dryRun=true';
    const answer = await world.send(path, { method: 'POST', body });
    expect(answer.status).toBe(201);
    expect(await answer.text()).toContain('"name":"svc-1"');
  });

  it('shows the error of a broken file until it is mended, and keeps its entities', async () => {
    const before = await world.components();
    await world.push('svc-4', { [FILE]: 'kind: [not, a, component' });
    await eventually(async () => expect(await world.errors()).not.toEqual([]));

    await world.processed(8);
    expect(await world.errors()).toHaveLength(1);
    expect(await world.components()).toEqual(before);

    await world.push('svc-4', { [FILE]: componentYaml('svc-4', 'mended') });
    await eventually(async () => expect(await world.errors()).toEqual([]));
    await shows('svc-4', 'mended');
    expect(await world.components()).toEqual(before);
  });

  it('keeps what it has through an outage, without an error, and catches up after it', async () => {
    const before = await world.components();
    const effect = { type: 'status', status: 500 } as const;
    const fault = world.bitbucket.faults.add({ match: { kind: 'raw' }, effect });
    await world.push('svc-7', { [FILE]: componentYaml('svc-7', 'meanwhile') });
    await eventually(async () => expect(fault.hits).toBeGreaterThan(0));
    await world.processed(2);
    expect(await world.components()).toEqual(before);
    expect(await world.errors()).toEqual([]);

    fault.remove();
    await world.processed(1);
    await shows('svc-7', 'meanwhile');
    expect(await world.components()).toEqual(before);
  });

  /** The catalog deletes them with the Location, at once, which is why nothing cleans up. */
  const expectGone = (slug: string) =>
    eventually(async () =>
      expect((await world.components()).has(`component:default/${slug}`)).toBe(false),
    );

  it('lets the entities of a deleted file go with a processing that the push itself causes', async () => {
    const others = await world.components();
    others.delete('component:default/svc-9');
    const location = await world.locationOf('svc-9');
    const before = world.processings(location);

    await world.announce('svc-9', [world.bitbucket.removeFile('PAY', 'svc-9', FILE)]);

    await expectGone('svc-9');
    expect(world.processings(location) - before).toBeLessThanOrEqual(MAX_READS);
    await world.processed(1);
    expect(await world.components()).toEqual(others);
    expect(await world.errors()).toEqual([]);
  });

  it('lets the entities of a deleted file go once Bitbucket has proven it to discovery too, without a webhook', async () => {
    const others = await world.components();
    const location = await world.locationOf('svc-5');
    const match = { kind: 'repository', repositorySlug: 'svc-5' } as const;
    const effect = { type: 'status', status: 500 } as const;
    const fault = world.bitbucket.faults.add({ match, effect });
    world.bitbucket.removeFile('PAY', 'svc-5', FILE);
    await world.refresh('component:default/svc-5');
    await eventually(async () =>
      expect(await world.errors()).toEqual([
        expect.stringContaining('no matching files found'),
      ]),
    );
    await world.processed(1);
    expect(await world.components()).toEqual(others);

    const before = world.processings(location);
    fault.remove();
    await expectGone('svc-5');
    expect(world.processings(location)).toBe(before);
    others.delete('component:default/svc-5');
    await world.processed(1);
    expect(await world.components()).toEqual(others);
    expect(await world.errors()).toEqual([]);
  });

  /** Of the two that are left out, the file was deleted. */
  const FILES = COUNT - 2 + 3;

  it('shows an unannounced change once its file is older than maxAge, for one request per file', async () => {
    write('svc-8', 'unannounced');
    world.bitbucket.clearRequests();
    setAhead(5 * MINUTE_MS);
    await world.processed(2);
    expect(world.reads()).toEqual(new Map());

    setAhead(15 * MINUTE_MS);
    await world.processed(1);
    await shows('svc-8', 'unannounced');
    await world.processed(3);
    expect([...world.reads().values()]).toEqual(Array.from({ length: FILES }, () => 1));
  });

  it('has no file checked that it has read, when it is time for that', async () => {
    setAhead(7 * HOUR_MS);
    world.bitbucket.clearRequests();
    await world.processed(1);
    expect(world.reads().size).toBe(FILES);
    world.bitbucket.clearRequests();
    await world.runTask(RUN);
    const checks = () =>
      world.bitbucket.requests.filter(request => request.path.includes('type=true'));
    expect(
      checks()
        .map(({ path }) => path)
        .sort(),
    ).toEqual([expect.stringContaining('/svc-5/'), expect.stringContaining('/svc-9/')]);

    setAhead(14 * HOUR_MS);
    world.bitbucket.faults.add({ match: { kind: 'raw' }, effect: 'reset' });
    world.bitbucket.clearRequests();
    await world.runTask(RUN);
    expect(checks()).toHaveLength(COUNT + 1);
  });
});

describe(`a catalog of ${MANY} files, at ${RATE_LIMIT.capacity} requests and ${RATE_LIMIT.fillRate} more each second`, () => {
  let world: ReaderWorld;

  afterAll(async () => {
    jest.restoreAllMocks();
    await world.end();
  });

  it(
    'has all their entities after the first processing, for two requests each and without a 429',
    async () => {
      world = await startReaderWorld({ count: MANY, rateLimit: RATE_LIMIT });
      const { bitbucket } = world;

      expect(bitbucket.rateLimitedCount).toBe(0);
      expect([...world.reads().values()]).toEqual(Array.from({ length: MANY }, () => 1));
      const others = bitbucket.requests.length - MANY;
      // The listing, the rate limit and the authentication check.
      expect(others).toBeLessThanOrEqual(MANY + 4);
      expect(await world.errors()).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    `reads each file once per maxAge, in ${ROUNDS} rounds of processing without a change`,
    async () => {
      const before = await world.components();
      world.bitbucket.clearRequests();
      const fromMs = Date.now();
      for (let round = 1; round <= ROUNDS; round += 1) {
        setAhead((round * 45 * MINUTE_MS) / ROUNDS);
        await world.processed(1);
      }

      // The ages at which the files are read again are spread over the last fifth of `maxAge`.
      const passedMs = systemClock.now() - fromMs;
      const most = Math.floor(passedMs / (12 * MINUTE_MS));
      const counts = [...world.reads().values()];
      expect(counts).toHaveLength(MANY);
      expect(Math.max(...counts)).toBeLessThanOrEqual(most);
      expect(await world.components()).toEqual(before);
      expect(await world.errors()).toEqual([]);
    },
    TIMEOUT_MS,
  );
});

describe('a catalog that acts on SCM events', () => {
  let world: ReaderWorld;

  afterAll(() => world.end());

  it('shows a push to a file that another file refers to with a processing that the push itself causes', async () => {
    world = await startReaderWorld({ count: 0, more: 1, prepare, scmEvents: true });
    // The first result of a file differs from the later ones, which also causes a processing.
    await world.processed(2);

    await world.push('nested', { 'more.yaml': componentYaml('nested', 'pushed') });

    await eventually(async () =>
      expect((await world.component('nested')).metadata.description).toBe('pushed'),
    );
  });
});
