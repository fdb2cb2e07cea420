/** Conflicts about entities with other sources, as a real catalog decides and the report shows them. */

import {
  ConflictWorld,
  ConflictWorldOptions,
  startConflictWorld,
} from './__testUtils__/conflictWorld';
import { eventually } from '../src/__testUtils__/eventually';
import { createTestDatabases, emptyDatabase } from '../src/__testUtils__/testDatabases';
import { plainLocationRef } from '../src/provider/locationEntities';
import { ANNOTATION_REPROCESS_REQUESTED_AT } from '../src/util/annotations';

const databases = createTestDatabases();

type DatabaseId = Parameters<typeof databases.init>[0];

const worlds: ConflictWorld[] = [];

afterEach(async () => {
  for (const world of worlds.splice(0)) {
    await world.stop();
  }
});

async function start(
  components: Readonly<Record<string, string>>,
  options: Pick<ConflictWorldOptions, 'providers' | 'intervalSeconds'> = {},
  databaseId: DatabaseId = 'SQLITE_3',
): Promise<ConflictWorld> {
  const knex = await emptyDatabase(databases, databaseId);
  const world = await startConflictWorld({ knex, components, ...options });
  worlds.push(world);
  return world;
}

/** Waits for what the catalog's processing leads to. */
const eventuallyConflicts = (world: ConflictWorld, expected: readonly string[]) =>
  eventually(async () => expect(await world.conflicts()).toEqual(expected));

const FORKED = [
  'PAY/api: entity holds, catalog-info.yaml of ~jdoe/api',
  '~JDOE/api: entity refused, catalog-info.yaml of PAY/api',
];

/** The catalog has the Component of one repository, and then meets it in a fork. */
async function startWithFork(databaseId: DatabaseId): Promise<ConflictWorld> {
  const world = await start({ 'PAY/api': 'api', 'PAY/web': 'web' }, {}, databaseId);
  await world.run();
  await world.backend.waitForEntities('kind=component', 2);
  world.add('~jdoe/api', 'api', 'PAY/api');
  await world.run();
  await eventuallyConflicts(world, FORKED);
  return world;
}

/** From which file the catalog has a Component. */
async function getSource(world: ConflictWorld, name: string) {
  const [found] = await world.backend.entities(`kind=component,metadata.name=${name}`);
  return found?.metadata.annotations?.['backstage.io/managed-by-location'];
}

