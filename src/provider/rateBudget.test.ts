/** A whole run under a rate limit: how many requests are refused, and how long it takes. */

import { JsonObject } from '@backstage/types';
import {
  createSimulatedBitbucket,
  RateLimitOptions,
  SimulatedBitbucket,
} from '../../dev/simulatedBitbucket';
import { FakeClock } from '../__testUtils__/FakeClock';
import { createRecordingConnection } from '../__testUtils__/recordingConnection';
import {
  connectTestProvider,
  createTestProviders,
  TEST_USER,
} from '../__testUtils__/testProvider';

/** Atlassian's example, and the default of Bitbucket Data Center. */
const CAPACITY = 60;
const FILL_RATE = 5;

const REPOSITORIES = 400;

/** Of the test user, besides its password. */
const TOKEN = 'T0ken-of-the-same-user';

/** A server with a bucket that answers after 50 ms. */
function bitbucketWith(
  repositories: number,
  clock: FakeClock,
  rateLimit: Partial<RateLimitOptions> = {},
): SimulatedBitbucket {
  const bitbucket = createSimulatedBitbucket({
    users: [{ ...TEST_USER, token: TOKEN }],
    clock,
    latencyMs: 50,
    rateLimit: { capacity: CAPACITY, fillRate: FILL_RATE, ...rateLimit },
  });
  for (let index = 0; index < repositories; index += 1) {
    const slug = `r${String(index).padStart(3, '0')}`;
    const files = { 'catalog-info.yaml': 'kind: Component' };
    bitbucket.addRepository({ projectKey: 'PAY', slug, files });
  }
  return bitbucket;
}

/** Seconds in which a bucket that starts full hands out so many tokens. */
const secondsFor = (tokens: number) => (tokens - CAPACITY) / FILL_RATE;

/** The catalog reads files with the same credentials while the work goes on. */
async function withReadsOfTheCatalog<T>(
  bitbucket: SimulatedBitbucket,
  clock: FakeClock,
  work: Promise<T>,
): Promise<T> {
  const end = new AbortController();
  const read = async () => {
    for (;;) {
      await clock.sleep(1000, end.signal);
      bitbucket.spendTokens(TEST_USER.name, 1);
    }
  };
  read().catch(() => {});
  try {
    return await clock.run(work);
  } finally {
    end.abort();
  }
}

describe('a run under a rate limit of 60 tokens and 5 more each second', () => {
  async function measure(
    rateLimit: Partial<RateLimitOptions>,
    otherReads: 'none' | 'one per second' = 'none',
  ) {
    const clock = new FakeClock();
    const bitbucket = bitbucketWith(REPOSITORIES, clock, rateLimit);
    const { provider, connection } = await connectTestProvider({ bitbucket, clock });
    const startedAtMs = clock.now();
    const work = provider.refresh();
    await (otherReads === 'none'
      ? clock.run(work)
      : withReadsOfTheCatalog(bitbucket, clock, work));
    return {
      found: connection.targets().length,
      refused: bitbucket.rateLimitedCount,
      requests: bitbucket.requests.length,
      seconds: (clock.now() - startedAtMs) / 1000,
      sleeping: clock.sleeping,
    };
  }

  it.each(['none', 'one per second'] as const)(
    'sees no 429 where the budget can be read, other reads: %s',
    async otherReads => {
      const seen = await measure({}, otherReads);

      expect(seen).toMatchObject({ found: REPOSITORIES, refused: 0, sleeping: 0 });
      expect(seen.seconds).toBeLessThanOrEqual(1.6 * secondsFor(seen.requests));
    },
  );

  it.each([
    ['none', { retryAfter: true }],
    ['none', { retryAfter: false }],
    ['one per second', { retryAfter: true }],
    ['one per second', { retryAfter: false }],
  ] as const)(
    'meets few 429, at most 5 %% of the answers, where the budget cannot be read, other reads: %s, %j',
    async (otherReads, rateLimit) => {
      const seen = await measure({ settingsReadable: false, ...rateLimit }, otherReads);

      expect(seen).toMatchObject({ found: REPOSITORIES, sleeping: 0 });
      expect(seen.refused).toBeLessThanOrEqual(0.05 * seen.requests);
      expect(seen.seconds).toBeLessThanOrEqual(1.6 * secondsFor(seen.requests));
    },
  );

  it('sees no 429 if only the headers of answers show the budget', async () => {
    const seen = await measure({ settingsReadable: false, headers: true });

    expect(seen).toMatchObject({ found: REPOSITORIES, refused: 0 });
    expect(seen.seconds).toBeLessThanOrEqual(1.6 * secondsFor(seen.requests));
  });
});

