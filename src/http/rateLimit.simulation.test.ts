/**
 * The whole of transport and limiter against a simulated server bucket, on a fake clock:
 * how many 429 there are and how long it takes.
 */

import { FakeClock } from '../__testUtils__/FakeClock';
import { createTestLimiter } from '../__testUtils__/testLimiters';
import { HttpTransport } from './HttpTransport';
import { ServerBudget } from './rateStrategy';
import { createBucket, take, waitMs } from './tokenBucket';
import { RateLimitSetting } from './types';

interface Simulation {
  readonly capacity?: number;
  readonly fillRate?: number;
  readonly latencyMs?: number;
  readonly requests?: number;
  readonly budget?: ServerBudget;
  readonly setting?: RateLimitSetting;
  /** What the server tells besides the status. */
  readonly tells?: 'nothing' | 'retry-after' | 'everything';
  /** Requests per second that others take from the same bucket. */
  readonly othersPerSecond?: number;
}

/** A Bitbucket with one bucket: 60 tokens and 5 per second unless told otherwise. */
function createServer(clock: FakeClock, simulation: Simulation) {
  const { capacity = 60, fillRate = 5, latencyMs = 50, tells = 'nothing' } = simulation;
  const { othersPerSecond = 0 } = simulation;
  let bucket = createBucket(
    { capacity, refillPerSecond: fillRate - othersPerSecond },
    clock.now(),
  );
  const counts = { sent: 0, refused: 0, mostInFlight: 0 };
  let inFlight = 0;
  const headers = (): Record<string, string> => {
    if (tells === 'nothing') return {};
    const seconds = Math.ceil(waitMs(bucket, clock.now()) / 1000);
    if (tells === 'retry-after') return { 'Retry-After': String(seconds) };
    return {
      'Retry-After': String(seconds),
      'X-RateLimit-Limit': String(capacity),
      'X-RateLimit-Remaining': String(Math.floor(bucket.tokens)),
      'X-RateLimit-FillRate': String(fillRate),
      'X-RateLimit-Interval-Seconds': '1',
    };
  };
  const serve = async () => {
    counts.sent += 1;
    inFlight += 1;
    counts.mostInFlight = Math.max(counts.mostInFlight, inFlight);
    await clock.sleep(latencyMs / 2);
    const taken = take(bucket, clock.now());
    bucket = taken.bucket;
    const response = new Response('{}', {
      status: taken.taken ? 200 : 429,
      headers: headers(),
    });
    if (!taken.taken) counts.refused += 1;
    await clock.sleep(latencyMs / 2);
    inFlight -= 1;
    return response;
  };
  return { counts, serve };
}

async function simulate(simulation: Simulation) {
  const clock = new FakeClock({ startMs: 0, settleTurns: 1 });
  const server = createServer(clock, simulation);
  const limiter = createTestLimiter({
    clock,
    rateLimit: simulation.setting ?? { kind: 'auto' },
  });
  limiter.learnBudget(simulation.budget ?? 'unknown');
  const transport = new HttpTransport({
    baseUrl: 'https://h',
    headers: {},
    redact: text => text,
    limiter,
    clock,
    requestTimeoutMs: 30_000,
    fetch: server.serve,
  });
  const { requests = 400 } = simulation;
  const all = Array.from({ length: requests }, (_, i) =>
    transport.get({ kind: 'file-check', url: `https://h/${i}` }),
  );
  const replies = await clock.run(Promise.all(all));
  return {
    ...server.counts,
    seconds: clock.now() / 1000,
    failed: replies.filter(({ status }) => status !== 200).length,
    sleeping: clock.sleeping,
  };
}

/** 1.6 times what the server's bucket allows at best for 400 requests. */
const MAX_SECONDS = (1.6 * (400 - 60)) / 5;

const known: ServerBudget = { enabled: true, capacity: 60, fillRate: 5 };

describe('400 requests against 60 tokens and 5 per second', () => {
  it.each([5, 50, 500])(
    'see no 429 when the budget is known (%d ms latency)',
    async latencyMs => {
      const result = await simulate({ budget: known, latencyMs });
      expect(result).toMatchObject({ sent: 400, refused: 0, failed: 0, sleeping: 0 });
      expect(result.seconds).toBeLessThanOrEqual(MAX_SECONDS);
      expect(result.mostInFlight).toBeLessThanOrEqual(8);
    },
  );

  it.each([
    [2, 'nothing'],
    [10, 'retry-after'],
    [50, 'nothing'],
    [50, 'retry-after'],
    [200, 'nothing'],
    [500, 'retry-after'],
    [1_000, 'nothing'],
  ] as const)(
    'see at most 10 when it is unknown (%d ms latency, server tells %s)',
    async (latencyMs, tells) => {
      const result = await simulate({ latencyMs, tells });
      expect(result.failed).toBe(0);
      expect(result.refused).toBeLessThanOrEqual(10);
      expect(result.seconds).toBeLessThanOrEqual(MAX_SECONDS);
    },
  );

  it('see none when the headers tell the budget', async () => {
    const result = await simulate({ tells: 'everything' });
    expect(result).toMatchObject({ refused: 0, failed: 0 });
    expect(result.seconds).toBeLessThanOrEqual(MAX_SECONDS);
  });

  it('see none when others take a fifth of the refill', async () => {
    const result = await simulate({ budget: known, othersPerSecond: 1 });
    expect(result).toMatchObject({ refused: 0, failed: 0 });
  });

  it('come through when others take far more than their share', async () => {
    const result = await simulate({ budget: known, othersPerSecond: 3 });
    expect(result.failed).toBe(0);
    expect(result.refused).toBeLessThanOrEqual(20);
  });

  it('are not paced when switched off, but paused by each 429', async () => {
    const result = await simulate({ setting: { kind: 'off' }, requests: 100 });
    expect(result.refused).toBeGreaterThan(10);
    expect(result.mostInFlight).toBe(8);
    // Unpaced and unpaused, 100 requests at 50 ms would take 0.6 s.
    expect(result.seconds).toBeGreaterThan(5);
  });
});

it.each([
  // The last number: how many times as long as at best it may take.
  [{ capacity: 10, fillRate: 2, requests: 300 }, 2],
  [{ capacity: 100, fillRate: 20, requests: 1_000 }, 2.5],
  [{ capacity: 500, fillRate: 50, requests: 2_000 }, 2],
  [{ capacity: 1_000, fillRate: 5, requests: 1_200 }, 2],
  // Far from the documented proportion: the first guess is much too low.
  [{ capacity: 5, fillRate: 10, requests: 300 }, 6],
])('adapts to a bucket of another size: %j', async (simulation, factor) => {
  const result = await simulate(simulation);
  const ideal = (simulation.requests - simulation.capacity) / simulation.fillRate;
  expect(result.failed).toBe(0);
  expect(result.refused).toBeLessThanOrEqual(20);
  expect(result.seconds).toBeLessThanOrEqual(ideal * factor);
});

it('runs at full concurrency where there is no limit', async () => {
  const result = await simulate({ budget: 'whitelisted', capacity: 1_000 });
  expect(result).toMatchObject({ refused: 0, mostInFlight: 8, seconds: 2.5 });
});
