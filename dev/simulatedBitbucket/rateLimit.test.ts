/** The rate limit with a manual clock. */
import * as fc from 'fast-check';
import { type RateLimitOptions, createSimulatedBitbucket } from './index';
import { ManualClock, ask } from './testSupport';
import { TokenBucket } from './tokenBucket';

function limited(rateLimit: RateLimitOptions | undefined) {
  const clock = new ManualClock();
  const simulated = createSimulatedBitbucket({
    clock,
    rateLimit,
    anonymousAccess: true,
    users: [
      { name: 'bot', token: 'secret' },
      { name: 'other', token: 'other-token' },
      { name: 'free', token: 'free-token', whitelisted: true },
      { name: 'boss', token: 'boss-token', admin: true },
    ],
  });
  return { clock, simulated };
}

async function statuses(count: number, ask: () => Promise<{ status: number }>) {
  const result: number[] = [];
  for (let index = 0; index < count; index += 1) {
    result.push((await ask()).status);
  }
  return result;
}

it('the rate limit accepts a full bucket of requests, then one per refilled token', async () => {
  const { clock, simulated } = limited({ capacity: 3, fillRate: 2 });
  const request = () => ask(simulated, '/repos');
  expect(await statuses(4, request)).toEqual([200, 200, 200, 429]);
  clock.advance(499);
  expect(await statuses(1, request)).toEqual([429]);
  clock.advance(1);
  expect(await statuses(2, request)).toEqual([200, 429]);
  clock.advance(60_000);
  expect(await statuses(4, request)).toEqual([200, 200, 200, 429]);
  expect(simulated.rateLimitedCount).toBe(4);
});

it('the rate limit sends only Retry-After with a 429, in seconds', async () => {
  const { simulated } = limited({ capacity: 1, fillRate: 0.2 });
  expect((await ask(simulated, '/repos')).headers.get('retry-after')).toBeNull();
  const { json, headers } = await ask(simulated, '/repos');
  expect(json).toEqual({ message: 'Rate limit exceeded.' });
  expect(headers.get('retry-after')).toBe('5');
  expect(headers.get('x-ratelimit-limit')).toBeNull();
});

it('the rate limit sends no Retry-After where that is off', async () => {
  const { simulated } = limited({ capacity: 1, fillRate: 1, retryAfter: false });
  await ask(simulated, '/repos');
  const { status, headers } = await ask(simulated, '/repos');
  expect(status).toBe(429);
  expect(headers.get('retry-after')).toBeNull();
});

it('the rate limit sends X-RateLimit headers with every answer where they are on', async () => {
  const { simulated } = limited({ capacity: 2, fillRate: 1, headers: true });
  const { headers } = await ask(simulated, '/repos');
  expect(Object.fromEntries(headers)).toMatchObject({
    'x-ratelimit-limit': '2',
    'x-ratelimit-remaining': '1',
    'x-ratelimit-fillrate': '1',
    'x-ratelimit-interval-seconds': '1',
    'retry-after': '0',
  });
});

it('the rate limit keeps a bucket per user and does not limit anonymous and whitelisted requests', async () => {
  const { simulated } = limited({ capacity: 1, fillRate: 1 });
  const as = (token: string) => () => ask(simulated, '/repos', { token });
  expect(await statuses(2, as('secret'))).toEqual([200, 429]);
  expect(await statuses(2, as('other-token'))).toEqual([200, 429]);
  expect(await statuses(3, as('free-token'))).toEqual([200, 200, 200]);
  const anonymous = () => ask(simulated, '/repos', 'anonymous');
  expect(await statuses(3, anonymous)).toEqual([200, 200, 200]);
});

it('the rate limit lets other clients spend the tokens of a user', async () => {
  const { simulated } = limited({ capacity: 3, fillRate: 1 });
  simulated.spendTokens('bot', 2);
  expect(await statuses(2, () => ask(simulated, '/repos'))).toEqual([200, 429]);
});

describe('the settings', () => {
  const settings = '/admin/rate-limit/settings';

  it('can be read by any signed-in user', async () => {
    const { simulated } = limited({ capacity: 60, fillRate: 5 });
    expect((await ask(simulated, settings)).json).toEqual({
      enabled: true,
      defaultSettings: { capacity: 60, fillRate: 5 },
    });
    expect((await ask(simulated, settings, 'anonymous')).status).toBe(401);
  });

  it('state that there is no limit', async () => {
    const { simulated } = limited(undefined);
    expect((await ask(simulated, settings)).json).toMatchObject({ enabled: false });
  });

  it('of a user can be read by that user and an administrator only', async () => {
    const { simulated } = limited({
      capacity: 60,
      fillRate: 5,
      users: { bot: { capacity: 10, fillRate: 1 } },
    });
    const path = `${settings}/users/bot`;
    const own = { settings: { capacity: 10, fillRate: 1 }, user: { slug: 'bot' } };
    expect((await ask(simulated, path)).json).toMatchObject({
      ...own,
      whitelisted: false,
    });
    expect((await ask(simulated, path, { token: 'boss-token' })).json).toMatchObject(own);
    expect((await ask(simulated, path, { token: 'other-token' })).status).toBe(401);
    const nobody = await ask(simulated, `${settings}/users/no`, { token: 'boss-token' });
    expect(nobody.status).toBe(404);
  });

  it('cannot be read where that is off', async () => {
    const { simulated } = limited({ capacity: 9, fillRate: 1, settingsReadable: false });
    for (const path of [settings, `${settings}/users/bot`]) {
      expect((await ask(simulated, path)).status).toBe(401);
    }
  });
});

it('the rate limit grants exactly as many tokens as capacity and refill allow', () => {
  const steps = fc.array(fc.record({ wait: fc.nat(5000), takes: fc.nat(20) }));
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 20 }),
      steps,
      (capacity, fillRate, plan) => {
        const bucket = new TokenBucket(capacity, fillRate, 0);
        let [now, taken] = [0, 0];
        for (const { wait, takes } of plan) {
          now += wait;
          for (let index = 0; index < takes; index += 1) {
            taken += bucket.take(now) ? 1 : 0;
          }
          expect(taken).toBeLessThanOrEqual(capacity + (fillRate * now) / 1000 + 1e-6);
        }
        bucket.take(now, bucket.remaining(now));
        const wait = bucket.secondsUntilToken(now);
        expect(bucket.take(now + wait * 1000)).toBe(true);
      },
    ),
  );
});
