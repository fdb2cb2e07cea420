/**
 * The catalog reading through the URL reader of this package, with its real processing
 * loop: what it costs, when a change shows, and what happens to the entities when Bitbucket
 * or something in front of it misbehaves.
 */

import { componentYaml } from '../dev/seed';
import { FaultOptions, SimulatedBitbucket } from '../dev/simulatedBitbucket';
import { eventually } from '../src/__testUtils__/eventually';
import { TEST_USER } from '../src/__testUtils__/testProvider';
import { systemClock } from '../src/util/clock';
import { ReaderWorld, startReaderWorld } from './__testUtils__/readerWorld';

const FILE = 'catalog-info.yaml';
const RUN = 'bitbucketServer-provider:default:refresh';
/** Of a change: one, and one more where the catalog takes the file up again before it is done with it. */
const MOST_READS = 2;
/** Files; with 200 it takes a minute. */
const COUNT = Number(process.env.READER_TEST_FILES ?? 12);
const ROUNDS = 10;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

const NO_REPOSITORY = 'com.atlassian.bitbucket.repository.NoSuchRepositoryException';

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
      // Discovery asks as somebody else than the catalog: what one learns holds for the other.
      config: { username: 'discovery', password: TEST_USER.password },
    });
  }, 60_000);
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

  const expectReadsOf = async (...paths: string[]) => {
    await world.processed(2);
    expect([...world.reads().keys()].map(path => path.replace(/^.*repos/, ''))).toEqual(
      paths.map(path => expect.stringContaining(path)),
    );
    expect(Math.max(...world.reads().values())).toBeLessThanOrEqual(MOST_READS);
  };

  it('requests no content while its files are younger than maxAge, however often it processes', async () => {
    await world.processed(1);
    expect(
      world.bitbucket.requests.find(request => request.path.includes('/raw/'))?.user,
    ).toBe(TEST_USER.name);
    world.bitbucket.clearRequests();

    await world.processedInHaste(ROUNDS);

    expect(world.reads()).toEqual(new Map());
    expect(await world.errors()).toEqual([]);
  }, 180_000);

  it('shows a push at once', async () => {
    world.bitbucket.clearRequests();

    await world.push('svc-1', { [FILE]: componentYaml('svc-1', 'pushed') });

    await shows('svc-1', 'pushed');
    await expectReadsOf('/svc-1/');
  });

  it('shows a push to another branch, where a file of it was registered by hand', async () => {
    const target = `${toPageUrl('nested')}/${FILE}?at=release%2F1`;
    const body = { type: 'url', target };
    const answer = await world.send('/api/catalog/locations', { method: 'POST', body });
    expect(answer.status).toBe(201);
    await shows('released', 'a service');
    const changed = componentYaml('released', 'changed');
    const change = world.bitbucket.writeFile('PAY', 'nested', FILE, changed, 'release/1');

    await world.announce('nested', [change]);

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
    const [location] = await world.entities(
      `kind=location,spec.target=${toPageUrl(slug)}/${FILE}`,
    );

    const entityRef = ref ?? `location:default/${location?.metadata.name}`;
    expect(await world.refresh(entityRef)).toBe(200);

    await shows(slug, 'by hand');
  });

  it('reads once more, and not at every processing, what was refreshed and has not changed', async () => {
    await world.processed(1);
    world.bitbucket.clearRequests();
    expect(await world.refresh('component:default/svc-4')).toBe(200);
    await eventually(async () => expect(world.reads().size).toBe(1));
    await expectReadsOf('/svc-4/');
    world.bitbucket.clearRequests();
    await world.processedInHaste(3);
    expect(world.reads()).toEqual(new Map());
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

    await world.processedInHaste(8);
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
    await shows('svc-7', 'meanwhile');
    expect(await world.components()).toEqual(before);
  });

  it('lets the entities of a deleted file go once Bitbucket has proven it to discovery too, without a webhook', async () => {
    const before = await world.components();
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
    expect(await world.components()).toEqual(before);

    fault.remove();
    await eventually(async () =>
      expect((await world.components()).has('component:default/svc-5')).toBe(false),
    );
    before.delete('component:default/svc-5');
    await world.processed(1);
    expect(await world.components()).toEqual(before);
    expect(await world.errors()).toEqual([]);
  }, 60_000);

  it('shows an unannounced change once its file is older than maxAge, for one request per file', async () => {
    write('svc-8', 'unannounced');
    world.bitbucket.clearRequests();
    setAhead(5 * MINUTE_MS);
    await world.processedInHaste(2);
    expect(world.reads()).toEqual(new Map());

    setAhead(15 * MINUTE_MS);
    await shows('svc-8', 'unannounced');
    await eventually(async () => expect(world.reads().size).toBe(COUNT - 1 + 3));
    await world.processed(1);
    expect(Math.max(...world.reads().values())).toBeLessThanOrEqual(MOST_READS);
    world.bitbucket.clearRequests();
    await world.processedInHaste(3);
    expect(world.reads()).toEqual(new Map());
  });

  it('has no file checked that it has read, when it is time for that', async () => {
    setAhead(7 * HOUR_MS);
    await eventually(async () => {
      await world.processedInHaste(1);
      expect(world.reads().size).toBe(COUNT - 1 + 3);
    });
    world.bitbucket.clearRequests();
    await world.runTask(RUN);
    const checks = () =>
      world.bitbucket.requests.filter(request => request.path.includes('type=true'));
    expect(checks().map(request => request.path)).toEqual([
      expect.stringContaining('/svc-5/'),
    ]);

    setAhead(14 * HOUR_MS);
    world.bitbucket.faults.add({ match: { kind: 'raw' }, effect: 'reset' });
    world.bitbucket.clearRequests();
    await world.runTask(RUN);
    expect(checks()).toHaveLength(COUNT + 1);
  });
});

