/** What a change of the configuration does to a backend that runs. */

import { SchedulerServiceTaskInvocationDefinition } from '@backstage/backend-plugin-api';
import { mockServices } from '@backstage/backend-test-utils';
import { JsonObject } from '@backstage/types';
import { createSimulatedBitbucket } from '../../dev/simulatedBitbucket';
import { FakeClock } from '../__testUtils__/FakeClock';
import { createRecordingConnection } from '../__testUtils__/recordingConnection';
import { createFetch } from '../__testUtils__/simulatedClient';
import { createLogRecorder } from '../__testUtils__/testProvider';
import { createTestStore, openReports } from '../__testUtils__/testStores';
import { readDiscoveryConfig } from '../config/readProviderConfigs';
import { createProviderFactory } from './createProviders';
import { createLimiters } from './limiters';
import { LiveConfiguration, LiveProvider } from './LiveConfiguration';

const BOT = { name: 'bot', password: 'first-password' };

/** What the scheduler was given. */
interface Scheduled extends SchedulerServiceTaskInvocationDefinition {
  readonly frequency: unknown;
}

async function setUp(initial: JsonObject = {}) {
  const clock = new FakeClock();
  const bitbucket = createSimulatedBitbucket({ clock, users: [BOT] });
  for (const slug of ['api', 'web', 'app', 'cli', 'sdk', 'job', 'etl', 'ops']) {
    const files = { 'catalog-info.yaml': 'kind: Component' };
    bitbucket.addRepository({ projectKey: 'PAY', slug, files });
  }
  const { host } = new URL(bitbucket.baseUrl);
  const appConfig = (provider: JsonObject = {}, password = BOT.password): JsonObject => ({
    integrations: {
      bitbucketServer: [
        { host, apiBaseUrl: bitbucket.apiBaseUrl, username: BOT.name, password },
      ],
    },
    catalog: { providers: { bitbucketServer: { host, ...provider } } },
  });
  const config = mockServices.rootConfig({ data: appConfig(initial) });
  const logger = createLogRecorder();
  const store = createTestStore([], { clock });
  await openReports(store);
  const shutdown = new AbortController();
  const scheduled: Scheduled[] = [];
  const scheduler = mockServices.scheduler.mock({
    scheduleTask: async task => void scheduled.push(task),
  });
  const discovery = readDiscoveryConfig(config);
  const limiters = createLimiters(discovery.providers, { clock, onWarning: () => {} });
  const fetch = createFetch(bitbucket);
  const options = { logger, store, clock, limiters, fetch };
  const createProvider = createProviderFactory(options);
  const providers = discovery.providers.map(
    provider => new LiveProvider(createProvider(provider), scheduler),
  );
  const connection = createRecordingConnection();
  await Promise.all(providers.map(provider => provider.connect(connection)));
  const started: { id: string; isIntegrationChanged: boolean }[] = [];
  const live = new LiveConfiguration({
    config,
    initial: discovery,
    providers,
    createProvider,
    limiters,
    startIfNeeded: ({ id }, change) => void started.push({ id, ...change }),
    logger,
    signal: shutdown.signal,
  });
  live.follow();
  const write = async (data: JsonObject) => {
    config.update({ data });
    // Behind what the change itself has started.
    await live.changed();
  };
  /** Begins a run; it goes on only while the clock does. */
  const begin = () => Promise.resolve(scheduled.at(-1)?.fn(shutdown.signal));
  const run = () => clock.run(begin());
  const slugs = () =>
    connection.targets().map(target => /repos\/([^/]+)/.exec(target)?.[1]);
  return {
    ...{ appConfig, begin, bitbucket, clock, connection, live, logger, run, scheduled },
    ...{ shutdown, slugs, started, write },
  };
}

describe('a configuration that changes while the backend runs', () => {
  it('is used by the next run, which is started immediately', async () => {
    const { appConfig, run, slugs, started, write } = await setUp();
    await run();
    expect(slugs()).toHaveLength(8);

    await write(appConfig({ filters: { exclude: { repoSlug: '^ops$' } } }));

    expect(started).toEqual([{ id: 'default', isIntegrationChanged: false }]);
    await run();
    expect(slugs()).toHaveLength(7);
    expect(slugs()).not.toContain('ops');
  });

  it('removes no more in one run than the guard allows', async () => {
    const { appConfig, logger, run, slugs, write } = await setUp();
    await run();

    await write(appConfig({ filters: { repoSlug: '^(api|web)$' } }));
    await run();

    expect(slugs()).toHaveLength(8);
    expect(logger.messages('warn').join()).toContain('held back');
  });

  it('lets a run end with the configuration it started with', async () => {
    const { appConfig, begin, bitbucket, clock, slugs, write } = await setUp();
    bitbucket.faults.add({ effect: { type: 'delay', ms: 1_000 }, times: 1 });
    const running = begin();
    await clock.advance(10);

    await write(appConfig({ filters: { exclude: { repoSlug: '^ops$' } } }));
    await clock.run(running);

    expect(slugs()).toHaveLength(8);
  });

  it('has no effect if the file is written again with the same content', async () => {
    const { appConfig, logger, started, write } = await setUp();
    const before = logger.lines.length;

    await write(appConfig());

    expect(started).toEqual([]);
    expect(logger.lines).toHaveLength(before);
  });

  it('is ignored once the backend shuts down', async () => {
    const { appConfig, shutdown, started, write } = await setUp();
    shutdown.abort();

    await write(appConfig({ filters: { repoSlug: 'api' } }));

    expect(started).toEqual([]);
  });
});

