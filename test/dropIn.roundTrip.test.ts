/**
 * From the published module to this one and back, on one database: no entity of the catalog may
 * get lost, become an orphan or be created again on the way.
 */

import peerModule from '@backstage/plugin-catalog-backend-module-bitbucket-server';
import {
  afterPublished,
  ANCHOR,
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
import { startBackend, TestBackend } from '../src/__testUtils__/startBackend';
import { appConfigFor } from '../src/__testUtils__/testProvider';
import discoveryModule from '../src/index';

const CHECKED = { schedule: SCHEDULE, validateLocationsExist: true };

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

/** Waits until a run of this module has emitted every Location, and the catalog has read it again. */
const afterOurs = async (backend: TestBackend): Promise<void> => {
  await eventually(async () => {
    const locations = await backend.entities(
      'kind=location,spec.presence=required,metadata.annotations.bitbucket.org/repo-slug',
    );
    expect(locations).toHaveLength(LOCATIONS);
  });
  await backend.waitForEntities('kind=component', COMPONENTS.length);
};

describe.each(['', '/context/path'])('a server at the path "%s"', contextPath => {
  it('moves from the published module to this one, back, and again, without any change', async () => {
    const server = { baseUrl: `http://127.0.0.1${contextPath}` };
    const { runWith } = await createWorld({ server });

    const first = await runWith(peerModule, afterPublished);
    const second = await runWith(discoveryModule, afterOurs);
    const third = await runWith(peerModule, afterPublished);
    const fourth = await runWith(discoveryModule, afterOurs);

    expect(ofKind('component', first).size).toBe(COMPONENTS.length);
    expect([...first.values()].every(row => !row.isOrphan)).toBe(true);
    expect(without(second, ANCHOR)).toEqual(first);
    expect(second.has(ANCHOR)).toBe(true);
    expect(third).toEqual(first);
    expect(without(fourth, ANCHOR)).toEqual(first);
  });
});

describe('two providers of one configuration', () => {
  it('keep their own Locations in both directions', async () => {
    const { runWith } = await createWorld({
      providers: {
        payments: { filters: { projectKey: '^PAY$' }, ...CHECKED },
        shop: { filters: { projectKey: '^SHOP$' }, ...CHECKED },
      },
    });
    const anchors = ['payments', 'shop'].map(
      id => `location:default/bitbucket-server-${id}`,
    );

    const first = await runWith(peerModule, afterPublished);
    const second = await runWith(discoveryModule, afterOurs);
    const third = await runWith(peerModule, async backend => {
      await afterPublished(backend);
      for (const id of ['payments', 'shop']) {
        await backend.waitForEntities(`metadata.name=bitbucket-server-${id}`, 0);
      }
    });

    expect(anchors.filter(ref => second.has(ref))).toEqual(anchors);
    expect(without(second, ...anchors)).toEqual(first);
    expect(third).toEqual(first);
    const owners = [...ofKind('location', first).values()].map(row => row.locationKey);
    expect(owners.sort()).toEqual([
      'bitbucketServer-provider:payments',
      'bitbucketServer-provider:payments',
      'bitbucketServer-provider:shop',
      'bitbucketServer-provider:shop',
    ]);
  });
});

describe('the first run after the switch', () => {
  it('removes Locations without a file, which the published module emits by default', async () => {
    const { runWith } = await createWorld({ providers: { schedule: SCHEDULE } });

    const first = await runWith(peerModule, afterPublished);
    const second = await runWith(discoveryModule, afterOurs);

    expect(ofKind('location', first).size).toBe(LOCATIONS + 1);
    expect(ofKind('location', without(second, ANCHOR)).size).toBe(LOCATIONS);
    expect(ofKind('component', second)).toEqual(ofKind('component', first));
    expect([...without(second, ANCHOR)]).toEqual(
      [...first].filter(([ref]) => second.has(ref)),
    );
  });

  it('keeps them where files are not checked', async () => {
    const { runWith } = await createWorld({
      providers: { schedule: SCHEDULE, validateLocationsExist: false },
    });

    const first = await runWith(peerModule, afterPublished);
    const second = await runWith(discoveryModule, async backend => {
      const noFile = 'metadata.annotations.bitbucket.org/repo-slug=no-file';
      await backend.waitForEntities(noFile, 1);
      await backend.waitForEntities('kind=component', COMPONENTS.length);
    });

    expect(without(second, ANCHOR)).toEqual(first);
  });

  it('keeps a repository that is missing in the listing', async () => {
    const { bitbucket, runWith } = await createWorld();
    const first = await runWith(peerModule, afterPublished);
    bitbucket.faults.add({
      match: { kind: 'file-check', repositorySlug: 'batch' },
      effect: { type: 'status', status: 500 },
    });

    const second = await runWith(discoveryModule, async backend => {
      expect(await selectRun(backend)).toMatchObject({ carriedForward: 1, removed: 0 });
    });

    expect(without(second, ANCHOR)).toEqual(first);
  });

  it('keeps everything when the account has lost its permissions', async () => {
    const { bitbucket, runWith } = await createWorld();
    const first = await runWith(peerModule, afterPublished);
    bitbucket.faults.add({ match: { kind: 'repositories' }, effect: 'empty-page' });
    bitbucket.faults.add({ match: { kind: 'repository' }, effect: 'lost-permission' });

    const second = await runWith(discoveryModule, async backend => {
      expect(await selectRun(backend)).toMatchObject({
        carriedForward: LOCATIONS,
        removed: 0,
      });
    });

    expect(without(second, ANCHOR)).toEqual(first);
  });

  it('holds back the removal of everything', async () => {
    const { bitbucket, runWith } = await createWorld();
    const first = await runWith(peerModule, afterPublished);
    Object.entries(REPOSITORIES).forEach(([projectKey, slugs]) =>
      slugs.forEach(slug => bitbucket.deleteRepository(projectKey, slug)),
    );

    const second = await runWith(discoveryModule, async backend => {
      expect(await selectRun(backend)).toMatchObject({ heldBack: LOCATIONS, removed: 0 });
    });

    expect(without(second, ANCHOR)).toEqual(first);
  });
});

describe('both modules at once', () => {
  it.each([
    ['the published one first', [peerModule, discoveryModule]],
    ['this one first', [discoveryModule, peerModule]],
  ])('refuse to start, %s, and name the duplicate module', async (_, modules) => {
    const { bitbucket } = await createWorld();

    await expect(
      startBackend({ config: appConfigFor({ bitbucket }), features: [...modules] }),
    ).rejects.toThrow(/bitbucket-server-entity-provider.*already registered/);
  });
});
