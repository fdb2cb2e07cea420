/** Who shares a limiter with whom, and what is said when they disagree. */

import { FakeClock } from '../__testUtils__/FakeClock';
import { credentialKeyOf, LimiterForOptions, LimiterRegistry } from './limiters';
import { RateLimitSetting } from './types';

const fixed = (requestsPerSecond: number, burst: number): RateLimitSetting => ({
  kind: 'fixed',
  requestsPerSecond,
  burst,
});

function setUp() {
  const registry = new LimiterRegistry();
  const messages: string[] = [];
  const clock = new FakeClock({ startMs: 0 });
  const limiterFor = (options: Partial<LimiterForOptions> = {}) =>
    registry.limiterFor({
      host: 'bitbucket.example.com',
      credentialKey: 'one',
      setting: { kind: 'auto' },
      concurrency: 8,
      clock,
      requester: 'first',
      onWarning: message => messages.push(message),
      ...options,
    });
  return { clock, limiterFor, messages };
}

describe('sharing', () => {
  it('is by host and credential', () => {
    const { limiterFor } = setUp();
    const limiter = limiterFor();
    expect(limiterFor({ requester: 'second' })).toBe(limiter);
    expect(limiterFor({ host: 'BITBUCKET.example.com' })).toBe(limiter);
    expect(limiterFor({ credentialKey: 'two' })).not.toBe(limiter);
    expect(limiterFor({ host: 'bitbucket.example.com:7990' })).not.toBe(limiter);
  });

  it('is not between two registries', () => {
    expect(setUp().limiterFor()).not.toBe(setUp().limiterFor());
  });

  it('lets a 429 of one credential pause the others of the host, and no other host', async () => {
    const { clock, limiterFor } = setUp();
    const headers = new Headers({ 'Retry-After': '9' });
    limiterFor().noteReply({ status: 429, headers, tookMs: 0 });
    const began = async (options: Partial<LimiterForOptions>) =>
      limiterFor(options).run(async () => clock.now());
    await expect(clock.run(began({ host: 'other' }))).resolves.toBe(0);
    await expect(clock.run(began({ credentialKey: 'two' }))).resolves.toBe(9_000);
  });
});

describe('different rates on one host and credential', () => {
  it('lets the lower rate and the smaller burst hold, and says so', () => {
    const { limiterFor, messages } = setUp();
    limiterFor({ setting: fixed(5, 10) });
    const limiter = limiterFor({ requester: 'second', setting: fixed(2, 50) });
    expect(limiter.pace).toEqual({ requestsPerSecond: 2, burst: 10 });
    expect(messages).toEqual([
      'Providers "first" and "second" share the rate limit of bitbucket.example.com but ' +
        'set rateLimit differently (5 per second, burst 10; 2 per second, burst 50): ' +
        'the stricter holds for both, 2 per second, burst 10',
    ]);
  });

  it.each<[RateLimitSetting, RateLimitSetting, string]>([
    [{ kind: 'off' }, { kind: 'auto' }, 'the stricter holds for both, auto'],
    [{ kind: 'auto' }, { kind: 'off' }, 'the stricter holds for both, auto'],
    [fixed(2, 4), { kind: 'off' }, 'the stricter holds for both, 2 per second, burst 4'],
    [
      { kind: 'auto' },
      fixed(2, 4),
      'the stricter holds for both, 2 per second, burst 4, or less where auto finds less',
    ],
  ])('%j and %j: %s', (one, other, expected) => {
    const { limiterFor, messages } = setUp();
    limiterFor({ setting: one });
    limiterFor({ requester: 'second', setting: other });
    expect(messages).toHaveLength(1);
    expect(messages[0]).toContain(expected);
  });

  it('is no conflict when all want the same', () => {
    const { limiterFor, messages } = setUp();
    limiterFor({ setting: fixed(2, 4) });
    limiterFor({ setting: fixed(2, 4), requester: 'second' });
    expect(messages).toEqual([]);
  });

  it('is no conflict with oneself: the later setting holds', () => {
    const { limiterFor, messages } = setUp();
    limiterFor({ setting: fixed(2, 4) });
    expect(limiterFor({ setting: fixed(9, 9) }).pace).toEqual({
      requestsPerSecond: 9,
      burst: 9,
    });
    expect(messages).toEqual([]);
  });

  it('is no conflict between credentials: each has a bucket of its own at the server', () => {
    const { limiterFor, messages } = setUp();
    const one = limiterFor({ setting: fixed(5, 10) });
    limiterFor({ requester: 'second', credentialKey: 'two', setting: fixed(2, 50) });
    expect(one.pace).toEqual({ requestsPerSecond: 5, burst: 10 });
    expect(messages).toEqual([]);
  });

  it('needs nobody to listen', () => {
    const { limiterFor } = setUp();
    limiterFor({ setting: fixed(5, 10) });
    const other = { requester: 'second', setting: fixed(2, 50), onWarning: undefined };
    expect(() => limiterFor(other)).not.toThrow();
  });
});

describe('different concurrency on one host', () => {
  const told = (winner: string) => `holds for all, whatever the order (${winner})`;

  it.each([
    [8, 3, '3 of "second"'],
    [3, 8, '3 of "first"'],
  ])(`${told('%d and %d')}: %s`, (one, other, expected) => {
    const { limiterFor, messages } = setUp();
    limiterFor({ concurrency: one });
    const limiter = limiterFor({ requester: 'second', concurrency: other });
    expect(limiter.concurrency).toBe(3);
    expect(messages).toEqual([
      `Providers "first" and "second" set concurrency for bitbucket.example.com ` +
        `differently (${one}; ${other}): the lower one, ${expected}, holds for all`,
    ]);
  });

  it('is told across credentials too, since requests in flight are counted per host', () => {
    const { limiterFor, messages } = setUp();
    const limiter = limiterFor();
    limiterFor({ requester: 'second', credentialKey: 'two', concurrency: 2 });
    expect(limiter.concurrency).toBe(2);
    expect(messages).toHaveLength(1);
  });

  it('is not told when it is the same', () => {
    const { limiterFor, messages } = setUp();
    limiterFor();
    limiterFor({ requester: 'second' });
    expect(messages).toEqual([]);
  });
});

describe('credentialKeyOf', () => {
  it('is the same for the same header and tells nothing of it', () => {
    const key = credentialKeyOf('Bearer T0ken');
    expect(key).toBe(credentialKeyOf('Bearer T0ken'));
    expect(key).not.toBe(credentialKeyOf('Bearer T0ken2'));
    expect(key).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each([undefined, ''])('is "anonymous" for %p', value => {
    expect(credentialKeyOf(value)).toBe('anonymous');
  });
});
