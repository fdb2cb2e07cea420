import type { Knex } from 'knex';
import { z } from 'zod';
import {
  createSimulatedBitbucket,
  serve,
  SimulatedBitbucket,
  SimulatedBitbucketOptions,
} from '../dev/simulatedBitbucket';
import { componentYaml } from '../dev/seed';
import { WEBHOOK_SECRET } from '../src/__testUtils__/backendApi';
import { createCatalogObserver } from './__testUtils__/catalogObserver';
import { eventually } from '../src/__testUtils__/eventually';
import { startBackend, TestBackend } from '../src/__testUtils__/startBackend';
import { appConfigFor, TEST_USER } from '../src/__testUtils__/testProvider';

const TASK = 'bitbucketServer-provider:default:refresh';
const FILE = 'catalog-info.yaml';
const PERSONAL = '~JDOE';
/** Repositories of an ordinary and of a personal project. */
const EARLY = [
  { projectKey: 'PAY', slug: 'early' },
  { projectKey: PERSONAL, slug: 'my-early' },
];
const LATE = [
  { projectKey: 'PAY', slug: 'late' },
  { projectKey: PERSONAL, slug: 'my-late' },
];

const endings: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) {
    await end();
  }
});

async function serveBitbucket(
  options: SimulatedBitbucketOptions,
): Promise<SimulatedBitbucket> {
  const bitbucket = createSimulatedBitbucket({
    users: [TEST_USER, { name: 'jdoe', password: 'x' }],
    ...options,
  });
  bitbucket.addPersonalProject('jdoe');
  for (const repository of EARLY) {
    const files = { [FILE]: componentYaml(repository.slug, 'at first') };
    bitbucket.addRepository({ ...repository, files });
  }
  LATE.forEach(repository => bitbucket.addRepository(repository));
  const served = await serve(bitbucket);
  endings.push(() => served.close());
  return bitbucket;
}

interface Observed extends TestBackend {
  readonly database: Knex;
  /** Runs discovery, and waits for it. */
  run(): Promise<void>;
}

/** A backend whose catalog tables a test can read. */
async function start(bitbucket: SimulatedBitbucket): Promise<Observed> {
  const observer = createCatalogObserver();
  const config = { filters: { personalRepos: true } };
  const backend = await startBackend({
    config: appConfigFor({ bitbucket, config }),
    features: [observer.feature],
    webhooks: true,
  });
  endings.push(() => backend.stop());
  return { ...backend, database: observer.database(), run: () => observer.runTask(TASK) };
}

const Rows = z.array(z.record(z.string(), z.unknown()));
const LOCATIONS = `entity_ref like 'location:%'`;

/** The emitted entities, as the catalog stores them. */
async function locationsGiven({ database }: Observed) {
  return Rows.parse(
    await database('refresh_state')
      .select('entity_ref', 'unprocessed_entity', 'unprocessed_hash', 'location_key')
      .whereRaw(LOCATIONS)
      .orderBy('entity_ref'),
  );
}

async function getIds({ database }: Observed) {
  return Rows.parse(
    await database('refresh_state')
      .select('entity_ref', 'entity_id')
      .orderBy('entity_ref'),
  );
}

/** Counts writes to Locations that make the catalog process them, from now on. */
async function countWrites({ database }: Observed): Promise<() => Promise<number>> {
  await database.raw('CREATE TABLE written (entity_ref TEXT)');
  for (const [name, event, row] of [
    ['given', 'UPDATE OF unprocessed_entity, unprocessed_hash', 'new'],
    ['due', 'UPDATE OF next_update_at', 'new'],
    ['added', 'INSERT', 'new'],
    ['removed', 'DELETE', 'old'],
  ]) {
    await database.raw(
      `CREATE TRIGGER written_${name} AFTER ${event} ON refresh_state
       WHEN ${row}.${LOCATIONS}
       BEGIN INSERT INTO written VALUES (${row}.entity_ref); END`,
    );
  }
  return async () => Rows.parse(await database('written')).length;
}

async function push(
  bitbucket: SimulatedBitbucket,
  backend: TestBackend,
  repositories: typeof EARLY,
  description: string,
): Promise<void> {
  for (const { projectKey, slug } of repositories) {
    const content = componentYaml(slug, description);
    const changes = [bitbucket.writeFile(projectKey, slug, FILE, content)];
    const webhook = bitbucket.webhook(
      'repo:refs_changed',
      { projectKey, slug, changes },
      { secret: WEBHOOK_SECRET },
    );
    expect(await backend.deliver(webhook)).toBe(202);
  }
  for (const { slug } of repositories) {
    await eventually(async () => {
      const { metadata } = await backend.component(slug);
      expect(metadata.description).toBe(description);
    });
  }
}

describe.each<[string, SimulatedBitbucketOptions]>([
  ['at the root of its host', {}],
  ['behind a context path', { baseUrl: 'http://bitbucket.test/bitbucket' }],
  [
    'with another host in its links',
    {
      baseUrl: 'http://bitbucket.test/bitbucket',
      linkBaseUrl: 'https://git.internal.example/code',
    },
  ],
])('with a Bitbucket %s', (_, options) => {
  it('events and runs emit identical Locations', async () => {
    const bitbucket = await serveBitbucket(options);
    const backend = await start(bitbucket);
    await backend.waitForEntities('kind=component', 2);
    const atFirst = await locationsGiven(backend);

    await push(bitbucket, backend, [...LATE, ...EARLY], 'pushed');

    const afterEvents = await locationsGiven(backend);
    expect(afterEvents).toHaveLength(atFirst.length + 2);
    expect(afterEvents).toEqual(expect.arrayContaining(atFirst));
    const ids = await getIds(backend);
    const writes = await countWrites(backend);
    const reads = () =>
      bitbucket.requests.filter(({ path }) => path.includes('/raw/')).length;
    const readsBefore = reads();

    await backend.run();

    expect(await writes()).toBe(0);
    expect(reads()).toBe(readsBefore);
    expect(await locationsGiven(backend)).toEqual(afterEvents);
    expect(await getIds(backend)).toEqual(ids);
    // A catalog that has received no event.
    const runsOnly = await start(bitbucket);
    await runsOnly.run();
    await eventually(async () =>
      expect(await locationsGiven(runsOnly)).toEqual(afterEvents),
    );
  });
});

describe('the counter of these tests', () => {
  it('counts a Location that is emitted again', async () => {
    const bitbucket = await serveBitbucket({});
    const backend = await start(bitbucket);
    await backend.waitForEntities('kind=component', 2);
    const writes = await countWrites(backend);

    bitbucket.deleteRepository('PAY', 'early');
    await backend.run();

    expect(await writes()).toBeGreaterThan(0);
  });
});