describe('a catalog that reads everything anew at each processing', () => {
  let world: ReaderWorld;
  let days = 0;

  beforeAll(async () => {
    world = await startReaderWorld({
      count: 12,
      // Optional Locations: the catalog drops their entities where a file is not found.
      config: { validateLocationsExist: false },
      reading: { maxAge: { milliseconds: 0 }, maxWait: { milliseconds: 500 } },
    });
  }, 60_000);
  afterEach(() => world.bitbucket.faults.clear());
  afterAll(async () => {
    jest.restoreAllMocks();
    await world.end();
  });

  /** What was read before is now too old to stand where there is no answer. */
  const letADayPass = () => {
    days += 1;
    setAhead(days * 25 * HOUR_MS);
  };

  const FAULTS: [string, FaultOptions['effect']][] = [
    ['a 404 of a proxy', { type: 'html', status: 404 }],
    ['a login page with status 200', 'login-page'],
    ['an empty answer with status 200', { type: 'body', body: '' }],
    ['401', { type: 'status', status: 401 }],
    ['403', { type: 'html', status: 403 }],
    ['500', { type: 'status', status: 500 }],
    ['a broken connection', 'reset'],
    ['no answer', 'hang'],
    [
      'the word that the repository does not exist',
      { type: 'status', status: 404, exceptionName: NO_REPOSITORY },
    ],
  ];

  /** First while what was read stands, then when it is too old for that. */
  async function keepsAll(
    faults: readonly { hits: number; remove(): void }[],
    files: number,
  ) {
    const components = await world.components();
    await eventually(async () =>
      expect(Math.min(...faults.map(({ hits }) => hits))).toBeGreaterThan(0),
    );
    await world.processed(3);
    expect(await world.components()).toEqual(components);
    expect(await world.errors()).toEqual([]);

    letADayPass();
    await world.processed(3);
    expect(await world.components()).toEqual(components);
    expect(await world.errors()).toEqual(
      Array.from({ length: files }, () => expect.stringContaining('could not be read')),
    );
  }

  it('keeps every entity, whatever Bitbucket answers about their repositories, and shows the error once it lasts', async () => {
    const faults = FAULTS.map(([, effect], index) =>
      world.bitbucket.faults.add({ match: { repositorySlug: `svc-${index}` }, effect }),
    );
    const components = await world.components();
    await keepsAll(faults, FAULTS.length);

    faults.forEach(fault => fault.remove());
    await eventually(async () => expect(await world.errors()).toEqual([]));
    expect(await world.components()).toEqual(components);
  }, 90_000);

  it('keeps every entity when the catalog has forgotten all after too many failures', async () => {
    const components = await world.components();
    const effect = { type: 'status', status: 403 } as const;
    const fault = world.bitbucket.faults.add({ effect });
    letADayPass();
    await world.processedInHaste(8);
    expect(await world.components()).toEqual(components);
    await eventually(async () => expect(await world.errors()).toHaveLength(12));

    fault.remove();
    await eventually(async () => expect(await world.errors()).toEqual([]));
    expect(await world.components()).toEqual(components);
  }, 60_000);

  it('shows a change of one file while the others hang in all of its ten places', async () => {
    const others = /svc-([0-9]|10)\//;
    const fault = world.bitbucket.faults.add({ match: { path: others }, effect: 'hang' });
    await eventually(async () => expect(fault.hits).toBeGreaterThanOrEqual(10));
    world.bitbucket.writeFile('PAY', 'svc-11', FILE, componentYaml('svc-11', 'changed'));
    await eventually(async () =>
      expect((await world.component('svc-11')).metadata.description).toBe('changed'),
    );
    fault.remove();
  });

  it('lets the entities of a file go that is proven to be deleted, for good', async () => {
    world.bitbucket.removeFile('PAY', 'svc-8', FILE);
    await eventually(async () => {
      await world.runTask('catalog_orphan_cleanup');
      expect((await world.components()).has('component:default/svc-8')).toBe(false);
    });
    const effect = { type: 'status', status: 500 } as const;
    const fault = world.bitbucket.faults.add({ effect });
    await world.processed(2);
    fault.remove();
    expect((await world.components()).has('component:default/svc-8')).toBe(false);
  }, 60_000);

  // Last: it takes the limiter a while to believe that there is no limit any more.
  it('keeps every entity while Bitbucket answers nothing but 429', async () => {
    const effect = { type: 'status', status: 429 } as const;
    await keepsAll([world.bitbucket.faults.add({ effect })], 12);
  }, 90_000);
});
