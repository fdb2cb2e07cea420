/** Which requests share a limiter. */

import { FakeClock } from '../__testUtils__/FakeClock';
import { agreeOnLimits, WantedLimits } from './agreeOnLimits';
import { getCredentialKey, LimiterRegistry } from './LimiterRegistry';
import { RequestLimiter } from './RequestLimiter';
import { TokenRequest } from './sharedBucket';

const HOST = 'bitbucket.example.com';

const integration = (host: string, token = 'T0ken') => ({
  host,
  apiBaseUrl: `https://${host}/rest/api/1.0`,
  token,
});

function setUp(wanted: readonly Omit<WantedLimits, 'host' | 'credentialKey'>[] = []) {
  const clock = new FakeClock({ startMs: 0 });
  const warnings: string[] = [];
  const credentialKey = getCredentialKey(integration(HOST));
  const registry = new LimiterRegistry({
    ...agreeOnLimits(wanted.map(limits => ({ ...limits, host: HOST, credentialKey }))),
    defaultConcurrency: 2,
    clock,
    onWarning: warning => warnings.push(warning),
  });
  /** Start times of 6 requests that take a second each. */
  const begin = async (host: string, token?: string) => {
    const limiter = registry.limiterFor(integration(host, token));
    const beganAt: number[] = [];
    const task = async () => {
      beganAt.push(clock.now());
      await clock.sleep(1_000);
    };
    await clock.run(Promise.all(Array.from({ length: 6 }, () => limiter.run(task))));
    return beganAt;
  };
  return { begin, clock, registry, warnings };
}

describe('a limiter', () => {
  it('is shared by all requests with the same host and credential', () => {
    const { registry } = setUp();
    const limiter = registry.limiterFor(integration(HOST));
    expect(registry.limiterFor(integration(HOST))).toBe(limiter);
    expect(registry.limiterFor(integration(HOST.toUpperCase()))).toBe(limiter);
    expect(registry.limiterFor(integration(HOST, 'other'))).not.toBe(limiter);
    expect(registry.limiterFor(integration(`${HOST}:7990`))).not.toBe(limiter);
  });

  it('pauses the other credentials of the host after a 429, and no other host', async () => {
    const { begin, registry } = setUp();
    const limiter = registry.limiterFor(integration(HOST));
    limiter.observeResponse({ status: 429, hint: { retryAfterMs: 9_000 }, tookMs: 0 });
    expect((await begin('other')).at(0)).toBe(0);
    expect((await begin(HOST, 'other')).at(0)).toBe(9_000);
  });

  it('keeps to the agreed limits', async () => {
    const rateLimit = { kind: 'fixed', requestsPerSecond: 0.5, burst: 2 } as const;
    const { begin } = setUp([{ providerId: 'first', rateLimit, concurrency: 3 }]);
    expect(await begin(HOST)).toEqual([0, 0, 2_000, 4_000, 6_000, 8_000]);
  });

  it('has the slots of the host and its own pace if limits were agreed for other credentials only', async () => {
    const rateLimit = { kind: 'fixed', requestsPerSecond: 0.5, burst: 2 } as const;
    const { begin } = setUp([{ providerId: 'first', rateLimit, concurrency: 3 }]);
    expect(await begin(HOST, 'other')).toEqual([0, 0, 0, 1_000, 1_000, 1_000]);
  });

  it('has neither slots nor pace of another host, even with the same credential', async () => {
    const rateLimit = { kind: 'fixed', requestsPerSecond: 0.5, burst: 2 } as const;
    const { begin } = setUp([{ providerId: 'first', rateLimit, concurrency: 3 }]);
    expect(await begin('elsewhere')).toEqual([0, 0, 1_000, 1_000, 2_000, 2_000]);
  });

  it('has the default slots and adapts if no limits were agreed', async () => {
    const { begin, registry } = setUp();
    expect(registry.limiterFor(integration(HOST)).needsBudget).toBe(true);
    expect(await begin(HOST)).toEqual([0, 0, 1_000, 1_000, 2_000, 2_000]);
  });

  it.each(['off', 'auto'] as const)('needs a budget only for auto: %s', kind => {
    const { registry } = setUp([
      { providerId: 'first', rateLimit: { kind }, concurrency: 1 },
    ]);
    const limiter = registry.limiterFor(integration(HOST));
    expect(limiter.needsBudget).toBe(kind === 'auto');
    limiter.learnBudget('unknown');
    expect(limiter.needsBudget).toBe(false);
  });

  it('names the host when the server reports an implausible budget', () => {
    const { registry, warnings } = setUp();
    const limiter = registry.limiterFor(integration(HOST));
    limiter.learnBudget({ enabled: true, capacity: 1, fillRate: 0.001 });
    expect(warnings).toEqual([
      expect.stringMatching(/^Bitbucket at bitbucket\.example\.com reports .*0\.001/),
    ]);
  });
});

