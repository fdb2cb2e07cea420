/** Who shares a limiter with whom. */

import { FakeClock } from '../__testUtils__/FakeClock';
import { agreeOnLimits, WantedLimits } from './agreeOnLimits';
import { getCredentialKey, LimiterRegistry } from './LimiterRegistry';

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
    ...agreeOnLimits(wanted.map(one => ({ ...one, host: HOST, credentialKey }))),
    defaultConcurrency: 2,
    clock,
    onWarning: warning => warnings.push(warning),
  });
  /** When 6 requests begin that take a second each. */
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
  it('is shared by host and credential', () => {
    const { registry } = setUp();
    const limiter = registry.limiterFor(integration(HOST));
    expect(registry.limiterFor(integration(HOST))).toBe(limiter);
    expect(registry.limiterFor(integration(HOST.toUpperCase()))).toBe(limiter);
    expect(registry.limiterFor(integration(HOST, 'other'))).not.toBe(limiter);
    expect(registry.limiterFor(integration(`${HOST}:7990`))).not.toBe(limiter);
  });

  it('lets a 429 of one credential pause the others of the host, and no other host', async () => {
    const { begin, registry } = setUp();
    const limiter = registry.limiterFor(integration(HOST));
    limiter.observeResponse({ status: 429, hint: { retryAfterMs: 9_000 }, tookMs: 0 });
    expect((await begin('other')).at(0)).toBe(0);
    expect((await begin(HOST, 'other')).at(0)).toBe(9_000);
  });

  it('keeps to what was agreed on, whoever asks for it', async () => {
    const rateLimit = { kind: 'fixed', requestsPerSecond: 0.5, burst: 2 } as const;
    const { begin } = setUp([{ providerId: 'first', rateLimit, concurrency: 3 }]);
    expect(await begin(HOST)).toEqual([0, 0, 2_000, 4_000, 6_000, 8_000]);
  });

  it('has the slots of the host and a pace of its own where only other credentials were agreed on', async () => {
    const rateLimit = { kind: 'fixed', requestsPerSecond: 0.5, burst: 2 } as const;
    const { begin } = setUp([{ providerId: 'first', rateLimit, concurrency: 3 }]);
    expect(await begin(HOST, 'other')).toEqual([0, 0, 0, 1_000, 1_000, 1_000]);
  });

  it('has the default slots and adapts where nothing was agreed on', async () => {
    const { begin, registry } = setUp();
    expect(registry.limiterFor(integration(HOST)).needsBudget).toBe(true);
    expect(await begin(HOST)).toEqual([0, 0, 1_000, 1_000, 2_000, 2_000]);
  });

  it.each(['off', 'auto'] as const)('asks for no budget unless it is auto: %s', kind => {
    const { registry } = setUp([
      { providerId: 'first', rateLimit: { kind }, concurrency: 1 },
    ]);
    const limiter = registry.limiterFor(integration(HOST));
    expect(limiter.needsBudget).toBe(kind === 'auto');
    limiter.learnBudget('unknown');
    expect(limiter.needsBudget).toBe(false);
  });

  it('names the host where the server tells of a budget that cannot be meant', () => {
    const { registry, warnings } = setUp();
    const limiter = registry.limiterFor(integration(HOST));
    limiter.learnBudget({ enabled: true, capacity: 1, fillRate: 0.001 });
    expect(warnings).toEqual([
      expect.stringMatching(/^Bitbucket at bitbucket\.example\.com says .*0\.001/),
    ]);
  });
});

describe('getCredentialKey', () => {
  it('is the same for the same credential and tells nothing of it', () => {
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

describe('a limiter whose limits are agreed on anew', () => {
  const agreedOn = (limits: Pick<WantedLimits, 'concurrency' | 'rateLimit'>) => {
    const credentialKey = getCredentialKey(integration(HOST));
    const wanted = { ...limits, providerId: 'one', host: HOST, credentialKey };
    return agreeOnLimits([wanted]).agreed;
  };

  it('keeps to the new ones, also for who found it before', async () => {
    const { begin, clock, registry } = setUp();
    expect(await begin(HOST)).toEqual([0, 0, 1_000, 1_000, 2_000, 2_000]);
    const found = registry.limiterFor(integration(HOST));

    const rateLimit = { kind: 'fixed', requestsPerSecond: 1, burst: 1 } as const;
    registry.agreeAnew(agreedOn({ rateLimit, concurrency: 6 }));

    expect(registry.limiterFor(integration(HOST))).toBe(found);
    const startMs = clock.now();
    const times = (await begin(HOST)).map(ms => ms - startMs);
    expect(times).toEqual([0, 1_000, 2_000, 3_000, 4_000, 5_000]);

    registry.agreeAnew(agreedOn({ rateLimit: { kind: 'off' }, concurrency: 6 }));

    const freeMs = clock.now();
    expect((await begin(HOST)).map(ms => ms - freeMs)).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('keeps the pause of its host', async () => {
    const { begin, registry } = setUp();
    const limiter = registry.limiterFor(integration(HOST));
    limiter.observeResponse({ status: 429, hint: { retryAfterMs: 9_000 }, tookMs: 0 });

    registry.agreeAnew(agreedOn({ rateLimit: { kind: 'off' }, concurrency: 6 }));

    expect((await begin(HOST)).at(0)).toBe(9_000);
  });
});
