/** What the budget of a user makes of requests, waits, answers and the shared bucket. */

import { FakeClock } from '../__testUtils__/FakeClock';
import { PaceLimits } from './agreeOnLimits';
import { RateLimitHint } from './rateLimitHeaders';
import { ReplicaShare } from './ReplicaShare';
import { TokenGrant, TokenRequest } from './sharedBucket';
import { RequestClass } from './types';
import { UserBudget } from './UserBudget';

/** All requests together may use 55 at once, discovery 30. */
const DOCUMENTED = { enabled: true, capacity: 60, fillRate: 5 };

/** More than any limit of these tests allows at once. */
const ENDLESS = 100;

function setUp(pace: PaceLimits = { auto: true }) {
  const clock = new FakeClock({ startMs: 0 });
  const user = new UserBudget({ pace, clock, onDoubt: () => {} });
  const answer = (hint: RateLimitHint = {}) =>
    user.observe({ status: 200, hint, tookMs: 0 });
  const refuse = (tookMs: number = 0) => user.observe({ status: 429, hint: {}, tookMs });
  /** Takes tokens while there are some, and returns their number. */
  const take = async (most: number = ENDLESS, requestClass: RequestClass = 'read') => {
    let count = 0;
    while (count < most && (await user.take(requestClass)).isTaken) count += 1;
    return count;
  };
  return { answer, clock, refuse, take, user };
}

/** A budget that is shared; `grants` answers each request for tokens, an error for `undefined`. */
function setUpShared(grants: (times: number) => Partial<TokenGrant> | undefined) {
  const world = setUp();
  const requests: TokenRequest[] = [];
  const take = async (_key: string, request: TokenRequest) => {
    requests.push(request);
    const grant = grants(requests.length);
    if (!grant) throw new Error('no connection');
    return { tokens: 1, waitMs: 0, pausedMs: 0, left: 50, replicas: 2, ...grant };
  };
  const share = new ReplicaShare({
    buckets: { take, pause: async () => undefined },
    key: () => 'key',
    replicaId: 'one',
    clock: world.clock,
    outage: { failed: () => {}, succeeded: () => {} },
  });
  return { ...world, requests, share };
}

describe('requests without a pace', () => {
  it('are deducted from a budget that answers reveal after it could not be read', async () => {
    const { answer, take, user } = setUp();
    await take(20);
    user.learn('unknown');
    answer({ limit: 60, fillRate: 5, intervalSeconds: 1 });
    expect(await take()).toBe(35);
  });

  it('are deducted once only', async () => {
    const { take, user } = setUp();
    await take(20);
    user.learn(DOCUMENTED);
    user.learn('whitelisted');
    await take(10);
    user.learn(DOCUMENTED);
    expect(await take()).toBe(45);
  });

  it('are not deducted from a rate that is configured later', async () => {
    const { answer, take, user } = setUp({ auto: false });
    await take(20);
    user.usePace({ auto: false, fixed: { requestsPerSecond: 1, burst: 5 } });
    answer();
    expect(await take()).toBe(5);
  });
});

it('discovery pays four times as much of its share while a read waits', async () => {
  const { clock, take, user } = setUp();
  user.learn(DOCUMENTED);
  const endWaiting = user.countWaiting('read');
  expect(await take(ENDLESS, 'discovery')).toBe(8);
  endWaiting();
  // The last of these left a debt of two tokens.
  await clock.advance(3_000);
  expect(await take(ENDLESS, 'discovery')).toBe(10);
});

describe('the pace after 429 answers', () => {
  it('begins with the second of two requests in flight together, however late its answer is', async () => {
    const { clock, refuse, take } = setUp();
    refuse();
    await clock.advance(20_000);
    refuse(20_000);
    expect(await take()).toBe(0);
  });

  it('grows with the time in which requests were held back, however many there were', async () => {
    const msPerTokenAfter = async (
      waits: readonly { fromMs: number; toMs: number }[],
    ) => {
      const { answer, clock, refuse, user } = setUp();
      refuse();
      refuse();
      for (const { fromMs, toMs } of waits) {
        await clock.advance(toMs - clock.monotonicMs());
        user.recordWait('pace', fromMs);
      }
      answer({ remaining: 0 });
      return user.tokenWaitMs();
    };
    const one = await msPerTokenAfter([{ fromMs: 0, toMs: 1_500 }]);
    const three = await msPerTokenAfter([
      { fromMs: 0, toMs: 1_000 },
      { fromMs: 500, toMs: 1_500 },
      { fromMs: 500, toMs: 1_500 },
    ]);
    expect(three).toBe(one);
    expect(one).toBeLessThan(await msPerTokenAfter([{ fromMs: 0, toMs: 1_000 }]));
  });
});

describe('a budget that replicas share', () => {
  it('is told once of the requests before it was known', async () => {
    const { requests, share, take, user } = setUpShared(() => ({}));
    await take(3);
    user.shareWith(share);
    user.countForShare();
    user.learn(DOCUMENTED);
    await take(1);
    expect(requests.map(({ sent }) => sent)).toEqual([{ read: 3, discovery: 0 }]);
  });

  it('is told of the requests that a replica sent on its own', async () => {
    const { clock, requests, share, take, user } = setUpShared(times =>
      times === 1 ? undefined : {},
    );
    user.learn(DOCUMENTED);
    user.shareWith(share);
    await take(2);
    await clock.advance(5_000);
    await take(1);
    expect(requests.map(({ sent }) => sent.read)).toEqual([0, 2]);
  });

  it('leaves to a replica on its own no more than was left for all of them', async () => {
    const { share, take, user } = setUpShared(times =>
      times === 1 ? { left: 2 } : undefined,
    );
    user.learn(DOCUMENTED);
    user.shareWith(share);
    expect(await take()).toBe(3);
  });

  it('lets a request go whose user turns out to be exempt while it waits for a token', async () => {
    const { share, take, user } = setUpShared(() => {
      user.learn('whitelisted');
      return {};
    });
    user.learn(DOCUMENTED);
    user.shareWith(share);
    expect(await take(1)).toBe(1);
  });

  it('gets back a token that came when the server had nothing left, and grants it once', async () => {
    const { answer, clock, requests, share, take, user } = setUpShared(() => {
      answer({ remaining: 0 });
      return {};
    });
    user.learn(DOCUMENTED);
    user.shareWith(share);
    expect(await take()).toBe(0);
    await clock.advance(200);
    expect(await take(1)).toBe(1);
    expect(requests).toHaveLength(1);
  });
});