describe('two credentials of one user', () => {
  const told = { enabled: true, capacity: 60, fillRate: 5 };
  const answer = (userName?: string) => ({ status: 200, hint: {}, tookMs: 0, userName });

  /** How many of 100 reads with each credential begin immediately. */
  async function countAtOnce(
    { clock, registry }: Pick<ReturnType<typeof setUp>, 'clock' | 'registry'>,
    tokens: readonly string[],
  ) {
    const stop = new AbortController();
    let count = 0;
    const begin = async () => void (count += 1);
    const limiters = tokens.map(token => registry.limiterFor(integration(HOST, token)));
    const all = limiters.flatMap(limiter =>
      Array.from({ length: 100 }, () =>
        limiter
          .run(begin, { requestClass: 'read', signal: stop.signal })
          .catch(() => undefined),
      ),
    );
    await clock.settle();
    const atOnce = count;
    stop.abort();
    await Promise.all(all);
    return atOnce;
  }

  function setUpTwo(first: string | undefined, second: string | undefined) {
    const world = setUp();
    const [one, other] = ['one', 'other'].map(token =>
      world.registry.limiterFor(integration(HOST, token)),
    );
    one?.learnBudget(told);
    one?.observeResponse(answer(first));
    other?.observeResponse(answer(second));
    return { ...world, one, other };
  }

  it('share the budget once the server has named the user', async () => {
    const world = setUpTwo('backstage', 'Backstage');
    expect(world.other?.budget).toEqual(told);
    expect(world.other?.needsBudget).toBe(false);
    expect(await countAtOnce(world, ['one', 'other'])).toBe(55);
  });

  it.each([
    ['the server names different users', 'backstage', 'somebody'],
    ['the server names a user for one only', 'backstage', undefined],
    ['the server names no user', undefined, undefined],
  ])('do not share the budget if %s', async (_name, first, second) => {
    const world = setUpTwo(first, second);
    expect(world.other?.budget).toBe('not-read');
    expect(await countAtOnce(world, ['one'])).toBe(55);
  });

  it('share the budget whichever of them the server names first', () => {
    const { registry: limiters, warnings } = setUp();
    const [one, other] = ['one', 'other'].map(token =>
      limiters.limiterFor(integration(HOST, token)),
    );
    other?.learnBudget(told);
    other?.observeResponse(answer('backstage'));
    one?.observeResponse(answer('backstage'));
    expect(one?.budget).toEqual(told);
    expect(warnings).toEqual([]);
  });

  it.each(['one', 'other'])(
    'keep the pace that 429 answers to either of them have led to: %s',
    async refused => {
      const { begin, registry: limiters } = setUp();
      const [one, other, slow] = ['one', 'other', refused].map(token =>
        limiters.limiterFor(integration(HOST, token)),
      );
      for (let times = 0; times < 2; times += 1) {
        slow?.observeResponse({ status: 429, hint: { retryAfterMs: 1_000 }, tookMs: 0 });
      }
      other?.observeResponse({ ...answer('backstage'), tookMs: 50 });
      one?.observeResponse({ ...answer('backstage'), tookMs: 50 });
      expect((await begin(HOST, 'one')).slice(0, 2)).toEqual([1_000, 1_250]);
    },
  );

  it('do not share the budget if the user of this name is one of another host', () => {
    const { registry: limiters } = setUp();
    const [one, other] = [HOST, 'elsewhere'].map(host =>
      limiters.limiterFor(integration(host)),
    );
    one?.learnBudget(told);
    one?.observeResponse(answer('backstage'));
    other?.observeResponse(answer('backstage'));
    expect(other?.budget).toBe('not-read');
  });

  it('do not share the budget because of a user name beside their tokens', () => {
    const { registry: limiters } = setUp();
    const [one, other] = ['one', 'other'].map(token =>
      limiters.limiterFor({
        ...integration(HOST, token),
        username: 'backstage',
        password: 'unused',
      }),
    );
    one?.learnBudget(told);
    expect(other?.budget).toBe('not-read');
  });

  it('count the requests of both before the user was known', async () => {
    const { clock, registry } = setUp();
    const limiters = ['one', 'other'].map(token =>
      registry.limiterFor(integration(HOST, token)),
    );
    for (const limiter of limiters) {
      limiter.learnBudget(told);
      const reads = Array.from({ length: 20 }, () =>
        limiter.run(async () => undefined, { requestClass: 'read' }),
      );
      await clock.run(Promise.all(reads));
    }
    limiters.forEach(limiter => limiter.observeResponse(answer('backstage')));
    expect(await countAtOnce({ clock, registry }, ['one', 'other'])).toBe(15);
  });

  it('apply the shared pace to requests that already wait', async () => {
    const { clock, registry } = setUp();
    const [one, other] = ['one', 'other'].map(token =>
      registry.limiterFor(integration(HOST, token)),
    );
    other?.learnBudget({ enabled: true, capacity: 1, fillRate: 0.1 });
    const beganAt: number[] = [];
    const task = async () => void beganAt.push(clock.now());
    const all = Array.from({ length: 4 }, async () =>
      other?.run(task, { requestClass: 'read' }),
    );
    await clock.settle();
    one?.learnBudget('whitelisted');
    one?.observeResponse(answer('backstage'));
    other?.observeResponse(answer('backstage'));
    other?.learnBudget('whitelisted');
    await clock.run(Promise.all(all));
    // The first in line sleeps until its token is due.
    expect(beganAt).toEqual([0, 10_000, 10_000, 10_000]);
  });

  it('share the budget before the first request if both are passwords', () => {
    const { registry } = setUp();
    const { host, apiBaseUrl } = integration(HOST);
    const withPassword = (password: string) =>
      registry.limiterFor({ host, apiBaseUrl, username: 'backstage', password });
    withPassword('old').learnBudget(told);
    expect(withPassword('new').budget).toEqual(told);
  });

  it('keep sharing the budget, which is charged once, when the user is renamed', async () => {
    const world = setUp();
    const [one, other] = ['one', 'other'].map(token =>
      world.registry.limiterFor(integration(HOST, token)),
    );
    const name = (userName: string) =>
      [one, other].forEach(limiter => limiter?.observeResponse(answer(userName)));
    one?.learnBudget(told);
    name('backstage');
    const reads = Array.from({ length: 40 }, async () =>
      one?.run(async () => undefined, { requestClass: 'read' }),
    );
    await world.clock.run(Promise.all(reads));
    name('renamed');
    expect(await countAtOnce(world, ['one', 'other'])).toBe(15);
  });

  it.each([
    [
      'the stricter of two settings, with one warning',
      { one: 4, other: 3 },
      [expect.stringMatching(/one user .* 9 per second, burst 3 applies to all/)],
    ],
    ['the setting of both, without a warning', { one: 4, other: 4 }, []],
  ])('keep to %s', async (_what, bursts, expected) => {
    const warnings: string[] = [];
    const clock = new FakeClock({ startMs: 0 });
    const wanted = Object.entries(bursts).map(([token, burst]) => ({
      providerId: token,
      host: HOST,
      credentialKey: getCredentialKey(integration(HOST, token)),
      rateLimit: { kind: 'fixed' as const, requestsPerSecond: 9, burst },
      concurrency: 8,
    }));
    const registry = new LimiterRegistry({
      ...agreeOnLimits(wanted),
      defaultConcurrency: 8,
      clock,
      onWarning: warning => warnings.push(warning),
    });
    const limiters = ['one', 'other'].map(token =>
      registry.limiterFor(integration(HOST, token)),
    );
    for (const limiter of [...limiters, ...limiters]) {
      limiter.observeResponse(answer('backstage'));
    }
    expect(warnings).toEqual(expected);
    expect(await countAtOnce({ clock, registry }, ['one', 'other'])).toBe(bursts.other);
  });
});