describe('a rate that cannot be intended', () => {
  /** The default timeout of the schedule: every run would end by it. */
  const TIMEOUT_SECONDS = 25 * 60;

  it.each<[string, Partial<RateLimitOptions>, JsonObject | undefined, RegExp]>([
    [
      'the configuration',
      {},
      { requestsPerSecond: 0.0001, burst: 1 },
      /^catalog\.providers\.bitbucketServer\.rateLimit\.requestsPerSecond is 0\.0001\b.*0\.1 is used/,
    ],
    [
      "the server's settings",
      { fillRate: 0.0001 },
      undefined,
      /bitbucket\.test.* 0\.0001 requests per second.*0\.1 per second is assumed/,
    ],
    [
      'the headers of its answers',
      { fillRate: 0.0001, settingsReadable: false, headers: true },
      undefined,
      /bitbucket\.test.* 0\.0001 requests per second.*0\.1 per second is assumed/,
    ],
  ])(
    'does not end a run by its timeout if it comes from %s, and is logged once',
    async (_source, rateLimit, configured, warning) => {
      const clock = new FakeClock();
      const bitbucket = bitbucketWith(50, clock, rateLimit);
      const config = configured && { rateLimit: configured };
      const { run, connection, logger } = await connectTestProvider({
        bitbucket,
        clock,
        config,
      });
      const startedAtMs = clock.now();

      await run();

      expect(connection.targets()).toHaveLength(50);
      expect((clock.now() - startedAtMs) / 1000).toBeLessThan(TIMEOUT_SECONDS);
      expect(logger.messages('warn')).toEqual([expect.stringMatching(warning)]);
    },
  );
});

/** Runs both; they have the password of the integration unless they have a token. */
async function runBoth(first: JsonObject, second: JsonObject) {
  const clock = new FakeClock();
  const bitbucket = bitbucketWith(100, clock);
  const host = new URL(bitbucket.baseUrl).host;
  const { created, logger } = await createTestProviders(bitbucket, clock, {
    first: { host, ...first },
    second: { host, ...second },
  });
  const connections = await Promise.all(
    created.map(async ({ provider }) => {
      const connection = createRecordingConnection();
      await provider.connect(connection);
      return connection;
    }),
  );
  await clock.run(Promise.all(created.map(({ provider }) => provider.refresh())));
  return {
    bitbucket,
    logger,
    found: connections.map(connection => connection.targets().length),
  };
}

describe('two providers with two credentials of one user', () => {
  it('share the budget of the server: together they see no 429', async () => {
    const { bitbucket, found, logger } = await runBoth({}, { token: TOKEN });

    expect(found).toEqual([100, 100]);
    expect(bitbucket.rateLimitedCount).toBe(0);
    expect(logger.messages('warn')).toEqual([]);
  });
});

describe('two providers of one host and credential', () => {
  /** The most requests of any window of one second, and of any of ten. */
  function busiest({ requests }: SimulatedBitbucket) {
    const times = requests.map(request => request.time);
    const within = (ms: number) =>
      Math.max(
        ...times.map(from => times.filter(at => at >= from && at < from + ms).length),
      );
    return { oneSecond: within(1000), tenSeconds: within(10_000) };
  }

  it('share the budget of the server: together they see no 429', async () => {
    const { bitbucket, found, logger } = await runBoth({}, {});

    expect(found).toEqual([100, 100]);
    expect(bitbucket.rateLimitedCount).toBe(0);
    expect(logger.messages('warn')).toEqual([]);
  });

  it('are both held to the stricter of two limits, and the log says so', async () => {
    const { bitbucket, found, logger } = await runBoth(
      { rateLimit: { requestsPerSecond: 4, burst: 3 } },
      { rateLimit: { requestsPerSecond: 3, burst: 10 } },
    );

    expect(found).toEqual([100, 100]);
    const { oneSecond, tenSeconds } = busiest(bitbucket);
    expect(oneSecond).toBeLessThanOrEqual(3 + 3);
    expect(tenSeconds).toBeLessThanOrEqual(3 + 30);
    expect(logger.messages('warn')).toEqual([
      expect.stringMatching(
        /share the rate limit of bitbucket\.test.*"first" 4 per.*"second" 3 per.*strictest applies to all, 3 per second, burst 3/,
      ),
    ]);
  });

  it('are both held to the lower of two concurrencies, and the log says so', async () => {
    const { bitbucket, found, logger } = await runBoth(
      { rateLimit: 'off', concurrency: 7 },
      { rateLimit: 'off', concurrency: 2 },
    );

    expect(found).toEqual([100, 100]);
    expect(bitbucket.peakInFlight).toBe(2);
    expect(logger.messages('warn').join()).toMatch(
      /concurrency.*lowest applies to all, 2/,
    );
  });
});

describe('a single 429 that no limit explains', () => {
  async function secondsWith(refused?: 'repositories' | 'file-check') {
    const clock = new FakeClock();
    const bitbucket = createSimulatedBitbucket({
      users: [TEST_USER],
      clock,
      latencyMs: 50,
    });
    for (let index = 0; index < 200; index += 1) {
      bitbucket.addRepository({ projectKey: 'PAY', slug: `r${index}` });
    }
    bitbucket.faults.add({ match: { kind: 'rate-limit-settings' }, effect: 'xml-404' });
    if (refused) {
      bitbucket.faults.add({
        match: { kind: refused },
        times: 1,
        effect: { type: 'status', status: 429 },
      });
    }
    const { provider } = await connectTestProvider({ bitbucket, clock });
    const startedAtMs = clock.now();
    await clock.run(provider.refresh());
    return (clock.now() - startedAtMs) / 1000;
  }

  it.each(['repositories', 'file-check'] as const)(
    'costs a pause and no more: %s',
    async refused => {
      const undisturbed = await secondsWith();

      expect(await secondsWith(refused)).toBeLessThanOrEqual(undisturbed + 3);
    },
  );
});
