/**
 * Catalogs on PostgreSQL that read files, with their real processing loop. One whose database goes
 * away: no entity is lost, no place for processing stays occupied, and nothing stays outdated.
 * Two on the same database: together they keep to what Bitbucket grants a user.
 */

import knexFactory, { Knex } from 'knex';
import { z } from 'zod';
import { componentYaml } from '../dev/seed';
import { eventually } from '../src/__testUtils__/eventually';
import { createTestDatabases } from '../src/__testUtils__/testDatabases';
import { EACH_RUN_CHECKS } from '../src/__testUtils__/testProvider';
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
const BUCKETS = 'bitbucket_server_discovery_buckets';
const RUN = 'bitbucketServer-provider:default:refresh';

const BucketState = z.object({ replicas: z.record(z.string(), z.number()) });
const BucketRow = z.object({
  state: z.string().transform(text => BucketState.parse(JSON.parse(text))),
});

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

  /** Locks the table of stamps during the work. */
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

describeIfPostgres('two replicas with 20 requests and 10 more each second', () => {
  const SETTINGS = {
    count: COUNT,
    config: EACH_RUN_CHECKS,
    // Each processing reads everything.
    reading: { maxAge: { seconds: 0 } },
  };
  const replicas: ReaderWorld[] = [];

  afterAll(async () => {
    for (const replica of replicas.reverse()) await replica.end();
  });

  /** Those that have taken requests from what they have in common. */
  async function countReplicas({ database }: ReaderWorld): Promise<number> {
    const rows: unknown[] = await database()(BUCKETS).select('state');
    const [{ state }] = z.tuple([BucketRow]).parse(rows);
    return Object.keys(state.replicas).length;
  }

  it('meet no 429 from their start on, with runs, webhooks and reads on both', async () => {
    const database = await databases.createPostgres();
    // Less at once than Bitbucket documents, and faster.
    const rateLimit = { capacity: 20, fillRate: 10 };
    const first = await startReaderWorld({ ...SETTINGS, database, rateLimit });
    replicas.push(first);
    const second = await startReaderWorld({ ...SETTINGS, database, beside: first });
    replicas.push(second);
    const pushed = Array.from({ length: 6 }, (_, index) => `svc-${index}`);

    await Promise.all([
      ...replicas.map(replica => replica.runTask(RUN)),
      ...replicas.map(replica => replica.processed(2)),
      ...pushed.map((slug, index) =>
        replicas[index % 2]?.push(slug, { [FILE]: componentYaml(slug, 'pushed') }),
      ),
    ]);
    await eventually(async () => {
      const filter = 'kind=component,metadata.description=pushed';
      expect(await second.entities(filter)).toHaveLength(pushed.length);
    });

    expect(first.bitbucket.requests.length).toBeGreaterThan(4 * rateLimit.capacity);
    expect(first.bitbucket.rateLimitedCount).toBe(0);
    expect(await countReplicas(first)).toBe(2);
    expect(await second.errors()).toEqual([]);
  });
});