describe('the bucket that replicas share', () => {
  /** Limiters before and after the registry gets the buckets, which grant every request. */
  function setUpBuckets() {
    const { clock, registry: limiters } = setUp();
    const requests: (TokenRequest & { readonly key: string })[] = [];
    const limiterFor = (host: string, token: string) => {
      const limiter = limiters.limiterFor(integration(host, token));
      limiter.learnBudget({ enabled: true, capacity: 60, fillRate: 5 });
      return limiter;
    };
    const early = limiterFor(HOST, 'one');
    limiters.shareWithReplicas({
      take: async (key, request) => {
        requests.push({ ...request, key });
        return { tokens: 1, waitMs: 0, pausedMs: 0, left: 99, replicas: 1 };
      },
      pause: async () => undefined,
    });
    /** Sends a request, and returns that for its token. */
    const send = async (limiter: RequestLimiter) => {
      await clock.run(limiter.run(async () => undefined, { requestClass: 'read' }));
      return requests.at(-1);
    };
    return { early, limiterFor, requests, send };
  }

  const name = (limiter: RequestLimiter, userName: string) =>
    limiter.observeResponse({ status: 200, hint: {}, tookMs: 0, userName });

  it('is another one for each host and token', async () => {
    const { early, limiterFor, requests, send } = setUpBuckets();
    await send(early);
    await send(limiterFor(HOST, 'two'));
    await send(limiterFor('elsewhere', 'one'));
    await send(limiterFor('elsewhere', 'two'));
    expect(new Set(requests.map(({ key }) => key)).size).toBe(4);
  });

  it('is that of the user as soon as the server names one', async () => {
    const { early, limiterFor, send } = setUpBuckets();
    const others = [limiterFor(HOST, 'two'), limiterFor('elsewhere', 'one')];
    const before = await send(early);
    for (const limiter of [early, ...others]) name(limiter, 'backstage');
    const stranger = limiterFor(HOST, 'three');
    name(stranger, 'somebody');
    const keys: unknown[] = [before?.key];
    for (const limiter of [early, ...others, stranger]) {
      keys.push((await send(limiter))?.key);
    }
    expect(keys[2]).toBe(keys[1]);
    expect(new Set(keys).size).toBe(4);
  });

  it('is told once of the requests before, however often the user is named', async () => {
    const { early, requests, send } = setUpBuckets();
    for (let times = 0; times < 5; times += 1) await send(early);
    for (let times = 0; times < 3; times += 1) name(early, 'backstage');
    await send(early);
    await send(early);
    expect(requests.slice(5).map(({ sent }) => sent.read)).toEqual([5, 0]);
  });
});

