/**
 * A catalog whose PostgreSQL goes away while it reads files, with its real processing loop: no
 * entity is lost, no place for processing stays occupied, and nothing stays outdated.
 */

import knexFactory, { Knex } from 'knex';
import { componentYaml } from '../dev/seed';
import { eventually } from '../src/__testUtils__/eventually';
import { createTestDatabases } from '../src/__testUtils__/testDatabases';
import {
  DatabaseProxy,
  Disorder,
  startDatabaseProxy,
} from './__testUtils__/databaseProxy';
import { ReaderWorld, startReaderWorld } from './__testUtils__/readerWorld';

const FILE = 'catalog-info.yaml';
/** More than the catalog processes at a time. */
const COUNT = 12;
const STAMPS = 'bitbucket_server_discovery_stamps';

const databases = createTestDatabases();
const describeIfPostgres = databases.supports('POSTGRES_15') ? describe : describe.skip;

describeIfPostgres('a catalog whose PostgreSQL', () => {
  let world: ReaderWorld;
  let proxy: DatabaseProxy;
  let direct: Knex;

  beforeAll(async () => {
    const url = await databases.createPostgres();
    direct = knexFactory({ client: 'pg', connection: url, pool: { min: 0, max: 2 } });
    proxy = await startDatabaseProxy(url);
    world = await startReaderWorld({
      count: COUNT,
      database: proxy.url,
      intervalSeconds: 1,
      // A quarter of it is what a read waits for a database that hangs.
      reading: { maxWait: { seconds: 2 } },
    });
    await world.processed(1);
  });

  // The database's client writes there that it cannot connect.
  beforeEach(() => jest.spyOn(console, 'log').mockImplementation(() => {}));
  afterEach(() => {
    jest.restoreAllMocks();
    world.bitbucket.faults.clear();
  });

  afterAll(async () => {
    await proxy.recover();
    await world.end();
    await proxy.close();
    await direct.destroy();
  });

  const write = (slug: string, description: string) =>
    world.bitbucket.writeFile('PAY', slug, FILE, componentYaml(slug, description));

  const shows = (name: string, description: string) =>
    eventually(async () =>
      expect((await world.component(name)).metadata.description).toBe(description),
    );

  const expectNoReads = async () => {
    await eventually(async () => {
      world.bitbucket.clearRequests();
      await world.processed(1);
      expect(world.reads()).toEqual(new Map());
    });
  };

  const warnings = () =>
    world.logger
      .messages('warn')
      .filter(message => message.includes('which repositories have changed'));

  const failedTurns = () =>
    world.logger
      .messages('warn')
      .filter(message => message === 'Failed to load processing items').length;

  /** Nobody can read or write stamps meanwhile. */
  async function withLockedStamps(work: () => Promise<void>): Promise<void> {
    const lock = await direct.transaction();
    try {
      await lock.raw('LOCK TABLE ?? IN ACCESS EXCLUSIVE MODE', [`catalog.${STAMPS}`]);
      await work();
    } finally {
      await lock.rollback();
    }
  }

  it('hangs over the stamps processes all entities, shows every change and loses nothing', async () => {
    const before = await world.components();
    await expectNoReads();
    await withLockedStamps(async () => {
      write('svc-1', 'nobody said so');
      await shows('svc-1', 'nobody said so');
      await world.push('svc-2', { [FILE]: componentYaml('svc-2', 'pushed') });
      await shows('svc-2', 'pushed');
      const effect = { type: 'status', status: 500 } as const;
      const fault = world.bitbucket.faults.add({ effect });
      await world.processed(2);
      expect(await world.components()).toEqual(before);
      expect(await world.errors()).toEqual([]);
      fault.remove();
    });
    expect(warnings()).toHaveLength(1);

    await expectNoReads();
    expect(await world.components()).toEqual(before);
  });

  it.each<[Disorder, () => Promise<unknown>]>([
    [
      'refuses',
      () => eventually(async () => expect(failedTurns()).toBeGreaterThanOrEqual(5)),
    ],
    ['hangs', async () => {}],
  ])(
    '%s all queries loses nothing, and shows what was pushed meanwhile',
    async (disorder, lasts) => {
      const before = await world.components();
      await expectNoReads();
      const pushed = `while it ${disorder}`;

      await proxy.fail(disorder);
      // Each of them waits a while for a database that hangs.
      for (const slug of ['svc-3', 'svc-4', 'svc-5']) {
        await world.push(slug, { [FILE]: componentYaml(slug, pushed) });
      }
      await lasts();
      await proxy.recover();

      for (const slug of ['svc-3', 'svc-4', 'svc-5']) await shows(slug, pushed);
      await world.processed(1);
      expect(await world.components()).toEqual(before);
      expect(await world.errors()).toEqual([]);
      await expectNoReads();
    },
  );
});
