/**
 * What happens to the entities when Bitbucket or something in front of it misbehaves, when files
 * are gone, and when the backend restarts, in a catalog that reads through the URL reader of this
 * package; and what a backend does that cannot use it as configured.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { urlReaderServiceFactory } from '@backstage/backend-defaults/urlReader';
import { mockServices } from '@backstage/backend-test-utils';
import { componentYaml } from '../dev/seed';
import { FaultOptions } from '../dev/simulatedBitbucket';
import { eventually } from '../src/__testUtils__/eventually';
import { startBackend } from '../src/__testUtils__/startBackend';
import { createLogRecorder } from '../src/__testUtils__/testProvider';
import urlReader from '../src/urlReaderEntry';
import { systemClock } from '../src/util/clock';
import { ReaderWorld, startReaderWorld } from './__testUtils__/readerWorld';

const FILE = 'catalog-info.yaml';
const DAY_MS = 24 * 60 * 60_000;
/** More than `maxAge`, less than `staleIfUnavailable`. */
const OLD_MS = 16 * 60_000;
const NO_REPOSITORY = 'com.atlassian.bitbucket.repository.NoSuchRepositoryException';

describe('a catalog that reads everything anew at each processing', () => {
  let world: ReaderWorld;
  let days = 0;

  beforeAll(async () => {
    world = await startReaderWorld({
      count: 12,
      // Optional Locations: the catalog drops their entities where a file is not found.
      config: { validateLocationsExist: false },
      reading: { maxAge: { milliseconds: 0 }, maxWait: { milliseconds: 500 } },
    });
  });
  afterEach(() => world.bitbucket.faults.clear());
  afterAll(async () => {
    jest.restoreAllMocks();
    await world.end();
  });

  /** Lets so much time pass that no earlier read may replace a missing answer any longer. */
  const letADayPass = () => {
    days += 1.1;
    jest.spyOn(systemClock, 'now').mockImplementation(() => Date.now() + days * DAY_MS);
  };

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

  /** Checks both while earlier reads may still be used, and when they are too old. */
  async function keepsAll(
    faults: readonly { hits: number; remove(): void }[],
    files: number,
  ) {
    const components = await world.components();
    await world.processed(3);
    expect(Math.min(...faults.map(({ hits }) => hits))).toBeGreaterThan(0);
    expect(await world.components()).toEqual(components);
    expect(await world.errors()).toEqual([]);

    letADayPass();
    await world.processed(3);
    expect(await world.components()).toEqual(components);
    expect(await world.errors()).toEqual(
      Array.from({ length: files }, () => expect.stringContaining('could not be read')),
    );
  }

  /** The next processing finds everything in order. */
  async function expectRelief(components: Map<string, string | undefined>) {
    await world.processed(1);
    expect(await world.errors()).toEqual([]);
    expect(await world.components()).toEqual(components);
  }

  it('keeps every entity, whatever Bitbucket answers about their repositories, and shows the error once it lasts', async () => {
    const faults = FAULTS.map(([, effect], index) =>
      world.bitbucket.faults.add({ match: { repositorySlug: `svc-${index}` }, effect }),
    );
    const components = await world.components();
    await keepsAll(faults, FAULTS.length);

    faults.forEach(fault => fault.remove());
    await expectRelief(components);
  });

  it('keeps every entity when the catalog has forgotten all after too many failures', async () => {
    const components = await world.components();
    const effect = { type: 'status', status: 403 } as const;
    const fault = world.bitbucket.faults.add({ effect });
    letADayPass();
    await world.processed(8);
    expect(await world.components()).toEqual(components);
    expect(await world.errors()).toHaveLength(12);

    fault.remove();
    await expectRelief(components);
  });

  it('shows a change of one file while the others hang in all of its ten places', async () => {
    const others = /svc-([0-9]|10)\//;
    const fault = world.bitbucket.faults.add({ match: { path: others }, effect: 'hang' });
    const processed = world.processed(1);
    await eventually(async () => expect(fault.hits).toBeGreaterThanOrEqual(10));
    world.bitbucket.writeFile('PAY', 'svc-11', FILE, componentYaml('svc-11', 'changed'));
    expect(await world.refresh('component:default/svc-11')).toBe(200);
    await eventually(async () =>
      expect((await world.component('svc-11')).metadata.description).toBe('changed'),
    );
    fault.remove();
    await processed;
  });

  it('lets the entities of a file go with the processing that proves it to be deleted, for good', async () => {
    const others = await world.components();
    others.delete('component:default/svc-8');
    world.bitbucket.removeFile('PAY', 'svc-8', FILE);
    await world.processed(1);
    expect(await world.components()).toEqual(others);

    const effect = { type: 'status', status: 500 } as const;
    const fault = world.bitbucket.faults.add({ effect });
    await world.processed(2);
    fault.remove();
    expect(await world.components()).toEqual(others);
  });

  // Last: it takes the limiter a while to believe that there is no limit any more.
  it('keeps every entity while Bitbucket answers nothing but 429', async () => {
    const effect = { type: 'status', status: 429 } as const;
    await keepsAll([world.bitbucket.faults.add({ effect })], 12);
  });
});

