/**
 * Faults that may delay updates but must never remove entities, in a real catalog with its
 * cleanup: every Component keeps its uid.
 */

import { Entity, stringifyEntityRef } from '@backstage/catalog-model';
import { JsonObject } from '@backstage/types';
import { z } from 'zod';
import { componentYaml } from '../dev/seed';
import {
  createSimulatedBitbucket,
  serve,
  SimulatedBitbucket,
  SimulatedBitbucketOptions,
} from '../dev/simulatedBitbucket';
import { CatalogObserver, createCatalogObserver } from './__testUtils__/catalogObserver';
import { eventually } from '../src/__testUtils__/eventually';
import { startBackend, TestBackend } from '../src/__testUtils__/startBackend';
import { appConfigFor, TEST_USER } from '../src/__testUtils__/testProvider';
import discoveryModule from '../src/index';

const RUN = 'bitbucketServer-provider:default:refresh';
const ORPHAN_CLEANUP = 'catalog_orphan_cleanup';

/** The number of reads of each file during a fault: several processing intervals. */
const READS = 4;

const READ_LOCATIONS = 'kind=location,spec.target';

const endings: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) {
    await end();
  }
});

async function serveBitbucket(
  count: number,
  options: SimulatedBitbucketOptions = {},
): Promise<SimulatedBitbucket> {
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER], ...options });
  for (let index = 0; index < count; index += 1) {
    const slug = `svc-${index}`;
    const files = { 'catalog-info.yaml': componentYaml(slug, 'a service') };
    bitbucket.addRepository({ projectKey: 'PAY', slug, files });
  }
  const served = await serve(bitbucket);
  endings.push(() => served.close());
  return bitbucket;
}

interface Catalog extends TestBackend, CatalogObserver {
  /** Runs discovery, and waits for it. */
  run(): Promise<void>;
  /** Waits until the catalog has read each file this many times, and deleted its orphans. */
  processed(): Promise<void>;
}

/** A catalog that reads each file again every second. */
async function start(
  bitbucket: SimulatedBitbucket,
  config: JsonObject = {},
): Promise<Catalog> {
  const observer = createCatalogObserver();
  const { integrations, catalog } = appConfigFor({ bitbucket, config });
  const backend = await startBackend({
    config: {
      integrations,
      catalog: { ...Object(catalog), processingInterval: { seconds: 1 } },
    },
    features: [discoveryModule, observer.feature],
  });
  endings.push(() => backend.stop());
  return {
    ...backend,
    ...observer,
    run: () => observer.runTask(RUN),
    async processed() {
      const files = (await backend.entities(READ_LOCATIONS)).length;
      bitbucket.clearRequests();
      await eventually(async () => {
        const counts = new Map<string, number>();
        for (const { path } of bitbucket.requests) {
          if (path.includes('/raw/')) {
            counts.set(path, (counts.get(path) ?? 0) + 1);
          }
        }
        expect([...counts.values()].filter(reads => reads >= READS)).toHaveLength(files);
      });
      await observer.runTask(ORPHAN_CLEANUP);
    },
  };
}

function getUids(entities: readonly Entity[]): Map<string, string | undefined> {
  return new Map(
    entities
      .map((entity): [string, string | undefined] => [
        stringifyEntityRef(entity),
        entity.metadata.uid,
      ])
      .sort(),
  );
}

const Status = z.object({
  status: z.object({ items: z.array(z.object({ message: z.string() })) }).optional(),
});

const HeldRemovals = z.object({
  heldRemovals: z.array(z.object({ projectKey: z.string(), repositorySlug: z.string() })),
});

/** Returns the catalog's errors of an entity. */
function getErrors(entity: Entity): string[] {
  return (Status.parse(entity).status?.items ?? []).map(item => item.message);
}