describe.each(databases.eachSupportedId())('a fork in a catalog on %s', databaseId => {
  it('that has the entity of its origin is named, and so is the origin', async () => {
    const world = await startWithFork(databaseId);

    const [origin, fork] = await world.disputed();
    expect(fork?.conflicts).toMatchObject([
      {
        entityRef: 'component:default/api',
        other: { projectKey: 'PAY', repositorySlug: 'api', path: 'catalog-info.yaml' },
        explanation:
          'The catalog has component:default/api from catalog-info.yaml of PAY/api and does not accept it from catalog-info.yaml of ~jdoe/api.',
        remedy: expect.stringContaining('`filters.skipForkedRepos: true`'),
      },
    ]);
    expect(origin?.conflicts[0]?.explanation).toBe(fork?.conflicts[0]?.explanation);
    expect(await world.count()).toBe(1);
    await world.run();
    expect(await world.conflicts()).toEqual(FORKED);
  });

  it('is no longer a conflict once its origin is gone: the catalog then accepts the entity', async () => {
    const world = await startWithFork(databaseId);
    world.bitbucket.deleteRepository('PAY', 'api');

    await world.run();

    await eventuallyConflicts(world, []);
    expect(await world.count()).toBe(0);
    await eventually(async () =>
      expect(await getSource(world, 'api')).toMatch(/users\/jdoe\/repos\/api\//),
    );
  });

  it('is no longer a conflict once its entity has another name', async () => {
    const world = await startWithFork(databaseId);

    world.rename('~jdoe/api', 'api-of-jdoe');

    await world.backend.waitForEntities('kind=component', 3);
    await eventuallyConflicts(world, []);
  });
});

const HOLDER = 'PAY/api';

/**
 * The catalog has the Component of one repository and has refused those of others that it
 * processed at the same time, so that none of their results depends on the holder. That happens
 * by chance when it processes several files at once. When the Component is gone and it reads one
 * of them again, the result is the same, and an unchanged result has no effect.
 *
 * @remarks From then on, the catalog reads a file only on request.
 */
async function startWithClaimants(
  databaseId: DatabaseId,
  claimants: readonly string[],
): Promise<ConflictWorld> {
  const world = await start(
    { [HOLDER]: 'api', 'PAY/web': 'web' },
    { intervalSeconds: 3_600 },
    databaseId,
  );
  await world.run();
  await world.backend.waitForEntities('kind=component', 2);
  const references = () => world.knex('refresh_state_references');
  const seen = { target_entity_ref: 'component:default/api' };
  const [parent] = await references().where(seen).select('source_entity_ref');
  await references().where(seen).delete();
  claimants.forEach(at => world.add(at, 'api'));
  await world.run();
  await eventually(async () =>
    expect((await world.conflicts()).sort()).toEqual(refusedBy(HOLDER, claimants)),
  );
  await references().insert({ ...seen, ...parent });
  return world;
}

/** The conflicts in the report when the catalog has the Component from one of these repositories. */
function refusedBy(holder: string, claimants: readonly string[]): string[] {
  return [
    ...claimants.map(at => `${holder}: entity holds, catalog-info.yaml of ${at}`),
    ...claimants.map(at => `${at}: entity refused, catalog-info.yaml of ${holder}`),
  ].sort();
}

/** Waits until the catalog has the Component from one of these, and the report shows that. */
async function eventuallyHeldByOneOf(
  world: ConflictWorld,
  claimants: readonly string[],
): Promise<void> {
  await eventually(async () => {
    const source = await getSource(world, 'api');
    const holder = claimants.find(at => source === `url:${world.toTarget(at)}`);
    expect(claimants).toContain(holder);
    const others = claimants.filter(at => at !== holder);
    expect((await world.conflicts()).sort()).toEqual(refusedBy(holder ?? '', others));
    expect(await world.count()).toBe(claimants.length - 1);
  });
}

/** The Locations that the catalog was requested to process as if they had changed. */
async function reprocessed(world: ConflictWorld) {
  const locations = await world
    .knex('refresh_state')
    .where('entity_ref', 'like', 'location:%');
  return locations.filter(row =>
    String(row.unprocessed_entity).includes(ANNOTATION_REPROCESS_REQUESTED_AT),
  );
}

/** The planned processing of the Locations of these repositories: their input and due times. */
async function plannedReads(world: ConflictWorld, claimants: readonly string[]) {
  const refs = claimants.map(at => plainLocationRef(world.toTarget(at)));
  return world
    .knex('refresh_state')
    .whereIn('entity_ref', refs)
    .orderBy('entity_ref')
    .select('entity_ref', 'unprocessed_entity', 'next_update_at');
}

describe.each(databases.eachSupportedId())(
  'an entity on %s that was refused',
  databaseId => {
    const claimants = ['PAY/copy', 'SHOP/copy'];

    it('is read from there once a run has removed the repository that has it', async () => {
      const world = await startWithClaimants(databaseId, claimants);
      world.bitbucket.deleteRepository('PAY', 'api');

      await world.run();

      await eventuallyHeldByOneOf(world, claimants);
      expect(await reprocessed(world)).toHaveLength(claimants.length);
      await world.run();
      expect(await reprocessed(world)).toEqual([]);
      await eventuallyHeldByOneOf(world, claimants);
    });

    it('is read from there once an event has removed the file that has it', async () => {
      const world = await startWithClaimants(databaseId, claimants);

      await world.pushWithoutFile(HOLDER);

      await eventuallyHeldByOneOf(world, claimants);
    });

    it('is read from there once its own file no longer has it and the catalog deletes it', async () => {
      const world = await startWithClaimants(databaseId, claimants);
      world.rename(HOLDER, 'another');
      await world.refresh(HOLDER);
      await world.backend.waitForEntities('kind=component,metadata.name=another', 1);
      for (const at of claimants) {
        await world.refresh(at);
      }

      await world.deleteOrphans();

      await eventuallyHeldByOneOf(world, claimants);
    });

    it('costs no reads while the repository that has it stays', async () => {
      const world = await startWithClaimants(databaseId, claimants);
      const before = await plannedReads(world, claimants);
      world.bitbucket.deleteRepository('PAY', 'web');

      await world.run();
      await world.backend.waitForEntities('kind=component', 1);
      await world.run();

      expect(before).toHaveLength(claimants.length);
      expect(await plannedReads(world, claimants)).toEqual(before);
      expect((await world.conflicts()).sort()).toEqual(refusedBy(HOLDER, claimants));
    });
  },
);

describe('conflicts', () => {
  it('do not exist if no other source claims an entity', async () => {
    const world = await start({ 'PAY/api': 'api', 'SHOP/web': 'web' });

    await world.run();
    await world.backend.waitForEntities('kind=component', 2);

    expect(await world.conflicts()).toEqual([]);
    expect(await world.count()).toBe(0);
  });

  it('name both of two providers that have found the same file', async () => {
    const world = await start({ 'PAY/api': 'api' }, { providers: ['a', 'b'] });

    await world.run('a');
    expect(await world.conflicts('a')).toEqual([]);
    await world.run('b');

    expect(await world.conflicts('a')).toEqual([
      'PAY/api: location holds, provider b of this configuration',
    ]);
    expect(await world.conflicts('b')).toEqual([
      'PAY/api: location refused, provider a of this configuration',
    ]);
    const [item] = await world.disputed('b');
    expect(item?.conflicts).toMatchObject([
      {
        targetUrl: world.toTarget('PAY/api'),
        other: { providerId: 'a', locationKey: 'bitbucketServer-provider:a' },
        explanation:
          'The catalog has the Location of catalog-info.yaml of PAY/api from provider a of this configuration and does not accept it from provider b of this configuration.',
        remedy: expect.stringContaining('`filters`'),
      },
    ]);
    expect([await world.count('a'), await world.count('b')]).toEqual([1, 1]);
  });

  it('end when one of two providers no longer registers the file', async () => {
    const components = { 'PAY/api': 'api', 'PAY/web': 'web' };
    const world = await start(components, { providers: ['a', 'b'] });
    await world.run('a');
    await world.run('b');
    world.bitbucket.deleteRepository('PAY', 'api');

    await world.run('a');

    expect(await world.conflicts('a')).toEqual([
      'PAY/web: location holds, provider b of this configuration',
    ]);
    expect(await world.conflicts('b')).toEqual([
      'PAY/web: location refused, provider a of this configuration',
    ]);
  });

  it('of a file with itself, registered in another spelling, end as the remedy says', async () => {
    const spellings: Record<string, (url: string) => string> = {
      'PAY/branch': url => `${url}?at=refs%2Fheads%2Fmain`,
      'PAY/case': url => url.replace('/PAY/', '/pay/'),
      'PAY/raw': url => url.replace('/browse/', '/raw/'),
      'PAY/slashes': url => url.replace('/browse/', '/browse//'),
    };
    const all = Object.entries(spellings);
    const toComponent = (at: string) => at.replace('PAY/', '');
    const world = await start(
      Object.fromEntries(all.map(([at]) => [at, toComponent(at)])),
    );
    const unregister = await Promise.all(
      all.map(([at, spell]) => world.register(at, spell)),
    );
    await world.backend.waitForEntities('kind=component', all.length);
    await world.run();
    await eventually(async () =>
      expect((await world.disputed()).map(item => item.conflicts)).toMatchObject(
        all.map(([at, spell]) => [
          {
            kind: 'entity',
            explanation: expect.stringContaining('both are the same file'),
            remedy: expect.stringContaining(`Unregister ${spell(world.toTarget(at))},`),
          },
        ]),
      ),
    );

    await Promise.all(unregister.map(end => end()));

    await eventuallyConflicts(world, []);
    for (const [at] of all) {
      await eventually(async () =>
        expect(await getSource(world, toComponent(at))).toBe(`url:${world.toTarget(at)}`),
      );
    }
  });

  it('name a location that was registered before, until it is unregistered', async () => {
    const world = await start({ 'PAY/api': 'api', 'PAY/web': 'web' });
    const unregister = await world.register('PAY/api');

    await world.run();

    expect(await world.conflicts()).toEqual([
      'PAY/api: location refused, a location registered for this file',
    ]);
    const [item] = await world.disputed();
    expect(item?.conflicts).toMatchObject([
      {
        other: { locationKey: `url:${world.toTarget('PAY/api')}` },
        remedy: expect.stringContaining('Unregister'),
      },
    ]);

    await unregister();
    expect(await world.conflicts()).toEqual([]);
    await world.run();
    expect(await world.conflicts()).toEqual([]);
    await world.backend.waitForEntities('kind=component,metadata.name=api', 1);
  });

  it('name a location that is registered later, from the next run on', async () => {
    const world = await start({ 'PAY/api': 'api', 'PAY/web': 'web' });
    await world.run();
    const unregister = await world.register('PAY/api');

    await world.run();

    expect(await world.conflicts()).toEqual([
      'PAY/api: location holds, a location registered for this file',
    ]);

    await unregister();
    expect(await world.conflicts()).toEqual([]);
    await world.backend.waitForEntities('kind=component,metadata.name=api', 1);
  });

  it('are found between repositories that have nothing to do with each other', async () => {
    const world = await start({ 'PAY/api': 'service', 'SHOP/api': 'service' });

    await world.run();

    await eventually(async () => expect(await world.count()).toBe(1));
    const items = await world.disputed();
    expect(items.map(item => item.projectKey)).toEqual(['PAY', 'SHOP']);
    expect(items.flatMap(item => item.conflicts.map(({ role }) => role)).sort()).toEqual([
      'holds',
      'refused',
    ]);
  });

  it('are detected with a manually registered file', async () => {
    const world = await start({ 'PAY/api': 'api', 'HIDDEN/api': 'api' });
    await world.register('HIDDEN/api');
    await world.backend.waitForEntities('kind=component', 1);

    await world.run();

    await eventuallyConflicts(world, [
      'PAY/api: entity refused, catalog-info.yaml of HIDDEN/api',
    ]);
  });

  it('are not kept where neither side is ours', async () => {
    const world = await start({ 'PAY/api': 'api', 'HIDDEN/a': 'one', 'HIDDEN/b': 'one' });
    await world.register('HIDDEN/a');
    await world.backend.waitForEntities('kind=component', 1);
    await world.register('HIDDEN/b');
    // Has to be refused after that one, so that it is known to be over.
    world.add('PAY/last', 'one');
    await eventually(async () => {
      const processed = await world
        .knex('refresh_state')
        .where('location_key', `url:${world.toTarget('HIDDEN/b')}`)
        .whereNot('result_hash', '')
        .first();
      expect(processed).toBeDefined();
    });

    await world.run();
    await eventuallyConflicts(world, [
      'PAY/last: entity refused, catalog-info.yaml of HIDDEN/a',
    ]);

    expect(
      await world.knex('bitbucket_server_discovery_conflicts').select(),
    ).toHaveLength(1);
  });
});
