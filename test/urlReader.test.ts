/**
 * The catalog reading through the URL reader of this package, with its real processing
 * loop: what it costs, when a change shows, and what happens to the entities when Bitbucket
 * or something in front of it misbehaves.
 */

import { componentYaml } from '../dev/seed';
import { FaultOptions } from '../dev/simulatedBitbucket';
import { eventually } from '../src/__testUtils__/eventually';
import { ReaderWorld, startReaderWorld } from './__testUtils__/readerWorld';

const FILE = 'catalog-info.yaml';
/** Of a change: one, and one more where the catalog is at the file when it is told. */
const MOST_READS = 2;

const NO_REPOSITORY = 'com.atlassian.bitbucket.repository.NoSuchRepositoryException';

describe('a catalog in which nothing changes', () => {
  let world: ReaderWorld;

  beforeAll(async () => {
    world = await startReaderWorld({ count: 12 });
  }, 60_000);
  afterAll(() => world.end());

  it('asks for no content while what it has is young, however often it processes', async () => {
    await world.processed(2);
    world.bitbucket.clearRequests();

    await world.processed(5);

    expect(world.reads()).toEqual(new Map());
    expect(await world.errors()).toEqual([]);
  });

  it('shows a push at once', async () => {
    world.bitbucket.clearRequests();

    await world.push('svc-1', { [FILE]: componentYaml('svc-1', 'pushed') });

    await eventually(async () =>
      expect((await world.component('svc-1')).metadata.description).toBe('pushed'),
    );
    await world.processed(2);
    expect(Math.max(...world.reads().values())).toBeLessThanOrEqual(MOST_READS);
    expect(world.reads().size).toBe(1);
  });

  it.each([
    ['a Component', 'component:default/svc-2', 'svc-2'],
    ['the Location that leads to it', undefined, 'svc-3'],
  ])('shows what is in Bitbucket once %s is refreshed by hand', async (_, ref, slug) => {
    world.bitbucket.writeFile('PAY', slug, FILE, componentYaml(slug, 'by hand'));
    const [location] = await world.entities(
      `kind=location,spec.target=${world.bitbucket.baseUrl}/projects/PAY/repos/${slug}/browse/${FILE}`,
    );
    world.bitbucket.clearRequests();

    const entityRef = ref ?? `location:default/${location?.metadata.name}`;
    expect(await world.refresh(entityRef)).toBe(200);

    await eventually(async () =>
      expect((await world.component(slug)).metadata.description).toBe('by hand'),
    );
    await world.processed(2);
    expect(Math.max(...world.reads().values())).toBeLessThanOrEqual(MOST_READS);
    expect(world.reads().size).toBe(1);
  });

  it('shows the error of a broken file until it is mended, and keeps its entities', async () => {
    const before = await world.components();
    await world.push('svc-4', { [FILE]: 'kind: [not, a, component' });
    await eventually(async () => expect(await world.errors()).not.toEqual([]));

    await world.processed(3);
    expect(await world.errors()).toHaveLength(1);
    expect(await world.components()).toEqual(before);

    await world.push('svc-4', { [FILE]: componentYaml('svc-4', 'mended') });
    await eventually(async () => expect(await world.errors()).toEqual([]));
    expect((await world.component('svc-4')).metadata.description).toBe('mended');
    expect(await world.components()).toEqual(before);
  });

  it('lets the entities of a deleted file go once discovery has learned of it, and keeps them with an error until then', async () => {
    const before = await world.components();
    const change = world.bitbucket.removeFile('PAY', 'svc-5', FILE);
    await world.refresh('component:default/svc-5');
    await eventually(async () =>
      expect(await world.errors()).toEqual([
        expect.stringContaining('no matching files found'),
      ]),
    );
    await world.processed(2);
    expect(await world.components()).toEqual(before);

    await world.announce('svc-5', [change]);
    await eventually(async () =>
      expect((await world.components()).has('component:default/svc-5')).toBe(false),
    );
    before.delete('component:default/svc-5');
    await world.processed(2);
    expect(await world.components()).toEqual(before);
  }, 60_000);
});

describe('a catalog that reads everything anew at each processing', () => {
  let world: ReaderWorld;

  beforeAll(async () => {
    world = await startReaderWorld({
      count: 9,
      // Optional Locations: the catalog drops their entities where a file is not found.
      config: { validateLocationsExist: false },
      reading: { maxAge: { milliseconds: 0 }, maxWait: { milliseconds: 500 } },
    });
  }, 60_000);
  afterAll(() => world.end());

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

  async function misbehaves(faults: readonly { hits: number; remove(): void }[]) {
    const components = await world.components();
    await eventually(async () =>
      expect(Math.min(...faults.map(({ hits }) => hits))).toBeGreaterThan(0),
    );
    await world.processed(3);
    expect(await world.components()).toEqual(components);

    faults.forEach(fault => fault.remove());
    await world.processed(1);
    expect(await world.components()).toEqual(components);
    expect(await world.errors()).toEqual([]);
  }

  it('keeps every entity, whatever Bitbucket answers about their repositories', async () => {
    await misbehaves(
      FAULTS.map(([, effect], index) =>
        world.bitbucket.faults.add({ match: { repositorySlug: `svc-${index}` }, effect }),
      ),
    );
  }, 60_000);

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

  it('keeps every entity while Bitbucket answers nothing but 429', async () => {
    await misbehaves([
      world.bitbucket.faults.add({ effect: { type: 'status', status: 429 } }),
    ]);
  }, 60_000);
});