describe('a proxy that answers the catalog with its own 404', () => {
  it('removes no entity, and causes an error on each Location', async () => {
    const bitbucket = await serveBitbucket(3);
    const catalog = await start(bitbucket);
    const components = getUids(await catalog.waitForEntities('kind=component', 3));
    const locations = getUids(await catalog.waitForEntities(READ_LOCATIONS, 3));

    const fault = bitbucket.faults.add({
      match: { kind: 'raw' },
      effect: { type: 'html', status: 404 },
    });
    await catalog.processed();

    const failing = await catalog.entities(READ_LOCATIONS);
    expect(getUids(await catalog.entities('kind=component'))).toEqual(components);
    expect(getUids(failing)).toEqual(locations);
    for (const entity of failing) {
      expect(entity.spec?.presence).toBe('required');
      expect(getErrors(entity)).toEqual([expect.stringContaining('NotFoundError')]);
    }

    fault.remove();
    await catalog.processed();
    await eventually(async () =>
      expect((await catalog.entities(READ_LOCATIONS)).flatMap(getErrors)).toEqual([]),
    );
    expect(getUids(await catalog.entities('kind=component'))).toEqual(components);
  });
});

describe('removals that are held back', () => {
  it('keep the entities, although the catalog no longer finds their files', async () => {
    const bitbucket = await serveBitbucket(3);
    const catalog = await start(bitbucket);
    const components = getUids(await catalog.waitForEntities('kind=component', 3));

    for (let index = 0; index < 3; index += 1) {
      bitbucket.deleteRepository('PAY', `svc-${index}`);
    }
    await catalog.run();
    await catalog.processed();

    expect(getUids(await catalog.entities('kind=component'))).toEqual(components);
    const report = await fetch(
      `${catalog.baseUrl}/api/catalog/bitbucket-server/discoveries/default/repositories/PAY/svc-1`,
    );
    expect(report.status).toBe(200);
    const [held] = HeldRemovals.parse(await report.json()).heldRemovals;
    expect(held).toEqual({ projectKey: 'PAY', repositorySlug: 'svc-1' });
  });
});

describe("a change of the server's own base URL, and of the links in its listing", () => {
  const COUNT = 12;

  it.each<[string, (baseUrl: string) => string]>([
    ['from http to https', baseUrl => baseUrl.replace('http:', 'https:')],
    ['to another context path', baseUrl => `${baseUrl}/bitbucket`],
    ['to another host', () => 'https://git.internal.example/code'],
  ])('removes no entity, %s', async (_, toLinkBaseUrl) => {
    const bitbucket = await serveBitbucket(COUNT);
    const catalog = await start(bitbucket);
    const components = getUids(await catalog.waitForEntities('kind=component', COUNT));
    const locations = getUids(await catalog.waitForEntities(READ_LOCATIONS, COUNT));

    bitbucket.linkBaseUrl = toLinkBaseUrl(bitbucket.baseUrl);
    await catalog.run();
    await catalog.processed();

    expect(getUids(await catalog.entities('kind=component'))).toEqual(components);
    expect(getUids(await catalog.entities(READ_LOCATIONS))).toEqual(locations);
    const slug = 'new-one';
    const files = { 'catalog-info.yaml': componentYaml(slug, 'added since') };
    bitbucket.addRepository({ projectKey: 'PAY', slug, files });
    await catalog.run();
    const after = getUids(await catalog.waitForEntities('kind=component', COUNT + 1));
    after.delete(`component:default/${slug}`);
    expect(after).toEqual(components);
  });
});

describe('files without a check', () => {
  it('are optional: a missing file causes no error, and a deleted one removes its entities', async () => {
    const bitbucket = await serveBitbucket(2);
    bitbucket.addRepository({ projectKey: 'PAY', slug: 'no-file' });
    const catalog = await start(bitbucket, { validateLocationsExist: false });
    await catalog.waitForEntities('kind=component', 2);
    const locations = await catalog.waitForEntities(READ_LOCATIONS, 3);
    expect(new Set(locations.map(entity => entity.spec?.presence))).toEqual(
      new Set(['optional']),
    );
    expect(locations.flatMap(getErrors)).toEqual([]);

    bitbucket.removeFile('PAY', 'svc-0', 'catalog-info.yaml');
    await catalog.processed();

    expect([
      ...getUids(await catalog.waitForEntities('kind=component', 1)).keys(),
    ]).toEqual(['component:default/svc-1']);
  });
});
