/**
 * Transport and limiter against a simulated server bucket, on a fake clock: the number of 429
 * answers and the time needed.
 */

import fc from 'fast-check';
import { propertyRuns } from '../__testUtils__/propertyRuns';
import {
  physicalMinimumSeconds,
  simulate,
  Simulation,
  sustainablePerSecond,
} from '../__testUtils__/rateLimitSimulation';
import { ServerBudget } from './rateStrategy';

/** Maximum time, as a multiple of the shortest possible time. */
const MAX_FACTOR = 1.6;

/** Maximum time for 400 requests with Bitbucket's default bucket. */
const MAX_SECONDS = MAX_FACTOR * physicalMinimumSeconds({});

/** Maximum part of 429 answers if the server does not report its budget. */
const MAX_REFUSED = 0.05;

const known: ServerBudget = { enabled: true, capacity: 60, fillRate: 5 };

describe('requests against 60 tokens and 5 per second', () => {
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
    'see at most 5 % of 429 when the budget is unknown (%d ms latency, server reports %s)',
    async (latencyMs, tells) => {
      const result = await simulate({ latencyMs, tells });
      expect(result.failed).toBe(0);
      expect(result.refused).toBeLessThanOrEqual(MAX_REFUSED * result.sent);
      expect(result.seconds).toBeLessThanOrEqual(MAX_SECONDS);
    },
  );

  // The first 429 comes for all requests in flight, which is nearly 4 % of so few.
  it.each([2, 20, 100])(
    'see at most 5 %% of 429 even if there are only 200 of them (%d ms latency)',
    async latencyMs => {
      const short = { latencyMs, requests: 200, tells: 'retry-after' } as const;
      const result = await simulate(short);
      expect(result.failed).toBe(0);
      expect(result.refused).toBeLessThanOrEqual(MAX_REFUSED * result.sent);
      const minimum = physicalMinimumSeconds(short);
      expect(result.seconds).toBeLessThanOrEqual(MAX_FACTOR * minimum);
    },
  );

  it('see no 429 when the headers contain the budget', async () => {
    const result = await simulate({ tells: 'everything' });
    expect(result).toMatchObject({ refused: 0, failed: 0 });
    expect(result.seconds).toBeLessThanOrEqual(MAX_SECONDS);
  });

  it('see no 429 when other clients use a fifth of the refill', async () => {
    const result = await simulate({ budget: known, othersPerSecond: 1 });
    expect(result).toMatchObject({ refused: 0, failed: 0 });
  });

  it('succeed when other clients use far more than their share', async () => {
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

describe('a server that does not report its bucket', () => {
  it.each<Simulation>([
    { capacity: 60, fillRate: 5, requests: 500 },
    { capacity: 60, fillRate: 50, requests: 1_160 },
    { capacity: 200, fillRate: 20, requests: 700 },
    { capacity: 1_000, fillRate: 100, requests: 3_200 },
    { capacity: 10, fillRate: 2, requests: 400 },
    { capacity: 1_000, fillRate: 5, requests: 1_200 },
    // One bucket that other clients empty in a pause, and one that overflows in a pause.
    { capacity: 200, fillRate: 20, requests: 700, othersPerSecond: 12 },
    { capacity: 5, fillRate: 10, requests: 400 },
  ])('soon gets requests at the pace that it sustains: %j', async simulation => {
    const result = await simulate(simulation);
    expect(result.failed).toBe(0);
    expect(result.refused).toBeLessThanOrEqual(MAX_REFUSED * result.sent);
    const minimum = physicalMinimumSeconds(simulation);
    expect(result.seconds).toBeLessThanOrEqual(MAX_FACTOR * minimum);
  });

  /** Buckets of which we may use 2 requests per second or more, with enough requests to send. */
  const servers = fc
    .record({
      ownPerSecond: fc.double({ min: 2, max: 200, noNaN: true }),
      othersShare: fc.double({ min: 0, max: 0.6, noNaN: true }),
      holdsSeconds: fc.double({ min: 1, max: 20, noNaN: true }),
      latencyMs: fc.integer({ min: 2, max: 1_000 }),
      jitter: fc.double({ min: 0, max: 0.5, noNaN: true }),
      requests: fc.integer({ min: 400, max: 1_500 }),
      concurrency: fc.integer({ min: 1, max: 8 }),
      tells: fc.constantFrom('nothing', 'retry-after'),
      seed: fc.integer(),
    })
    .map(({ ownPerSecond, othersShare, holdsSeconds, ...rest }) => {
      const fillRate = ownPerSecond / (1 - othersShare);
      return {
        ...rest,
        fillRate,
        othersPerSecond: fillRate - ownPerSecond,
        capacity: Math.max(5, Math.round(ownPerSecond * holdsSeconds)),
      };
    });

  /** Seconds that a first pause and the search for a pace take. */
  const SEARCH_SECONDS = 5;

  /** The fewest requests served in any interval of `seconds` between the search and the end. */
  function slowest(servedAtMs: readonly number[], seconds: number): number {
    const endMs = servedAtMs.at(-1) ?? 0;
    const from = servedAtMs.filter(at => at > 30_000 && at < endMs - seconds * 1_000);
    const countFrom = (startMs: number) =>
      servedAtMs.filter(at => at > startMs && at <= startMs + seconds * 1_000).length;
    return Math.min(...from.map(countFrom));
  }

  it('is used fully and steadily, whatever its bucket, its latency and its other clients', async () => {
    await fc.assert(
      fc.asyncProperty(servers, async simulation => {
        const result = await simulate(simulation);
        expect(result.failed).toBe(0);
        // When the search ends, the requests in flight are refused, however few follow.
        const maxRefused = MAX_REFUSED * result.sent + simulation.concurrency;
        expect(result.refused).toBeLessThanOrEqual(maxRefused);
        const minimum = physicalMinimumSeconds(simulation);
        expect(result.seconds).toBeLessThanOrEqual(MAX_FACTOR * minimum + SEARCH_SECONDS);
        const sustainable = sustainablePerSecond(simulation);
        expect(slowest(result.servedAtMs, 20)).toBeGreaterThanOrEqual(
          0.6 * 20 * sustainable,
        );
      }),
      { numRuns: propertyRuns(10) },
    );
  });
});

it.each([1, 7, 200, 399])(
  'loses at most 3 s to a single 429 without a limit: request %d',
  async refusedAnyway => {
    const unlimited = { capacity: 1_000, fillRate: 1_000 };
    const { seconds } = await simulate(unlimited);
    const result = await simulate({ ...unlimited, refusedAnyway });
    expect(result).toMatchObject({ refused: 1, failed: 0 });
    expect(result.seconds).toBeLessThanOrEqual(seconds + 3);
  },
);

it.each([500, 3_000, 10_000])(
  'recovers its pace within 6 s after %d ms of only 429 answers without a limit',
  async ms => {
    const unlimited = { capacity: 5_000, fillRate: 1_000, requests: 1_000 };
    const { seconds } = await simulate(unlimited);
    const temporaryRefusal = { fromMs: 2_000, ms };
    const result = await simulate({ ...unlimited, temporaryRefusal });
    expect(result.failed).toBe(0);
    expect(result.refused).toBeGreaterThan(1);
    expect(result.seconds).toBeLessThanOrEqual(seconds + ms / 1_000 + 6);
  },
);

describe('a server that refuses a part of the requests at random for a minute', () => {
  const FROM_MS = 20_000;
  const TO_MS = FROM_MS + 60_000;

  /** Seconds after the last refusal until half of `perSecond` is served again. */
  function secondsUntilHalf(servedAtMs: readonly number[], perSecond: number) {
    const windowMs = 4_000;
    const countFrom = (startMs: number) =>
      servedAtMs.filter(at => at >= startMs && at < startMs + windowMs).length;
    const isHalf = (at: number) => countFrom(at) >= (perSecond * windowMs) / 2_000;
    const recoveredAtMs = servedAtMs.find(at => at >= TO_MS && isHalf(at)) ?? Infinity;
    return (recoveredAtMs - TO_MS) / 1_000;
  }

  // One refusal in twenty looks most like a bucket.
  it.each([
    { part: 0.05, maxSeconds: 40 },
    { part: 0.2, maxSeconds: 20 },
    { part: 0.5, maxSeconds: 25 },
  ])('gets half of the former pace soon after: %j', async ({ part, maxSeconds }) => {
    const temporaryRefusal = { fromMs: FROM_MS, ms: TO_MS - FROM_MS, part };
    const unlimited = {
      capacity: 5_000,
      fillRate: 1_000,
      latencyMs: 200,
      requests: 2_200,
    };
    const documented = { requests: 700 };
    for (const server of [unlimited, documented]) {
      for (const seed of [1, 2]) {
        const { servedAtMs } = await simulate({ ...server, temporaryRefusal, seed });
        const seconds = secondsUntilHalf(servedAtMs, sustainablePerSecond(server));
        expect(seconds).toBeLessThanOrEqual(maxSeconds);
      }
    }
  });
});

it('a run uses the full concurrency if there is no limit', async () => {
  const result = await simulate({ budget: 'whitelisted', capacity: 1_000 });
  expect(result).toMatchObject({ refused: 0, mostInFlight: 8, seconds: 2.5 });
});
