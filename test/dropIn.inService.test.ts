/**
 * The switch from the published module in less simple installations: with Backstage's own
 * scheduler, globs, targets that this module spells differently, and after the tables of this
 * module were dropped.
 */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { schedulerServiceFactory } from '@backstage/backend-defaults/scheduler';
import { createBackendModule } from '@backstage/backend-plugin-api';
import { stringifyEntityRef } from '@backstage/catalog-model';
import peerModule from '@backstage/plugin-catalog-backend-module-bitbucket-server';
import { z } from 'zod';
import {
  afterPublished,
  ANCHOR,
  CatalogState,
  COMPONENTS,
  createDropInWorld,
  DropInOptions,
  DropInWorld,
  LOCATIONS,
  ofKind,
  REPOSITORIES,
  selectRun,
  SCHEDULE,
  without,
} from './__testUtils__/dropInWorld';
import { eventually } from '../src/__testUtils__/eventually';
import { ROOT } from './__testUtils__/readmeText';
import { TestBackend } from '../src/__testUtils__/startBackend';
import { withArchives } from './__testUtils__/withArchives';
import discoveryModule from '../src/index';

const CHECKED = { schedule: SCHEDULE, validateLocationsExist: true };
const MIGRATING = readFileSync(path.join(ROOT, 'docs/migrating.md'), 'utf8');

const endings: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) {
    await end();
  }
});

async function createWorld(options: Partial<DropInOptions> = {}): Promise<DropInWorld> {
  const world = await createDropInWorld({ providers: CHECKED, ...options });
  endings.push(() => world.end());
  return world;
}

