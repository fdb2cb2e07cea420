/** When requests may begin: slots, tokens, pauses and aborts. */

import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { FakeClock } from '../__testUtils__/FakeClock';
import { PaceLimits } from './agreeOnLimits';
import { parseRateLimitHeaders } from './rateLimitHeaders';
import { HostLimits, RequestLimiter } from './RequestLimiter';
import { RequestClass } from './types';
import { UserBudget } from './UserBudget';

function setUp(
  options: {
    pace?: PaceLimits;
    concurrency?: number;
  } = {},
) {
  const clock = new FakeClock({ startMs: 0 });
  const host = new HostLimits({ concurrency: options.concurrency ?? 100, clock });
  const doubts: string[] = [];
  const onDoubt = (doubt: string) => doubts.push(doubt);
  const user = new UserBudget({ pace: options.pace ?? { auto: true }, clock, onDoubt });
  const limiter = new RequestLimiter({ host, user, clock });
  const reply = (status: number, headers: Record<string, string> = {}) =>
    limiter.observeResponse({
      status,
      hint: parseRateLimitHeaders(new Headers(headers), clock.now()),
      tookMs: 0,
    });
  return { clock, doubts, host, limiter, reply };
}

/** The limiter of another user on the same host. */
function createOther(host: HostLimits, clock: FakeClock) {
  const user = new UserBudget({ pace: { auto: true }, clock, onDoubt: () => {} });
  return new RequestLimiter({ host, user, clock });
}

const OFF: PaceLimits = { auto: false };

const fixed = (requestsPerSecond: number, burst: number): PaceLimits => ({
  auto: false,
  fixed: { requestsPerSecond, burst },
});

/** Runs tasks that record when they begin. */
function startAll(
  limiter: RequestLimiter,
  clock: FakeClock,
  count: number,
  requestClass?: RequestClass,
) {
  const beganAt: number[] = [];
  const task = async () => void beganAt.push(clock.now());
  const all = Array.from({ length: count }, () => limiter.run(task, { requestClass }));
  return { beganAt, all: Promise.all(all) };
}

describe('slots', () => {
  it('never exceed the limit, and are all used', async () => {
    const { clock, limiter } = setUp({ concurrency: 3 });
    let inFlight = 0;
    let most = 0;
    const task = async () => {
      inFlight += 1;
      most = Math.max(most, inFlight);
      await clock.sleep(10);
      inFlight -= 1;
    };
    await clock.run(Promise.all(Array.from({ length: 10 }, () => limiter.run(task))));
    expect(most).toBe(3);
    expect(clock.now()).toBe(40);
  });

  it('are released after a failure, which is passed on', async () => {
    const { limiter } = setUp({ concurrency: 1 });
    const failing = limiter.run(() => Promise.reject(new Error('broken')));
    await expect(failing).rejects.toThrow('broken');
    await expect(limiter.run(async () => 'next')).resolves.toBe('next');
  });

  it('are shared by all credentials of a host', async () => {
    const { clock, host, limiter } = setUp({ concurrency: 1 });
    const other = createOther(host, clock);
    const order: string[] = [];
    const first = limiter.run(async () => {
      await clock.sleep(10);
      order.push('first');
    });
    const second = other.run(async () => {
      order.push('second');
    });
    await clock.run(Promise.all([first, second]));
    expect(order).toEqual(['first', 'second']);
  });
});

describe('slots after a change of the concurrency', () => {
  const startsAfter = async (before: number, after: number) => {
    const { clock, host, limiter } = setUp({ concurrency: before });
    const first = limiter.run(() => clock.sleep(1_000));
    await clock.settle();
    host.useConcurrency(after);
    const second = startAll(limiter, clock, 1);
    await clock.run(Promise.all([first, second.all]));
    return second.beganAt;
  };

  it('stay taken if it is the same', async () => {
    expect(await startsAfter(1, 1)).toEqual([1_000]);
  });

  it('are new ones otherwise', async () => {
    expect(await startsAfter(1, 2)).toEqual([0]);
  });
});