describe('a changed configuration that is invalid', () => {
  it('leaves the previous one in effect, and is logged once, with key and remedy', async () => {
    const { appConfig, live, logger, run, slugs, started, write } = await setUp();
    const wrong = appConfig({ filters: { repoSlug: '^ap', reposlug: 'x' } });

    await write(wrong);
    await write(wrong);

    expect(started).toEqual([]);
    const warnings = logger
      .messages('warn')
      .filter(message => message.includes('not used'));
    expect(warnings).toHaveLength(1);
    expect(warnings.join()).toContain(
      'catalog.providers.bitbucketServer.filters.reposlug',
    );
    expect(live.problem).toContain('reposlug');
    await run();
    expect(slugs()).toHaveLength(8);
  });

  it.each([
    ['corrected', { filters: { repoSlug: '^api$' } }, ['api']],
    ['reverted', {}, ['api', 'app', 'cli', 'etl', 'job', 'ops', 'sdk', 'web']],
  ])('is forgotten once it is %s', async (_, provider, expected) => {
    const { appConfig, live, run, slugs, write } = await setUp();
    await write(appConfig({ catalogpath: '/x.yaml' }));
    expect(live.problem).toBeDefined();

    await write(appConfig(provider));

    expect(live.problem).toBeUndefined();
    await run();
    expect(slugs()).toEqual(expected);
  });

  it('does not reveal its secrets', async () => {
    const { appConfig, logger, write } = await setUp();

    await write(
      appConfig({ token: 'S3cret-one', username: 'bot', password: 'S3cret-two' }),
    );

    expect(logger.messages('warn').join()).toContain('not used');
    expect(logger.text()).not.toMatch(/S3cret/);
  });
});

describe('credentials that change while the backend runs', () => {
  it('are used by the next request, also in a run in progress, so that the former ones may be revoked', async () => {
    const { appConfig, begin, bitbucket, clock, slugs, started, write } = await setUp({
      concurrency: 1,
    });
    bitbucket.faults.add({ effect: { type: 'delay', ms: 1_000 } });
    const running = begin();
    await clock.advance(2_500);
    const bot = bitbucket.getUser('bot');
    expect(slugs()).toEqual([]);

    // As a token in place of the password: for a while, both work.
    bot.token = 'second-password';
    await write(appConfig({ concurrency: 1 }, 'second-password'));
    await clock.advance(1_000);
    bot.password = undefined;
    await clock.run(running);

    expect(slugs()).toHaveLength(8);
    expect(bot.failedLogins).toBe(0);
    expect(started).toEqual([{ id: 'default', isIntegrationChanged: true }]);
  });

  it('are tried once although the former ones were rejected', async () => {
    const { appConfig, bitbucket, run, slugs, write } = await setUp();
    bitbucket.getUser('bot').password = 'second-password';
    await expect(run()).rejects.toThrow('password');

    await write(appConfig({}, 'second-password'));
    await run();

    expect(slugs()).toHaveLength(8);
    expect(bitbucket.getUser('bot').failedLogins).toBeLessThanOrEqual(2);
  });

  it('are sent only to the server they are configured for', async () => {
    const { begin, bitbucket, clock, write } = await setUp({ concurrency: 1 });
    bitbucket.faults.add({ effect: { type: 'delay', ms: 1_000 } });
    const running = begin();
    await clock.advance(500);
    const elsewhere: JsonObject = {
      integrations: {
        bitbucketServer: [
          {
            host: 'other.example.com',
            apiBaseUrl: 'https://other.example.com/rest/api/1.0',
            token: 'for-the-other',
          },
        ],
      },
      catalog: { providers: { bitbucketServer: { host: 'other.example.com' } } },
    };

    await write(elsewhere);
    await clock.run(running);

    expect(bitbucket.requests.length).toBeGreaterThan(5);
    expect(new Set(bitbucket.requests.map(request => request.user))).toEqual(
      new Set(['bot']),
    );
  });
});

describe('providers that are added or removed while the backend runs', () => {
  it('wait for a restart, as the log says, and remove nothing until then', async () => {
    const { appConfig, bitbucket, logger, run, slugs, write } = await setUp();
    await run();
    const { host } = new URL(bitbucket.baseUrl);
    const { integrations } = appConfig();
    const bitbucketServer = { payments: { host } };

    await write({ integrations, catalog: { providers: { bitbucketServer } } });
    await write({ integrations });
    await run();

    expect(slugs()).toHaveLength(8);
    const warnings = logger.messages('warn').join('\n');
    expect(warnings).toContain('Added to catalog.providers.bitbucketServer: "payments"');
    expect(warnings).toContain(
      'Removed from catalog.providers.bitbucketServer: "default"',
    );
    expect(warnings).toContain('restarted');
  });
});

describe('a schedule that changes while the backend runs', () => {
  it('replaces the task once a run in progress has finished', async () => {
    const { appConfig, begin, bitbucket, clock, scheduled, slugs, write } = await setUp();
    bitbucket.faults.add({ effect: { type: 'delay', ms: 1_000 }, times: 1 });
    const running = begin();
    await clock.advance(10);
    const schedule = { frequency: { seconds: 10 }, timeout: { minutes: 1 } };

    await write(appConfig({ schedule }));

    expect(scheduled.map(task => task.frequency)).toEqual([
      { minutes: 30 },
      { seconds: 10 },
    ]);
    expect(scheduled.map(task => task.signal?.aborted)).toEqual([false, false]);
    await clock.run(running);
    await clock.advance(0);
    expect(scheduled.map(task => task.signal?.aborted)).toEqual([true, false]);
    expect(slugs()).toHaveLength(8);
  });

  it('keeps its task if something else changes', async () => {
    const { appConfig, scheduled, write } = await setUp();

    await write(appConfig({ filters: { repoSlug: 'api' } }));

    expect(scheduled).toHaveLength(1);
  });
});
