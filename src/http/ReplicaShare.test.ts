/** Replicas that share a budget, and what each does while the database does not answer. */

import fc from 'fast-check';
import { FakeClock } from '../__testUtils__/FakeClock';
import { Disorder, MemoryBuckets } from '../__testUtils__/MemoryBuckets';
import { AgreedLimits, PaceLimits } from './agreeOnLimits';
import { getCredentialKey, LimiterRegistry } from './LimiterRegistry';
import { RequestLimiter } from './RequestLimiter';
import { RequestClass } from './types';

const HOST = 'bitbucket.example.com';
const INTEGRATION = {
  host: HOST,
  apiBaseUrl: `https://${HOST}/rest/api/1.0`,
  token: 'T0ken-that-is-secret',
};
const DOCUMENTED = { enabled: true, capacity: 60, fillRate: 5 };

/** Replicas of one backend, each with a credential of the same user. */
function setUp(options: { count?: number; pace?: PaceLimits; tells?: boolean } = {}) {
  const { count = 2, pace = { auto: true }, tells = true } = options;
  const clock = new FakeClock({ startMs: 0, settleTurns: 2 });
  const buckets = new MemoryBuckets(clock);
  const warnings: string[] = [];
  const relieved: string[] = [];
  const agreed: AgreedLimits = {
    host: HOST,
    credentialKey: getCredentialKey(INTEGRATION),
    concurrency: 8,
    pace,
  };
  const limiters = Array.from({ length: count }, () => {
    const registry = new LimiterRegistry({
      agreed: [agreed],
      defaultConcurrency: 8,
      clock,
      onWarning: warning => warnings.push(warning),
      onRelief: message => relieved.push(message),
    });
    registry.shareWithReplicas(buckets);
    const limiter = registry.limiterFor(INTEGRATION);
    if (tells) limiter.learnBudget(DOCUMENTED);
    return limiter;
  });
  const began: { atMs: number; requestClass: RequestClass }[] = [];
  const start = (limiter: RequestLimiter, requests: number, requestClass: RequestClass) =>
    Promise.all(
      Array.from({ length: requests }, () =>
        limiter.run(
          async () => {
            began.push({ atMs: clock.monotonicMs(), requestClass });
          },
          { requestClass },
        ),
      ),
    );
  const startAll = (requests: number, requestClass: RequestClass) =>
    Promise.all(limiters.map(limiter => start(limiter, requests, requestClass)));
  return { began, buckets, clock, limiters, relieved, start, startAll, warnings };
}

const countAt = (began: readonly { atMs: number }[], atMs: number) =>
  began.filter(request => request.atMs === atMs).length;

it('replicas that share a budget send no more together than one could alone', async () => {
  const { began, clock, startAll } = setUp();
  await clock.run(startAll(60, 'read'));
  expect(countAt(began, 0)).toBe(55);
  // 65 more at 5 per second, and up to a second that is lost because replicas ask late.
  expect(began.at(-1)?.atMs).toBeGreaterThanOrEqual(13_000);
  expect(began.at(-1)?.atMs).toBeLessThanOrEqual(14_000);
});

it('ReplicaShare serves both replicas while both want more than is available', async () => {
  const { clock, limiters } = setUp();
  const counts = [0, 0];
  const stop = new AbortController();
  const all = limiters.flatMap((limiter, index) =>
    Array.from({ length: 300 }, () =>
      limiter
        .run(async () => void (counts[index] = (counts[index] ?? 0) + 1), {
          requestClass: 'read',
          signal: stop.signal,
        })
        .catch(() => undefined),
    ),
  );
  await clock.advance(60_000);
  stop.abort();
  await Promise.all(all);
  expect(Math.min(...counts)).toBeGreaterThan(100);
});

it('ReplicaShare pauses all replicas after a 429 on one', async () => {
  const { began, clock, limiters, startAll } = setUp();
  await clock.run(startAll(1, 'read'));
  limiters[0]?.observeResponse({ status: 429, hint: { retryAfterMs: 7_000 }, tookMs: 0 });
  await clock.settle();
  const fromMs = clock.monotonicMs();
  // The second replica holds no token any more: they expire after a second.
  await clock.advance(1_000);
  await clock.run(startAll(1, 'read'));
  const later = began.slice(2).map(({ atMs }) => atMs - fromMs);
  expect(Math.min(...later)).toBeGreaterThanOrEqual(7_000);
});

it('ReplicaShare counts the requests that each replica sent before the budget was known', async () => {
  const { began, clock, limiters, startAll } = setUp({ tells: false });
  await clock.run(startAll(15, 'read'));
  limiters.forEach(limiter => limiter.learnBudget(DOCUMENTED));
  await clock.advance(1);
  const all = startAll(20, 'read');
  await clock.settle();
  expect(countAt(began, 1)).toBe(25);
  await clock.run(all);
});

it.each<[string, PaceLimits, boolean]>([
  ['the budget is unknown', { auto: true }, false],
  ['the pace is off', { auto: false }, true],
])('ReplicaShare requests no tokens if %s', async (_name, pace, tells) => {
  const { buckets, clock, limiters, startAll } = setUp({ pace, tells });
  await clock.run(startAll(20, 'discovery'));
  limiters[0]?.observeResponse({ status: 429, hint: {}, tookMs: 0 });
  await clock.run(startAll(5, 'read'));
  expect(buckets.asked).toBe(0);
});

it('ReplicaShare shares a configured rate', async () => {
  const fixed = { requestsPerSecond: 2, burst: 6 };
  const { began, clock, startAll } = setUp({
    pace: { auto: false, fixed },
    tells: false,
  });
  await clock.run(startAll(6, 'discovery'));
  expect(countAt(began, 0)).toBe(6);
  expect(began.at(-1)?.atMs).toBeGreaterThanOrEqual(3_000);
});