describe('a backend that restarts', () => {
  const endings: (() => Promise<unknown>)[] = [];

  afterEach(async () => {
    jest.restoreAllMocks();
    for (const end of endings.splice(0).reverse()) {
      await end();
    }
  });

  const shows = (world: ReaderWorld, slug: string, description: string) =>
    eventually(async () =>
      expect((await world.component(slug)).metadata.description).toBe(description),
    );

  it('loses neither files that were read, nor reported changes that were not read yet', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'reader-restart-'));
    endings.push(() => rm(directory, { recursive: true }));
    // Otherwise the read that hangs would outlive the test by far.
    const reading = { maxWait: { seconds: 2 } };
    const settings = { count: 4, database: { directory }, reading };
    const first = await startReaderWorld(settings);
    endings.push(() => first.end());
    const { bitbucket } = first;
    await first.processed(1);
    const before = await first.components();
    const match = { kind: 'raw', repositorySlug: 'svc-1' } as const;
    const hang = bitbucket.faults.add({ match, effect: 'hang' });
    await first.push('svc-1', { [FILE]: componentYaml('svc-1', 'told before') });
    await eventually(async () => expect(hang.hits).toBeGreaterThan(0));
    await first.stop();
    hang.remove();
    bitbucket.writeFile('PAY', 'svc-2', FILE, componentYaml('svc-2', 'told nobody'));
    bitbucket.clearRequests();

    const second = await startReaderWorld({ ...settings, beside: first });
    endings.push(() => second.end());
    await second.processed(1);
    await shows(second, 'svc-1', 'told before');
    expect([...second.reads().keys()]).toEqual([expect.stringContaining('/svc-1/')]);
    expect(await second.components()).toEqual(before);

    await second.push('svc-3', { [FILE]: componentYaml('svc-3', 'told after') });
    await shows(second, 'svc-3', 'told after');
    expect((await second.component('svc-2')).metadata.description).toBe('a service');
    jest.spyOn(systemClock, 'now').mockImplementation(() => Date.now() + OLD_MS);
    await second.processed(1);
    await shows(second, 'svc-2', 'told nobody');
    expect(await second.components()).toEqual(before);
  });
});

describe('a backend', () => {
  const INTEGRATION = {
    host: 'bitbucket.example.com',
    apiBaseUrl: 'https://bitbucket.example.com/rest/api/1.0',
  };

  it('logs that the feature has no effect where the app has its own URL reader service, and starts', async () => {
    const logger = createLogRecorder();
    const backend = await startBackend({
      config: { integrations: { bitbucketServer: [INTEGRATION] } },
      features: [
        urlReader,
        mockServices.urlReader.mock().factory,
        mockServices.logger.mock({ warn: logger.warn, child: logger.child }).factory,
      ],
    });
    await backend.stop();

    const warnings = logger
      .messages('warn')
      .filter(message => message.includes('URL reader'));
    expect(warnings).toEqual([
      expect.stringMatching(/has no effect: this app has its own URL reader service/),
    ]);
  });

  it('does not start with keys of the reader that cannot work', async () => {
    const config = { backend: { reading: { bitbucketServer: { maxAgee: '1 hour' } } } };
    await expect(
      startBackend({ config, features: [urlReader, urlReaderServiceFactory] }),
    ).rejects.toThrow(/bitbucketServer\.maxAgee is not a known key; did you mean maxAge/);
  });
});
