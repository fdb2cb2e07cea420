/** A configuration that changes in its files while the backend is running. */

import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { schedulerServiceFactory } from '@backstage/backend-defaults/scheduler';
import { coreServices, createServiceFactory } from '@backstage/backend-plugin-api';
import { JsonObject } from '@backstage/types';
import { z } from 'zod';
import { componentYaml } from '../dev/seed';
import { createSimulatedBitbucket, serve } from '../dev/simulatedBitbucket';
import { eventually } from '../src/__testUtils__/eventually';
import { startBackend, TestBackend } from '../src/__testUtils__/startBackend';
import { createLogRecorder } from '../src/__testUtils__/testProvider';
import discoveryModule from '../src/index';

const SLUGS = ['api', 'app', 'cli', 'etl', 'job', 'ops', 'sdk', 'web', 'www', 'zap'];
const ANCHOR = 'location:default/bitbucket-server-default';

const Report = z.object({
  status: z.string(),
  summary: z.object({ heldBack: z.number(), registered: z.number() }).optional(),
  configuration: z.object({
    lastRun: z.record(z.string(), z.unknown()).optional(),
    since: z.string().optional(),
    refused: z.string().optional(),
  }),
});

const endings: (() => Promise<unknown>)[] = [];

afterAll(async () => {
  for (const end of endings.splice(0).reverse()) {
    await end();
  }
});

const logger = createLogRecorder();
const bitbucket = createSimulatedBitbucket({
  users: [
    { name: 'first', token: 'first-token' },
    { name: 'second', token: 'second-token' },
  ],
});
let backend: TestBackend;
let write: (provider: JsonObject) => Promise<void>;
let mountToken: (token: string) => Promise<void>;

beforeAll(async () => {
  for (const slug of SLUGS) {
    const files = { 'catalog-info.yaml': componentYaml(slug, 'guests') };
    bitbucket.addRepository({ projectKey: 'PAY', slug, files });
  }
  const served = await serve(bitbucket);
  endings.push(() => served.close());
  const folder = await mkdtemp(join(tmpdir(), 'live-configuration-'));
  endings.push(() => rm(folder, { recursive: true }));
  const { host } = new URL(bitbucket.baseUrl);
  let versions = 0;
  // Like a mounted Kubernetes secret: `token` links through `..data`, which is replaced.
  mountToken = async token => {
    const version = `..v${(versions += 1)}`;
    await mkdir(join(folder, version));
    await writeFile(join(folder, version, 'token'), token);
    await symlink(version, join(folder, '..next'));
    await rename(join(folder, '..next'), join(folder, '..data'));
  };
  await mountToken('first-token');
  await symlink(join('..data', 'token'), join(folder, 'token'));
  // Several files, one of which includes the changed file.
  const put = (name: string, content: JsonObject) =>
    writeFile(join(folder, name), JSON.stringify(content));
  await put('app-config.yaml', {
    catalog: {
      orphanStrategy: 'delete',
      processingInterval: { seconds: 30 },
      providers: { bitbucketServer: { $include: 'provider.yaml' } },
    },
  });
  await put('app-config.production.yaml', {
    integrations: {
      bitbucketServer: [
        { host, apiBaseUrl: bitbucket.apiBaseUrl, token: { $file: 'token' } },
      ],
    },
  });
  const schedule = { frequency: { minutes: 30 }, timeout: { minutes: 5 } };
  write = provider => put('provider.yaml', { host, schedule, ...provider });
  await write({});
  backend = await startBackend({
    configFiles: ['app-config.yaml', 'app-config.production.yaml'].map(name =>
      join(folder, name),
    ),
    features: [
      discoveryModule,
      schedulerServiceFactory,
      createServiceFactory({
        service: coreServices.logger,
        deps: {},
        factory: () => logger,
      }),
    ],
  });
  endings.push(() => backend.stop());
  await backend.waitForEntities('kind=component', SLUGS.length);
});

async function report() {
  const response = await backend.send(
    '/api/catalog/bitbucket-server/discoveries/default',
  );
  return Report.parse(await response.json());
}

