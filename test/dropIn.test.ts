import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BackendFeature } from '@backstage/backend-plugin-api';
import peerModule from '@backstage/plugin-catalog-backend-module-bitbucket-server';
import {
  createSimulatedBitbucket,
  serve,
  SimulatedBitbucket,
} from '../dev/simulatedBitbucket';
import { componentYaml } from '../dev/seed';
import { eventually } from '../src/__testUtils__/eventually';
import { startBackend, TestBackend } from '../src/__testUtils__/startBackend';
import { appConfigFor, TEST_USER } from '../src/__testUtils__/testProvider';
import discoveryModule from '../src/index';

const SLUGS = ['api', 'batch', 'web'];

const endings: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) {
    await end();
  }
});

async function serveBitbucket(): Promise<SimulatedBitbucket> {
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER] });
  for (const slug of SLUGS) {
    const files = { 'catalog-info.yaml': componentYaml(slug, 'a service') };
    bitbucket.addRepository({ projectKey: 'PAY', slug, files });
  }
  const served = await serve(bitbucket);
  endings.push(() => served.close());
  return bitbucket;
}

/** A backend whose database outlives it. */
async function startOn(
  directory: string,
  bitbucket: SimulatedBitbucket,
  module: BackendFeature,
): Promise<TestBackend> {
  const schedule = { frequency: { hours: 1 }, timeout: { minutes: 1 } };
  const config = {
    ...appConfigFor({ bitbucket, config: { schedule } }),
    backend: { database: { client: 'better-sqlite3', connection: { directory } } },
  };
  return startBackend({ config, features: [module] });
}

async function createDirectory(): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'bitbucket-discovery-'));
  endings.push(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function getUids(
  backend: TestBackend,
  count: number,
): Promise<Map<string, string>> {
  const components = await backend.waitForEntities('kind=component', count);
  return new Map(
    components.map(({ metadata }) => [metadata.name, metadata.uid ?? 'without uid']),
  );
}

function countChecks(bitbucket: SimulatedBitbucket): number {
  return bitbucket.requests.filter(request => request.path.includes('type=true')).length;
}

describe('a database that the published module has filled', () => {
  it('does not change any Component, even where a check is not possible now', async () => {
    const bitbucket = await serveBitbucket();
    const directory = await createDirectory();
    const before = await startOn(directory, bitbucket, peerModule);
    const uids = await getUids(before, SLUGS.length);
    await before.stop();
    bitbucket.clearRequests();
    bitbucket.faults.add({
      match: { kind: 'file-check', repositorySlug: 'web' },
      effect: 'lost-permission',
    });

    const after = await startOn(directory, bitbucket, discoveryModule);
    endings.push(() => after.stop());

    await eventually(async () => expect(countChecks(bitbucket)).toBe(SLUGS.length));
    await after.waitForEntities('metadata.name=bitbucket-server-default', 1);
    expect(await getUids(after, SLUGS.length)).toEqual(uids);
    // The file that is proven to exist; the other one stays as the published module emitted it.
    await after.waitForEntities('kind=location,spec.presence=required', 2);
    const [kept] = await after.waitForEntities('kind=location,spec.presence=optional', 1);
    expect(kept?.metadata.annotations?.['bitbucket.org/repo-slug']).toBe('web');
    expect(await getUids(after, SLUGS.length)).toEqual(uids);
  });
});

describe('a backend that is restarted', () => {
  it('still knows its Locations in the catalog, and keeps those of unknown repositories', async () => {
    const bitbucket = await serveBitbucket();
    const directory = await createDirectory();
    const before = await startOn(directory, bitbucket, discoveryModule);
    const uids = await getUids(before, SLUGS.length);
    await before.stop();
    bitbucket.clearRequests();
    bitbucket.deleteRepository('PAY', 'batch');
    bitbucket.faults.add({
      match: { kind: 'file-check', repositorySlug: 'web' },
      effect: 'xml-404',
    });

    const after = await startOn(directory, bitbucket, discoveryModule);
    endings.push(() => after.stop());

    await after.waitForEntities('kind=location,spec.presence=required', 2);
    const kept = await after.entities('kind=location,spec.presence=required');
    expect(
      kept.map(entity => entity.metadata.annotations?.['bitbucket.org/repo-slug']).sort(),
    ).toEqual(['api', 'web']);
    for (const slug of ['api', 'web']) {
      const [component] = await after.entities(`kind=component,metadata.name=${slug}`);
      expect(component?.metadata.uid).toBe(uids.get(slug));
    }
  });
});
