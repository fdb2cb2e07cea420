/** How plugins, and clients that know of no service, come to share limiters. */

import { createBackendPlugin } from '@backstage/backend-plugin-api';
import { mockServices, startTestBackend } from '@backstage/backend-test-utils';
import { JsonObject } from '@backstage/types';
import { FakeClock } from '../__testUtils__/FakeClock';
import { MemoryBuckets } from '../__testUtils__/MemoryBuckets';
import { createLogRecorder } from '../__testUtils__/testProvider';
import { LimiterRegistry } from '../http/LimiterRegistry';
import {
  installMetrics,
  uninstallMetrics,
} from '../metrics/__testUtils__/collectMetrics';
import { METRICS } from '../metrics/instruments';
import {
  createLimiters,
  getLimiters,
  limitersOfProcess,
  limitersServiceRef,
} from './limiters';

const HOST = 'bitbucket.example.com';
const PROVIDERS = {
  slow: { host: HOST, rateLimit: { requestsPerSecond: 1, burst: 1 } },
  fast: { host: HOST, rateLimit: 'off' },
};

function appConfig(bitbucketServer: JsonObject): JsonObject {
  const integrations = { bitbucketServer: [{ host: HOST, token: 'T0ken' }] };
  return { integrations, catalog: { providers: { bitbucketServer } } };
}

/** What two plugins of one backend are given, and what the log says at WARN. */
async function startPlugins(bitbucketServer: JsonObject) {
  const given: LimiterRegistry[] = [];
  const plugin = (pluginId: string) =>
    createBackendPlugin({
      pluginId,
      register: env =>
        env.registerInit({
          deps: { limiters: limitersServiceRef },
          init: async ({ limiters }) => void given.push(limiters),
        }),
    });
  const warn = jest.fn();
  const logger = mockServices.rootLogger.mock({ warn, child: () => logger });
  const backend = await startTestBackend({
    features: [
      plugin('catalog'),
      plugin('scaffolder'),
      mockServices.rootConfig.factory({ data: appConfig(bitbucketServer) }),
      logger.factory,
    ],
  });
  await backend.stop();
  return { given, warn };
}

it('the limiters are the same for all plugins of a backend, and for clients without access to services', async () => {
  const { given, warn } = await startPlugins(PROVIDERS);
  const [first, second] = given;
  expect(first).toBeInstanceOf(LimiterRegistry);
  expect(second).toBe(first);
  expect(limitersOfProcess()).toBe(first);
  expect(warn.mock.calls).toEqual([
    [expect.stringContaining('the strictest applies to all, 1 per second, burst 1')],
  ]);
});

it('the limiters differ between backends, and clients use those of the last one', async () => {
  const [first] = (await startPlugins(PROVIDERS)).given;
  const [second] = (await startPlugins(PROVIDERS)).given;
  expect(second).not.toBe(first);
  expect(limitersOfProcess()).toBe(second);
});

it('the limiters leave it to discovery to refuse an invalid configuration', async () => {
  const { given } = await startPlugins({ host: HOST, concurrency: 'many' });
  expect(given).toHaveLength(2);
});

it('the limiters are found by the configuration if providers are created in code', () => {
  const config = mockServices.rootConfig({ data: appConfig(PROVIDERS) });
  const logger = createLogRecorder();
  const limiters = getLimiters(config, logger);
  expect(getLimiters(config, logger)).toBe(limiters);
  expect(limitersOfProcess()).toBe(limiters);
  expect(logger.messages('warn')).toHaveLength(1);
});

it('a metric counts each query for the shared budget that is not answered in time', async () => {
  const metrics = installMetrics();
  const clock = new FakeClock();
  const buckets = new MemoryBuckets(clock);
  const limiters = createLimiters([], { clock, onWarning: () => {} });
  limiters.shareWithReplicas(buckets);
  const apiBaseUrl = `https://${HOST}/rest/api/1.0`;
  const limiter = limiters.limiterFor({ host: HOST, apiBaseUrl });
  limiter.learnBudget({ enabled: true, capacity: 60, fillRate: 5 });
  const unanswered = async () =>
    (await metrics.collect()).total(METRICS.budgetUnanswered.name);
  const send = () => clock.run(limiter.run(async () => {}));

  await send();
  expect(await unanswered()).toBe(0);
  buckets.disorder = 'hangs';
  await send();
  await send();
  expect(await unanswered()).toBe(1);
  await clock.advance(5_000);
  await send();
  expect(await unanswered()).toBe(2);
  uninstallMetrics();
});