/** Waits until no run is in progress and the report is as expected. */
function untilReport(expected: object) {
  return eventually(async () => {
    const found = await report();
    expect(found).toMatchObject(expected);
    return found;
  });
}

const refusals = () => bitbucket.requests.filter(({ status }) => status === 401).length;
const listings = () => bitbucket.requests.filter(({ path }) => path.includes('/repos?'));

it('a backend uses a token that was replaced in its file, without a failed login and without a restart', async () => {
  const bot = bitbucket.getUser('first');
  await mountToken('second-token');
  await eventually(async () => {
    expect(logger.messages('info').join()).toContain('The new configuration of');
  });
  bot.expired = true;
  bitbucket.clearRequests();

  await backend.refresh(ANCHOR);

  await eventually(async () => {
    expect(listings().map(({ user }) => user)).toContain('second');
  });
  await untilReport({ status: 'succeeded', summary: { registered: SLUGS.length } });
  expect(refusals()).toBe(0);
  expect(await backend.entities('kind=component')).toHaveLength(SLUGS.length);
});

it('a backend recovers from a wrong token once it is corrected, after one failed login', async () => {
  bitbucket.clearRequests();
  await mountToken('wrong-token');
  await backend.refresh(ANCHOR);
  await untilReport({ status: 'failed' });

  await mountToken('second-token');

  await untilReport({ status: 'succeeded', summary: { registered: SLUGS.length } });
  expect(refusals()).toBeLessThanOrEqual(2);
  expect(await backend.entities('kind=component')).toHaveLength(SLUGS.length);
});

it('a backend holds back the removals of filters that were narrowed by mistake, and shows the configuration of the last run', async () => {
  const before = await report();
  const filters = { repoSlug: '^(api|app|cli|etl)$' };

  await write({ filters });

  const after = await untilReport({
    status: 'succeeded',
    summary: { heldBack: 6 },
    configuration: { lastRun: { filters } },
  });
  expect(await backend.entities('kind=component')).toHaveLength(SLUGS.length);
  expect(Date.parse(after.configuration.since ?? '')).toBeGreaterThan(
    Date.parse(before.configuration.since ?? ''),
  );
  expect(JSON.stringify(after)).not.toContain('token');
});

it('a backend keeps the previous configuration while a key is misspelt, and names the key until it is corrected', async () => {
  await write({ fliters: { repoSlug: '^api$' } });
  await untilReport({
    configuration: {
      refused: expect.stringContaining('catalog.providers.bitbucketServer.fliters'),
    },
  });
  expect(logger.messages('warn').join()).toContain('fliters');

  await write({});

  const mended = await untilReport({
    status: 'succeeded',
    summary: { heldBack: 0, registered: SLUGS.length },
  });
  expect(mended.configuration.refused).toBeUndefined();
});

it('a backend applies another schedule, and then the former one again', async () => {
  const schedule = { frequency: { seconds: 1 }, timeout: { seconds: 30 } };
  bitbucket.clearRequests();
  await write({ schedule });
  await eventually(async () => {
    expect(listings().length).toBeGreaterThanOrEqual(3);
  });

  await write({});

  // Compares twice, a few intervals of the former schedule apart, until nothing has changed between.
  let seen = -1;
  await eventually(async () => {
    const { status } = await report();
    const count = listings().length;
    const isQuiet = status !== 'running' && count === seen;
    seen = count;
    expect(isQuiet && (await isScheduledEvery('PT30M'))).toBe(true);
  });
});

async function isScheduledEvery(cadence: string): Promise<boolean> {
  const response = await backend.send('/api/catalog/.backstage/scheduler/v1/tasks');
  const { tasks } = z
    .object({
      tasks: z.array(
        z.object({ taskId: z.string(), settings: z.object({ cadence: z.string() }) }),
      ),
    })
    .parse(await response.json());
  const own = tasks.filter(
    task => task.taskId === 'bitbucketServer-provider:default:refresh',
  );
  return own.at(-1)?.settings.cadence === cadence;
}