describe('getCredentialKey', () => {
  it('is the same for the same credential and does not reveal it', () => {
    const key = getCredentialKey(integration(HOST, 'T0ken'));
    expect(key).toBe(getCredentialKey(integration('other', 'T0ken')));
    expect(key).not.toBe(getCredentialKey(integration(HOST, 'T0ken2')));
    expect(key).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each([{ token: '' }, {}, { username: 'bot' }])(
    'is "anonymous" for %j',
    credentials => {
      const { host, apiBaseUrl } = integration(HOST);
      expect(getCredentialKey({ host, apiBaseUrl, ...credentials })).toBe('anonymous');
    },
  );
});

describe('a limiter whose agreed limits are updated', () => {
  const agreedOn = (limits: Pick<WantedLimits, 'concurrency' | 'rateLimit'>) => {
    const credentialKey = getCredentialKey(integration(HOST));
    const wanted = { ...limits, providerId: 'one', host: HOST, credentialKey };
    return agreeOnLimits([wanted]).agreed;
  };

  it('keeps to the new limits, also if it was created before', async () => {
    const { begin, clock, registry } = setUp();
    expect(await begin(HOST)).toEqual([0, 0, 1_000, 1_000, 2_000, 2_000]);
    const found = registry.limiterFor(integration(HOST));

    const rateLimit = { kind: 'fixed', requestsPerSecond: 1, burst: 1 } as const;
    registry.updateAgreed(agreedOn({ rateLimit, concurrency: 6 }));

    expect(registry.limiterFor(integration(HOST))).toBe(found);
    const startMs = clock.now();
    const times = (await begin(HOST)).map(ms => ms - startMs);
    expect(times).toEqual([0, 1_000, 2_000, 3_000, 4_000, 5_000]);

    registry.updateAgreed(agreedOn({ rateLimit: { kind: 'off' }, concurrency: 6 }));

    const freeMs = clock.now();
    expect((await begin(HOST)).map(ms => ms - freeMs)).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('keeps its own pace if the new limits are those of other credentials', async () => {
    const { begin, registry: limiters } = setUp();
    limiters.limiterFor(integration(HOST));
    limiters.limiterFor(integration(HOST, 'other'));
    const rateLimit = { kind: 'fixed', requestsPerSecond: 1, burst: 1 } as const;
    limiters.updateAgreed(agreedOn({ rateLimit, concurrency: 6 }));
    expect(await begin(HOST, 'other')).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('keeps the pause of its host', async () => {
    const { begin, registry } = setUp();
    const limiter = registry.limiterFor(integration(HOST));
    limiter.observeResponse({ status: 429, hint: { retryAfterMs: 9_000 }, tookMs: 0 });

    registry.updateAgreed(agreedOn({ rateLimit: { kind: 'off' }, concurrency: 6 }));

    expect((await begin(HOST)).at(0)).toBe(9_000);
  });
});