describe('tokens', () => {
  it('let a burst go immediately and the rest at the pace', async () => {
    const { clock, limiter } = setUp({ pace: fixed(2, 3) });
    const { beganAt, all } = startAll(limiter, clock, 6);
    await clock.run(all);
    expect(beganAt).toEqual([0, 0, 0, 500, 1_000, 1_500]);
  });

  it('are available immediately with a huge rate and burst', async () => {
    const { clock, limiter } = setUp({ pace: fixed(1e308, 1e308) });
    const { beganAt, all } = startAll(limiter, clock, 50);
    await clock.run(all);
    expect(beganAt.every(at => at === 0)).toBe(true);
  });

  it('are issued first come, first served', async () => {
    const { clock, limiter } = setUp({ pace: fixed(10, 1), concurrency: 2 });
    const order: number[] = [];
    const all = Array.from({ length: 7 }, (_, i) =>
      limiter.run(async () => {
        order.push(i);
      }),
    );
    await clock.run(Promise.all(all));
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it('need one timer, however many requests wait', async () => {
    const { clock, limiter } = setUp({ pace: fixed(1, 1) });
    const { all } = startAll(limiter, clock, 50);
    await clock.settle();
    expect(clock.sleeping).toBe(1);
    await clock.run(all);
    expect(clock.sleeping).toBe(0);
  });

  it('are not needed without a limit', async () => {
    const { clock, limiter } = setUp({ pace: OFF });
    const { beganAt, all } = startAll(limiter, clock, 50);
    await clock.run(all);
    expect(beganAt.every(at => at === 0)).toBe(true);
  });

  it('never exceed capacity + refill · t, whenever the requests come', async () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 900 }), {
      minLength: 1,
      maxLength: 25,
    });
    await fc.assert(
      fc.asyncProperty(
        gaps,
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 9 }),
        async (waits, burst, perSecond) => {
          const { clock, limiter } = setUp({ pace: fixed(perSecond, burst) });
          const beganAt: number[] = [];
          const come = async () => {
            const all: Promise<void>[] = [];
            for (const wait of waits) {
              await clock.sleep(wait);
              all.push(limiter.run(async () => void beganAt.push(clock.now())));
            }
            await Promise.all(all);
          };
          await clock.run(come());
          expect(beganAt).toHaveLength(waits.length);
          beganAt.forEach((first, from) => {
            beganAt.slice(from).forEach((at, index) => {
              const most = burst + (perSecond * (at - first)) / 1000;
              expect(index + 1).toBeLessThanOrEqual(most + 1e-6);
            });
          });
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('the budget', () => {
  it('sets the pace as soon as it is read', async () => {
    const { clock, limiter } = setUp();
    expect(limiter.budget).toBe('not-read');
    limiter.learnBudget({ enabled: true, capacity: 4, fillRate: 5 });
    const { beganAt, all } = startAll(limiter, clock, 4);
    await clock.run(all);
    expect(beganAt).toEqual([0, 0, 250, 500]);
  });

  it('releases waiting requests when it turns out that there is no limit', async () => {
    const { clock, limiter } = setUp();
    limiter.learnBudget({ enabled: true, capacity: 1, fillRate: 1 });
    const { beganAt, all } = startAll(limiter, clock, 10);
    await clock.settle();
    limiter.learnBudget('whitelisted');
    await clock.run(all);
    // The first in line sleeps until its token is due; the others do not wait any more.
    expect(beganAt).toEqual([0, ...Array.from({ length: 9 }, () => 1_250)]);
  });

  it('is taken from the headers if it could not be read', () => {
    const { limiter, reply } = setUp();
    limiter.learnBudget('unknown');
    reply(200, {
      'X-RateLimit-Limit': '60',
      'X-RateLimit-FillRate': '5',
      'X-RateLimit-Interval-Seconds': '1',
      'X-RateLimit-Remaining': '50',
    });
    expect(limiter.budget).toEqual({ enabled: true, capacity: 60, fillRate: 5 });
  });

  it('is reported once if it is implausible, however many answers repeat it', () => {
    const { doubts, limiter, reply } = setUp();
    limiter.learnBudget({ enabled: true, capacity: 60, fillRate: 0 });
    const headers = {
      'X-RateLimit-Limit': '0',
      'X-RateLimit-FillRate': '5',
      'X-RateLimit-Interval-Seconds': '1',
    };
    reply(200, headers);
    reply(200);
    reply(200, headers);
    expect(limiter.budget).toBe('unknown');
    expect(doubts).toEqual([
      expect.stringContaining('0 requests per second and a burst of 60'),
      expect.stringContaining('5 requests per second and a burst of 0'),
    ]);
  });

  it('is kept when reading it fails later', () => {
    const { limiter } = setUp();
    limiter.learnBudget('whitelisted');
    limiter.learnBudget('unknown');
    expect(limiter.budget).toBe('whitelisted');
  });

  it('holds requests back when the server says that it is used up', async () => {
    const { clock, limiter, reply } = setUp();
    limiter.learnBudget({ enabled: true, capacity: 60, fillRate: 5 });
    reply(200, { 'X-RateLimit-Remaining': '1' });
    const { beganAt, all } = startAll(limiter, clock, 3);
    await clock.run(all);
    expect(beganAt).toEqual([0, 250, 500]);
  });
});

describe('reads and discovery', () => {
  /** Discovery may use 30 and 4 per second of it, both together 55 and 5 per second. */
  const documented = { enabled: true, capacity: 60, fillRate: 5 };
  /** One second of the refill stays at the server. */
  const ALL = 55;

  it('share one bucket, of which discovery leaves a part to reads', async () => {
    const { clock, limiter } = setUp();
    limiter.learnBudget(documented);
    const runs = startAll(limiter, clock, 100);
    await clock.settle();
    const reads = startAll(limiter, clock, 25, 'read');
    await clock.settle();
    expect(runs.beganAt).toHaveLength(30);
    expect(reads.beganAt).toEqual(Array(25).fill(0));
    await clock.run(Promise.all([runs.all, reads.all]));
  });

  it('let reads use up all of it while there is no discovery', async () => {
    const { clock, limiter } = setUp();
    limiter.learnBudget(documented);
    const reads = startAll(limiter, clock, ALL + 10, 'read');
    await clock.run(reads.all);
    expect(reads.beganAt.filter(at => at === 0)).toHaveLength(ALL);
    expect(reads.beganAt.at(-1)).toBe(2_000);
  });

  it('let reads go before a thousand earlier requests of discovery', async () => {
    const { clock, limiter } = setUp({ concurrency: 8 });
    limiter.learnBudget(documented);
    const stop = new AbortController();
    const runs = Array.from({ length: 1_000 }, () =>
      limiter.run(async () => undefined, { signal: stop.signal }).catch(() => undefined),
    );
    await clock.advance(60_000);
    const askedAtMs = clock.now();
    const reads = startAll(limiter, clock, 10, 'read');
    await clock.run(reads.all);
    // Reads get the whole budget except the quarter of its share that discovery keeps.
    expect(clock.now() - askedAtMs).toBeLessThanOrEqual((1_000 * 11) / 4);
    stop.abort();
    await Promise.all(runs);
  });

  it('let discovery have its whole share once no read waits', async () => {
    const { clock, limiter } = setUp();
    limiter.learnBudget(documented);
    await clock.run(startAll(limiter, clock, 5, 'read').all);
    const runs = startAll(limiter, clock, 30);
    await clock.run(runs.all);
    expect(runs.beganAt).toEqual(Array(30).fill(0));
  });

  it('let discovery continue while reads never end', async () => {
    const { clock, limiter } = setUp({ concurrency: 8 });
    limiter.learnBudget(documented);
    const stop = new AbortController();
    const { signal } = stop;
    const reads = Array.from({ length: 2_000 }, () =>
      limiter
        .run(async () => undefined, { requestClass: 'read', signal })
        .catch(() => undefined),
    );
    const runs = startAll(limiter, clock, 50);
    await clock.advance(60_000);
    // Each costs four tokens of a share that began with 30 and gained 240.
    expect(runs.beganAt.length).toBeGreaterThanOrEqual(49);
    stop.abort();
    await Promise.all([...reads, clock.run(runs.all)]);
  });

  it('share a fixed rate, of which discovery alone may use everything', async () => {
    const { clock, limiter } = setUp({ pace: fixed(2, 3) });
    const runs = startAll(limiter, clock, 4);
    await clock.run(runs.all);
    expect(runs.beganAt).toEqual([0, 0, 0, 500]);
  });

  it('together never exceed the budget, nor discovery its share', async () => {
    const come = fc.array(
      fc.record({
        afterMs: fc.integer({ min: 0, max: 600 }),
        requestClass: fc.constantFrom<RequestClass>('read', 'discovery'),
        count: fc.integer({ min: 1, max: 6 }),
      }),
      { minLength: 1, maxLength: 15 },
    );
    const shape = fc.record({
      capacity: fc.integer({ min: 1, max: 20 }),
      fillRate: fc.integer({ min: 1, max: 9 }),
    });
    await fc.assert(
      fc.asyncProperty(come, shape, async (steps, { capacity, fillRate }) => {
        const { clock, limiter } = setUp();
        limiter.learnBudget({ enabled: true, capacity, fillRate });
        const began: { readonly atMs: number; readonly requestClass: RequestClass }[] =
          [];
        const work = async () => {
          const all: Promise<unknown>[] = [];
          for (const { afterMs, count, requestClass } of steps) {
            await clock.sleep(afterMs);
            const task = async () => began.push({ atMs: clock.now(), requestClass });
            for (let index = 0; index < count; index += 1) {
              all.push(limiter.run(task, { requestClass }));
            }
          }
          await Promise.all(all);
        };
        await clock.run(work());
        expect(began).toHaveLength(steps.reduce((sum, { count }) => sum + count, 0));
        const ofDiscovery = began.filter(
          ({ requestClass }) => requestClass === 'discovery',
        );
        const share = Math.max(1, Math.floor(capacity / 2));
        expectWithin(began, { burst: capacity, perSecond: fillRate });
        expectWithin(ofDiscovery, { burst: share, perSecond: fillRate * 0.8 });
      }),
      { numRuns: 40 },
    );
  });

  /** Expects no more than a burst and the refill in every interval. */
  function expectWithin(
    began: readonly { readonly atMs: number }[],
    { burst, perSecond }: { readonly burst: number; readonly perSecond: number },
  ) {
    began.forEach((first, from) => {
      began.slice(from).forEach(({ atMs }, index) => {
        const most = burst + (perSecond * (atMs - first.atMs)) / 1000;
        expect(index + 1).toBeLessThanOrEqual(most + 1e-6);
      });
    });
  }
});

describe('requests that were sent before the budget was known', () => {
  it('are deducted from it, since they used tokens at the server', async () => {
    const { clock, limiter } = setUp();
    await clock.run(startAll(limiter, clock, 20, 'read').all);
    limiter.learnBudget({ enabled: true, capacity: 60, fillRate: 5 });
    const reads = startAll(limiter, clock, 36, 'read');
    await clock.run(reads.all);
    expect(reads.beganAt.filter(at => at === 0)).toHaveLength(35);
  });

  it('never make the bucket negative, however many there were', async () => {
    const { clock, limiter } = setUp();
    await clock.run(startAll(limiter, clock, 500).all);
    limiter.learnBudget({ enabled: true, capacity: 60, fillRate: 5 });
    const { beganAt, all } = startAll(limiter, clock, 2);
    await clock.run(all);
    expect(beganAt).toEqual([250, 500]);
  });
});

it('a request does not wait for an hour when the clock is set back by an hour', async () => {
  const { clock, limiter, reply } = setUp({ pace: fixed(1, 1) });
  reply(429, { 'Retry-After': '5' });
  clock.setTime(-3_600_000);
  const { beganAt, all } = startAll(limiter, clock, 2);
  await clock.run(all);
  expect(beganAt).toEqual([-3_595_000, -3_594_000]);
});

describe('the remaining tokens at the server', () => {
  it('are reduced by the requests in flight', async () => {
    const { clock, limiter, reply } = setUp({ pace: fixed(1, 20) });
    const inFlight = Array.from({ length: 5 }, () => limiter.run(() => clock.sleep(100)));
    await clock.settle();
    // One of the five is the request that was just answered.
    reply(200, { 'X-RateLimit-Remaining': '6' });
    const { beganAt, all } = startAll(limiter, clock, 3);
    await clock.run(Promise.all([all, ...inFlight]));
    expect(beganAt).toEqual([0, 0, 1_000]);
  });
});

it('uses every token that the server reports while no request is in flight', async () => {
  const { clock, limiter, reply } = setUp({ pace: fixed(1, 20) });
  await clock.run(startAll(limiter, clock, 5).all);
  reply(200, { 'X-RateLimit-Remaining': '6' });
  const { beganAt, all } = startAll(limiter, clock, 7);
  await clock.run(all);
  expect(beganAt).toEqual([0, 0, 0, 0, 0, 0, 1_000]);
});

describe('a 429', () => {
  it.each<PaceLimits>([{ auto: true }, OFF, fixed(100, 100)])(
    'pauses all requests for as long as the server asks, with %j',
    async pace => {
      const { clock, limiter, reply } = setUp({ pace });
      reply(429, { 'Retry-After': '7' });
      const { beganAt, all } = startAll(limiter, clock, 1);
      await clock.run(all);
      expect(beganAt).toEqual([7_000]);
    },
  );

  it('pauses for 1 to 1.5 s when the server does not say how long', async () => {
    const { clock, limiter, reply } = setUp({ pace: OFF });
    reply(429);
    const { beganAt, all } = startAll(limiter, clock, 1);
    await clock.run(all);
    expect(beganAt[0]).toBeGreaterThanOrEqual(1_000);
    expect(beganAt[0]).toBeLessThanOrEqual(1_500);
  });

  it('pauses for a minute at most', async () => {
    const { clock, limiter, reply } = setUp({ pace: OFF });
    reply(429, { 'Retry-After': '86400' });
    const { beganAt, all } = startAll(limiter, clock, 1);
    await clock.run(all);
    expect(beganAt).toEqual([60_000]);
  });

  it('does not shorten a longer pause', async () => {
    const { clock, limiter, reply } = setUp({ pace: OFF });
    reply(429, { 'Retry-After': '30' });
    reply(429, { 'Retry-After': '1' });
    const { beganAt, all } = startAll(limiter, clock, 1);
    await clock.run(all);
    expect(beganAt).toEqual([30_000]);
  });

  it('leaves nothing of a burst, since the bucket at the server is empty', async () => {
    const { clock, limiter, reply } = setUp({ pace: fixed(1, 10) });
    reply(429, { 'Retry-After': '2' });
    const { beganAt, all } = startAll(limiter, clock, 4);
    await clock.run(all);
    expect(beganAt).toEqual([2_000, 2_000, 3_000, 4_000]);
  });

  it('holds back requests that already wait for a token', async () => {
    const { clock, limiter, reply } = setUp({ pace: fixed(1, 1) });
    const { beganAt, all } = startAll(limiter, clock, 2);
    await clock.advance(500);
    reply(429, { 'Retry-After': '10' });
    await clock.run(all);
    expect(beganAt).toEqual([0, 10_500]);
  });

  it('pauses the other credentials of the host, but does not slow their pace', async () => {
    const { clock, host, reply } = setUp();
    const other = createOther(host, clock);
    reply(429, { 'Retry-After': '5' });
    const { beganAt, all } = startAll(other, clock, 3);
    await clock.run(all);
    expect(beganAt).toEqual([5_000, 5_000, 5_000]);
  });
});

describe('the pace after 429 answers while no budget is known', () => {
  it('grows while it holds requests back, and not in an idle hour', async () => {
    const { clock, limiter, reply } = setUp();
    reply(429);
    reply(429);
    await clock.advance(3_600_000);
    const fromMs = clock.now();
    const { beganAt, all } = startAll(limiter, clock, 12);
    await clock.run(all);
    const gapsMs = beganAt.slice(1).map((at, index) => at - (beganAt[index] ?? 0));
    expect(beganAt[0]).toBe(fromMs);
    expect(gapsMs[0]).toBe(250);
    expect(gapsMs.at(-1)).toBeLessThan(100);
  });
});

it('begins the search for a pace at its start, however long the pause is', async () => {
  const { clock, limiter, reply } = setUp();
  reply(429, { 'Retry-After': '9' });
  reply(429, { 'Retry-After': '9' });
  const { beganAt, all } = startAll(limiter, clock, 2);
  await clock.run(all);
  expect(beganAt).toEqual([9_000, 9_250]);
});

describe('the lookup of the budget', () => {
  const documented = { enabled: true, capacity: 60, fillRate: 5 };

  it('happens once, and sets the pace', async () => {
    const { limiter } = setUp();
    const read = jest.fn(async () => documented);
    await limiter.lookUpBudget(read);
    await limiter.lookUpBudget(read);
    expect(read).toHaveBeenCalledTimes(1);
    expect(limiter.budget).toEqual(documented);
  });

  it('is repeated later if it found nothing', async () => {
    const { clock, limiter } = setUp();
    await limiter.lookUpBudget(async () => undefined);
    expect(limiter.needsBudget).toBe(true);
    await clock.advance(60_000);
    await limiter.lookUpBudget(async () => documented);
    expect(limiter.budget).toEqual(documented);
  });

  it('is not needed if the pace does not depend on it', async () => {
    const { limiter } = setUp({ pace: fixed(1, 1) });
    const read = jest.fn(async () => documented);
    await limiter.lookUpBudget(read);
    expect(read).not.toHaveBeenCalled();
  });

  it.each([
    ['read', 8_000, 'not-read'],
    ['discovery', 20_000, documented],
  ] as const)(
    'delays a %s request for %d ms at most',
    async (requestClass, ms, known) => {
      const { clock, limiter } = setUp();
      const read = async () => {
        await clock.sleep(20_000);
        return documented;
      };
      const end = limiter.lookUpBudget(read, { requestClass }).catch(() => undefined);
      await clock.run(end);
      expect(clock.now()).toBe(ms);
      expect(limiter.budget).toEqual(known);
    },
  );

  it('ends with an abort, which it passes on', async () => {
    const { clock, limiter } = setUp();
    const stop = new AbortController();
    const read = (signal: AbortSignal | undefined) =>
      clock.sleep(20_000, signal).then(() => documented);
    const end = limiter.lookUpBudget(read, { signal: stop.signal });
    await clock.settle();
    stop.abort('stop');
    await expect(end).rejects.toBe('stop');
    expect(clock.sleeping).toBe(0);
  });
});

describe('an abort', () => {
  const setUpAbort = () => {
    const controller = new AbortController();
    return { controller, signal: controller.signal, task: jest.fn(async () => 'ran') };
  };

  it('ends the wait for a slot immediately, and the slot goes to the next request', async () => {
    const { clock, limiter } = setUp({ concurrency: 1 });
    const { controller, signal, task } = setUpAbort();
    const first = limiter.run(() => clock.sleep(1_000));
    const waiting = limiter.run(task, { signal });
    const next = limiter.run(async () => clock.now());
    controller.abort('stop');
    await expect(waiting).rejects.toBe('stop');
    await clock.run(first);
    await expect(next).resolves.toBe(1_000);
    expect(task).not.toHaveBeenCalled();
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('ends the wait for a token immediately: slot and token go to the next request', async () => {
    const { clock, limiter } = setUp({ pace: fixed(1, 1), concurrency: 1 });
    const { controller, signal, task } = setUpAbort();
    await limiter.run(async () => undefined);
    const waiting = limiter.run(task, { signal });
    const next = limiter.run(async () => clock.now());
    await clock.settle();
    controller.abort('stop');
    await expect(waiting).rejects.toBe('stop');
    await clock.settle();
    expect(clock.sleeping).toBe(1);
    await expect(clock.run(next)).resolves.toBe(1_000);
    expect(task).not.toHaveBeenCalled();
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('in the middle of the line for tokens delays no other request', async () => {
    const { clock, limiter } = setUp({ pace: fixed(1, 1) });
    const { controller, signal, task } = setUpAbort();
    const first = startAll(limiter, clock, 2);
    const dropped = Array.from({ length: 5 }, () => limiter.run(task, { signal }));
    const last = startAll(limiter, clock, 2);
    await clock.settle();
    controller.abort('stop');
    const ends = await Promise.allSettled(dropped);
    expect(ends.every(({ status }) => status === 'rejected')).toBe(true);
    await clock.run(Promise.all([first.all, last.all]));
    expect([...first.beganAt, ...last.beganAt]).toEqual([0, 1_000, 2_000, 3_000]);
    expect(task).not.toHaveBeenCalled();
  });

  it('in the line for tokens releases the slot immediately', async () => {
    const { clock, host, limiter } = setUp({ pace: fixed(0.01, 1), concurrency: 2 });
    const { controller, signal, task } = setUpAbort();
    const other = createOther(host, clock);
    await limiter.run(async () => undefined);
    const head = limiter.run(async () => undefined);
    const second = limiter.run(task, { signal });
    const elsewhere = other.run(async () => clock.now());
    await clock.settle();
    controller.abort('stop');
    await expect(second).rejects.toBe('stop');
    await expect(elsewhere).resolves.toBe(0);
    await clock.run(head);
  });

  it('during a pause takes no tokens from other requests', async () => {
    const { clock, limiter, reply } = setUp({ pace: fixed(1, 4) });
    const { controller, signal, task } = setUpAbort();
    reply(429, { 'Retry-After': '4' });
    const head = startAll(limiter, clock, 1);
    const dropped = Array.from({ length: 3 }, () => limiter.run(task, { signal }));
    const last = startAll(limiter, clock, 3);
    const ends = Promise.allSettled(dropped);
    await clock.settle();
    controller.abort('stop');
    await ends;
    await clock.run(Promise.all([head.all, last.all]));
    expect([...head.beganAt, ...last.beganAt]).toEqual(Array(4).fill(4_000));
  });

  it('ends the wait for a pause immediately and leaves no timer behind', async () => {
    const { clock, limiter, reply } = setUp();
    const { controller, signal, task } = setUpAbort();
    reply(429, { 'Retry-After': '60' });
    const waiting = limiter.run(task, { signal });
    await clock.settle();
    expect(clock.sleeping).toBe(1);
    controller.abort('stop');
    await expect(waiting).rejects.toBe('stop');
    expect(clock.sleeping).toBe(0);
  });

  it('before the call costs nothing', async () => {
    const { limiter } = setUp();
    const { task } = setUpAbort();
    const signal = AbortSignal.abort('early');
    await expect(limiter.run(task, { signal })).rejects.toBe('early');
    expect(task).not.toHaveBeenCalled();
  });

  it('after the task has begun is handled by the task', async () => {
    const { clock, limiter } = setUp();
    const { controller, signal } = setUpAbort();
    const running = limiter.run(
      async () => {
        await clock.sleep(10);
        return 'finished';
      },
      { signal },
    );
    await clock.settle();
    controller.abort('stop');
    await expect(clock.run(running)).resolves.toBe('finished');
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('at any moment leaves no slot, timer or listener behind', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 4_000 }), async abortAtMs => {
        const { clock, limiter } = setUp({ pace: fixed(4, 2), concurrency: 3 });
        const { controller, signal } = setUpAbort();
        const all = Array.from({ length: 12 }, () =>
          limiter.run(() => clock.sleep(300, signal), { signal }),
        );
        const ends = Promise.allSettled(all);
        await clock.advance(abortAtMs);
        controller.abort('stop');
        await ends;
        await clock.settle();
        expect(clock.sleeping).toBe(0);
        expect(getEventListeners(signal, 'abort')).toHaveLength(0);
        const after = startAll(limiter, clock, 6);
        await clock.run(after.all);
        expect(after.beganAt).toHaveLength(6);
      }),
      { numRuns: 30 },
    );
  });
});

describe('waits', () => {
  it('are reported once they are over, in milliseconds', async () => {
    const { clock, limiter } = setUp({ pace: fixed(1, 1) });
    const waits: number[] = [];
    const onWait = (ms: number) => waits.push(ms);
    const all = Array.from({ length: 3 }, () => limiter.run(async () => {}, { onWait }));
    await clock.run(Promise.all(all));
    expect(waits).toEqual([1_000, 2_000]);
  });

  it('are not reported when there were none', async () => {
    const { limiter } = setUp();
    const onWait = jest.fn();
    await limiter.run(async () => {}, { onWait });
    expect(onWait).not.toHaveBeenCalled();
  });
});