it('ReplicaShare derives the key of the bucket from host and user, not from a secret', async () => {
  const { buckets, clock, limiters, startAll } = setUp();
  await clock.run(startAll(1, 'read'));
  for (const limiter of limiters) {
    limiter.observeResponse({ status: 200, hint: {}, tookMs: 0, userName: 'backstage' });
  }
  await clock.advance(2_000);
  await clock.run(startAll(1, 'read'));
  expect(buckets.keys).toHaveLength(2);
  for (const key of buckets.keys) {
    expect(key).toMatch(/^[0-9a-f]{64}$/);
    expect(key).not.toBe(getCredentialKey(INTEGRATION));
  }
});

describe.each<Disorder>(['hangs', 'fails'])('while the database %s', disorder => {
  it('each replica continues with its part, with one warning', async () => {
    const { began, buckets, clock, startAll, warnings } = setUp();
    await clock.run(startAll(30, 'read'));
    buckets.disorder = disorder;
    await clock.advance(20_000);
    const fromMs = clock.monotonicMs();
    const before = began.length;
    await clock.run(startAll(50, 'read'));
    const seconds = ((began.at(-1)?.atMs ?? 0) - fromMs) / 1000;
    expect(began.length - before).toBe(100);
    // Each has half of the bucket and of the refill, so that the total is as with the database.
    expect(100).toBeLessThanOrEqual(60 + 5 * seconds);
    expect(seconds).toBeLessThanOrEqual(12);
    const warning = expect.stringMatching(/uses only its own part of the budget/);
    expect(warnings).toEqual([warning, warning]);
  });

  it('two replicas that have never reached it do not exceed the budget', async () => {
    const { began, buckets, clock, startAll } = setUp();
    buckets.disorder = disorder;
    await clock.run(startAll(80, 'read'));
    expect(mostAtOnce(began, 5)).toBeLessThanOrEqual(60);
  });

  it('each replica logs it once per outage, and once when it shares the budget again', async () => {
    const { buckets, clock, relieved, startAll, warnings } = setUp();
    const count = () => [warnings.length, relieved.length];
    for (const outages of [1, 2]) {
      buckets.disorder = disorder;
      for (let times = 0; times < 3; times += 1) {
        await clock.advance(60_000);
        await clock.run(startAll(2, 'read'));
      }
      expect(count()).toEqual([2 * outages, 2 * (outages - 1)]);
      buckets.disorder = undefined;
      for (let times = 0; times < 3; times += 1) {
        await clock.advance(60_000);
        await clock.run(startAll(2, 'read'));
      }
      expect(count()).toEqual([2 * outages, 2 * outages]);
    }
    expect(new Set(relieved)).toEqual(
      new Set([expect.stringMatching(/^The database answers again .* share it$/)]),
    );
  });

  it('no request waits for it for more than 250 ms, and not every request queries it', async () => {
    const { began, buckets, clock, startAll } = setUp({ count: 1 });
    buckets.disorder = disorder;
    await clock.run(startAll(25, 'read'));
    expect(began.at(-1)?.atMs).toBeLessThanOrEqual(250);
    expect(buckets.asked).toBe(1);
  });

  it('requests are counted, so that replicas share again once it is back', async () => {
    const { began, buckets, clock, startAll } = setUp();
    await clock.run(startAll(5, 'read'));
    await clock.advance(60_000);
    buckets.disorder = disorder;
    await clock.run(startAll(20, 'read'));
    buckets.disorder = undefined;
    await clock.advance(5_000);
    const asked = buckets.asked;
    const fromMs = clock.monotonicMs();
    const before = began.length;
    await clock.run(startAll(40, 'read'));
    expect(buckets.asked).toBeGreaterThan(asked);
    const atOnce = began.slice(before).filter(({ atMs }) => atMs === fromMs).length;
    // 40 were sent, and the database did not add the refill of 25 since then.
    expect(atOnce).toBeLessThanOrEqual(40);
  });
});

/** The smallest burst that explains all start times at a rate of `perSecond`. */
function mostAtOnce(began: readonly { readonly atMs: number }[], perSecond: number) {
  let most = 0;
  began.forEach((first, from) =>
    began.slice(from).forEach(({ atMs }, index) => {
      most = Math.max(most, index + 1 - (perSecond * (atMs - first.atMs)) / 1000);
    }),
  );
  return most;
}

it('ReplicaShare never lets all replicas together exceed the budget, whatever the requests', async () => {
  const steps = fc.array(
    fc.record({
      afterMs: fc.nat(1_500),
      replica: fc.nat(2),
      requestClass: fc.constantFrom<RequestClass>('read', 'discovery'),
      requests: fc.integer({ min: 1, max: 25 }),
    }),
    { minLength: 1, maxLength: 12 },
  );
  await fc.assert(
    fc.asyncProperty(steps, async plan => {
      const { began, clock, limiters, start } = setUp({ count: 3 });
      const work = async () => {
        const all: Promise<unknown>[] = [];
        for (const { afterMs, replica, requestClass, requests } of plan) {
          await clock.sleep(afterMs);
          const limiter = limiters[replica];
          if (limiter) all.push(start(limiter, requests, requestClass));
        }
        await Promise.all(all);
      };
      await clock.run(work());
      const runs = began.filter(({ requestClass }) => requestClass === 'discovery');
      // A second of the refill is reserved for tokens that are used late.
      expect(mostAtOnce(began, 5)).toBeLessThanOrEqual(60 + 1e-6);
      expect(mostAtOnce(runs, 4)).toBeLessThanOrEqual(30 + 4 + 1e-6);
    }),
    { numRuns: 15 },
  );
});