const post = async (backend: TestBackend, route: string, body: object = {}) => {
  const response = await fetch(`${backend.baseUrl}/api/catalog/${route}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
};

const components = (state: CatalogState) => ofKind('component', state);

function getUids(state: CatalogState): string[] {
  return [...components(state).values()].map(row => row.uid);
}

const Task = z.object({
  id: z.string(),
  current_run_ticket: z.string().nullable(),
  next_run_start_at: z.union([z.string(), z.number()]),
});

/** The scheduler's own row of the provider's task. */
async function getTask(world: DropInWorld): Promise<z.infer<typeof Task>> {
  const rows: unknown[] = await world.ask(knex =>
    knex('backstage_backend_tasks__tasks').where('id', 'like', 'bitbucketServer-%'),
  );
  return z.tuple([Task]).parse(rows)[0];
}

const isIdle = (world: DropInWorld) =>
  eventually(async () => expect((await getTask(world)).current_run_ticket).toBeNull());

describe("with Backstage's own scheduler", () => {
  it('takes over the task of the published module, runs immediately, and again after a refresh', async () => {
    const world = await createWorld();
    const before = await world.start(peerModule, schedulerServiceFactory);
    endings.push(() => before.stop());
    await afterPublished(before);
    await isIdle(world);
    await before.stop();
    const first = await world.read();
    const { id } = await getTask(world);
    world.bitbucket.clearRequests();
    const listings = () =>
      world.bitbucket.requests.filter(request => request.path.includes('/repos?')).length;

    const after = await world.start(discoveryModule, schedulerServiceFactory);
    endings.push(() => after.stop());
    expect(await selectRun(after)).toMatchObject({ locations: LOCATIONS, removed: 0 });
    await isIdle(world);

    expect((await getTask(world)).id).toBe(id);
    expect(listings()).toBe(1);
    await post(after, 'refresh', { entityRef: ANCHOR });
    await eventually(async () => expect(listings()).toBe(2));
    await isIdle(world);
    expect(without(await world.read(), ANCHOR)).toEqual(first);
  });
});

describe('a glob, which the published module leaves to the catalog', () => {
  const GLOB = { catalogPath: '/**/catalog-info.yaml', schedule: SCHEDULE };
  const REPOSITORY_COUNT = Object.values(REPOSITORIES).flat().length;

  it('becomes one Location per file, and the Components do not change', async () => {
    const world = await createWorld({ providers: GLOB, file: 'svc/catalog-info.yaml' });
    withArchives(world.bitbucket);
    const first = await world.runWith(peerModule, afterPublished);

    const after = await world.start(discoveryModule);
    endings.push(() => after.stop());
    expect(await selectRun(after)).toMatchObject({
      heldBack: REPOSITORY_COUNT,
      removed: 0,
    });
    const ours = 'kind=location,spec.presence=required';
    await eventually(async () => {
      for (const entity of await after.waitForEntities(ours, LOCATIONS)) {
        await post(after, 'refresh', { entityRef: stringifyEntityRef(entity) });
      }
      const parents = z
        .array(z.string())
        .parse(
          await world.ask(knex =>
            knex('refresh_state_references')
              .where('target_entity_ref', 'like', 'component:%')
              .pluck('source_entity_ref'),
          ),
        );
      // The catalog assigns them to the Location that it has read last.
      expect(new Set(parents).size).toBe(LOCATIONS);
      expect(parents.filter(ref => first.has(ref))).toEqual([]);
    });
    await post(after, 'bitbucket-server/discoveries/default/removals/approve');
    await after.waitForEntities(ours, LOCATIONS);
    const second = await world.read();

    expect(ofKind('location', first).size).toBe(REPOSITORY_COUNT);
    expect(ofKind('location', without(second, ANCHOR)).size).toBe(LOCATIONS);
    expect(components(second)).toEqual(components(first));

    await after.stop();
    const back = await world.runWith(peerModule, async backend => {
      await backend.waitForEntities('metadata.name=bitbucket-server-default', 0);
      await backend.waitForEntities('kind=component', COMPONENTS.length);
    });
    expect(ofKind('location', back).size).toBe(REPOSITORY_COUNT);
    expect([...components(back).keys()].sort()).toEqual(
      [...components(first).keys()].sort(),
    );
    expect(getUids(back).filter(uid => getUids(first).includes(uid))).toEqual([]);
  });
});

describe('a target that the two modules spell differently', () => {
  it.each<[string, Partial<DropInOptions>]>([
    [
      'because its path has to be encoded',
      {
        providers: { ...CHECKED, catalogPath: '/my app/catalog-info.yaml' },
        file: 'my app/catalog-info.yaml',
      },
    ],
    [
      'because the server uses the name of another integration',
      {
        server: { linkBaseUrl: 'http://git.internal.example' },
        alsoAt: 'git.internal.example',
      },
    ],
  ])('%s, creates its Components again with the same names', async (_, options) => {
    const { runWith } = await createWorld(options);

    const first = await runWith(peerModule, afterPublished);
    const second = await runWith(discoveryModule, async backend => {
      await selectRun(backend);
      await backend.waitForEntities(
        'kind=location,metadata.annotations.bitbucket.org/repo-slug',
        LOCATIONS,
      );
      await backend.waitForEntities('kind=component', COMPONENTS.length);
    });

    expect([...components(second).keys()].sort()).toEqual(
      [...components(first).keys()].sort(),
    );
    expect(getUids(second).filter(uid => getUids(first).includes(uid))).toEqual([]);
  });
});

describe('a path with characters that a URL may contain unencoded', () => {
  it('keeps its Components', async () => {
    const world = await createWorld({
      providers: { ...CHECKED, catalogPath: '/@team+a/catalog-info.yaml' },
      file: '@team+a/catalog-info.yaml',
    });

    const first = await world.runWith(peerModule, afterPublished);
    const second = await world.runWith(discoveryModule, async backend => {
      expect(await selectRun(backend)).toMatchObject({ removed: 0, heldBack: 0 });
      await backend.waitForEntities('kind=component', COMPONENTS.length);
    });

    expect(without(second, ANCHOR)).toEqual(first);
  });
});

describe('a backend with neither module', () => {
  const neither = createBackendModule({
    pluginId: 'catalog',
    moduleId: 'something-else',
    register: env => env.registerInit({ deps: {}, init: async () => {} }),
  });

  it('loses all entities of both', async () => {
    const world = await createWorld();
    await world.runWith(peerModule, afterPublished);

    const left = await world.runWith(neither, backend =>
      backend.waitForEntities('kind=component', 0),
    );

    expect(left.size).toBe(0);
  });
});

describe('after going back for good', () => {
  /** The statements on the page. */
  const statements = (/^```sql\n([^]*?)^```$/m.exec(MIGRATING)?.[1] ?? '')
    .split('\n')
    .filter(line => line !== '');

  const ownTables = (world: DropInWorld) =>
    world.ask(async knex => {
      const names = z
        .array(z.string())
        .parse(await knex('sqlite_master').where({ type: 'table' }).pluck('name'));
      return names.filter(name => name.startsWith('bitbucket_server_')).sort();
    });

  const afterOurs = async (backend: TestBackend) => {
    await selectRun(backend);
    await backend.waitForEntities('kind=component', COMPONENTS.length);
  };

  it('the tables of this module can be dropped, and are created again when it comes back', async () => {
    const world = await createWorld();
    const first = await world.runWith(discoveryModule, afterOurs);
    const tables = await ownTables(world);
    await world.ask(async knex => {
      for (const statement of statements) {
        await knex.raw(statement);
      }
    });

    expect(await ownTables(world)).toEqual([]);
    const second = await world.runWith(peerModule, afterPublished);
    expect(second).toEqual(without(first, ANCHOR));
    const third = await world.runWith(discoveryModule, afterOurs);
    expect(third.get(ANCHOR)).toBeDefined();
    expect(without(third, ANCHOR)).toEqual(second);
    expect(await ownTables(world)).toEqual(tables);
    expect(statements).toEqual(tables.map(name => `DROP TABLE ${name};`));
  });
});
