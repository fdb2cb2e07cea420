/**
 * A backend that stops, or dies, and the next one on the same database: what the catalog has
 * read stays read, and nothing is lost that was told before.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { urlReaderServiceFactory } from '@backstage/backend-defaults/urlReader';
import { componentYaml } from '../dev/seed';
import { createSimulatedBitbucket, serve } from '../dev/simulatedBitbucket';
import { WEBHOOK_SECRET } from '../src/__testUtils__/backendApi';
import { eventually } from '../src/__testUtils__/eventually';
import { startBackend } from '../src/__testUtils__/startBackend';
import { appConfigFor, TEST_USER } from '../src/__testUtils__/testProvider';
import urlReader from '../src/urlReaderEntry';
import { systemClock } from '../src/util/clock';
import { createCatalogObserver } from './__testUtils__/catalogObserver';

const FILE = 'catalog-info.yaml';
const SLUGS = ['unchanged', 'told', 'untold', 'later'];
/** More than `maxAge`, less than `staleIfUnavailable`. */
const AHEAD_MS = 16 * 60_000;

const endings: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  jest.restoreAllMocks();
  for (const end of endings.splice(0).reverse()) {
    await end();
  }
});

/** Backends one after the other on one database, whose catalog processes every second. */
async function createWorld() {
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER] });
  for (const slug of SLUGS) {
    const files = { [FILE]: componentYaml(slug, 'at first') };
    bitbucket.addRepository({ projectKey: 'PAY', slug, files });
  }
  const served = await serve(bitbucket);
  endings.push(() => served.close());
  const directory = await mkdtemp(path.join(tmpdir(), 'reader-restart-'));
  endings.push(() => rm(directory, { recursive: true }));
  const start = async () => {
    const observer = createCatalogObserver();
    const { integrations, catalog } = appConfigFor({ bitbucket });
    const backend = await startBackend({
      webhooks: true,
      config: {
        integrations,
        catalog: { ...Object(catalog), processingInterval: { seconds: 1 } },
        backend: { database: { client: 'better-sqlite3', connection: { directory } } },
      },
      features: [urlReader, urlReaderServiceFactory, observer.feature],
    });
    endings.push(backend.stop);
    await backend.waitForEntities('kind=component', SLUGS.length);
    return { ...backend, ...observer };
  };
  const write = (slug: string, description: string) =>
    bitbucket.writeFile('PAY', slug, FILE, componentYaml(slug, description));
  return { bitbucket, start, write };
}

type Backend = Awaited<ReturnType<Awaited<ReturnType<typeof createWorld>>['start']>>;

/** Waits until the catalog has begun to process every Location since now. */
async function processed({ database }: Backend): Promise<void> {
  const locations = () =>
    database()('refresh_state').whereLike('entity_ref', 'location:%');
  const toIso = (ms: number) => new Date(ms).toISOString().replace('T', ' ').slice(0, 19);
  const dueBy = toIso(Date.now() + 3_000);
  await eventually(async () => {
    const waiting: unknown[] = await locations().where('next_update_at', '<', dueBy);
    expect(waiting).toEqual([]);
  });
}

const getUids = async (backend: Backend) =>
  (await backend.entities('kind=component'))
    .map(({ metadata: { name, uid } }) => `${name} ${uid}`)
    .sort();

it('the URL reader loses nothing by a restart: neither files that were read, nor reported changes that were not read yet', async () => {
  const { bitbucket, start, write } = await createWorld();
  const reads = () =>
    bitbucket.requests.flatMap(
      request => /repos\/(\w+)\/raw/.exec(request.path)?.[1] ?? [],
    );
  const first = await start();
  await processed(first);
  const before = await getUids(first);
  const shows = (backend: Backend, slug: string, description: string) =>
    eventually(async () =>
      expect((await backend.component(slug)).metadata.description).toBe(description),
    );
  const push = async (backend: Backend, slug: string) => {
    const details = { projectKey: 'PAY', slug, changes: [write(slug, 'pushed')] };
    const secret = WEBHOOK_SECRET;
    await backend.deliver(bitbucket.webhook('repo:refs_changed', details, { secret }));
  };
  const match = { kind: 'raw', repositorySlug: 'told' } as const;
  const hang = bitbucket.faults.add({ match, effect: 'hang' });
  await push(first, 'told');
  await eventually(async () => expect(hang.hits).toBeGreaterThan(0));
  await first.stop();
  endings.pop();
  hang.remove();
  write('untold', 'meanwhile');
  bitbucket.clearRequests();

  const second = await start();
  await shows(second, 'told', 'pushed');
  await processed(second);
  expect(new Set(reads())).toEqual(new Set(['told']));
  expect(await getUids(second)).toEqual(before);

  await push(second, 'later');
  await shows(second, 'later', 'pushed');
  // Nobody has told of this one: it shows once what was read is too old.
  expect((await second.component('untold')).metadata.description).toBe('at first');
  jest.spyOn(systemClock, 'now').mockImplementation(() => Date.now() + AHEAD_MS);
  await shows(second, 'untold', 'meanwhile');
  expect(await getUids(second)).toEqual(before);
}, 120_000);
