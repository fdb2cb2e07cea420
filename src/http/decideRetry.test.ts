/** Which failures are tried again, how often and after how long. */

import fc from 'fast-check';
import {
  AttemptFailure,
  decideRetry,
  DEFAULT_RETRY_POLICY as POLICY,
  RetryDecision,
} from './decideRetry';

const NOW = Date.UTC(2024, 4, 6, 10, 0, 0);

const decide = (failure: AttemptFailure, attempt = 1, random = 0): RetryDecision =>
  decideRetry(failure, attempt, POLICY, { nowMs: NOW, random });

const status = (code: number, retryAfter?: string): AttemptFailure => ({
  kind: 'status',
  status: code,
  retryAfter,
});

/** How many attempts are made in all when each one fails like this. */
function attemptsMade(failure: AttemptFailure): number {
  let attempt = 1;
  while (decide(failure, attempt).retry) attempt += 1;
  return attempt;
}

describe('how often', () => {
  it.each<[string, AttemptFailure, number]>([
    ['429', status(429), 6],
    ['502', status(502), 4],
    ['503', status(503), 4],
    ['504', status(504), 4],
    ['500', status(500), 2],
    ['a timeout', { kind: 'timeout' }, 4],
    ['a connection reset', { kind: 'network-error', code: 'ECONNRESET' }, 4],
    ['a network error without a code', { kind: 'network-error' }, 4],
  ])('makes up to so many attempts for %s', (_name, failure, expected) => {
    expect(attemptsMade(failure)).toBe(expected);
  });

  it.each([400, 401, 403, 404, 405, 409, 410, 418, 451, 501, 505, 507])(
    'does not retry %d',
    code => {
      expect(decide(status(code, '1'))).toEqual({
        retry: false,
        because: `status ${code} does not pass by asking again`,
      });
    },
  );

  it.each([
    'CERT_HAS_EXPIRED',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'ERR_TLS_CERT_ALTNAME_INVALID',
  ])('does not retry a certificate that is not trusted (%s)', code => {
    expect(decide({ kind: 'network-error', code }).retry).toBe(false);
  });

  it('says after how many attempts it gave up', () => {
    expect(decide(status(503), 4).because).toBe('status 503 after 4 attempts');
  });

  it('does not retry at all when the policy allows one attempt', () => {
    const policy = { ...POLICY, maxAttempts: 1, maxAttemptsWhenRateLimited: 1 };
    const chance = { nowMs: NOW, random: 0 };
    for (const code of [429, 500, 503]) {
      expect(decideRetry(status(code), 1, policy, chance).retry).toBe(false);
    }
  });
});

describe('how long', () => {
  const delays = (failure: AttemptFailure, random: number) =>
    [1, 2, 3, 4, 5].flatMap(attempt => {
      const decision = decide(failure, attempt, random);
      return decision.retry ? decision.delayMs : [];
    });

  it('doubles from 0.5 s, less up to a half by chance', () => {
    expect(delays(status(429), 0)).toEqual([250, 500, 1_000, 2_000, 4_000]);
    expect(delays(status(429), 0.999)).toEqual([500, 1_000, 1_999, 3_998, 7_996]);
  });

  it('never backs off for more than 15 s', () => {
    const policy = { ...POLICY, maxAttempts: 100 };
    const decision = decideRetry(status(503), 60, policy, { nowMs: NOW, random: 0.999 });
    expect(decision).toMatchObject({ retry: true, delayMs: 14_993 });
  });

  it.each([429, 500, 502, 503, 504])('waits exactly as long as a %d asks for', code => {
    expect(decide(status(code, '7'), 1, 0.9)).toEqual({
      retry: true,
      delayMs: 7_000,
      because: `status ${code}, the server asked to wait 7 s`,
    });
  });

  it('understands a date', () => {
    const date = 'Mon, 06 May 2024 10:00:30 GMT';
    expect(decide(status(503, date))).toMatchObject({ retry: true, delayMs: 30_000 });
  });

  it('waits no more than 60 s, however long the server asks for', () => {
    expect(decide(status(429, '86400'))).toEqual({
      retry: true,
      delayMs: 60_000,
      because: 'status 429, the server asked to wait 86400 s, more than the 60 s allowed',
    });
  });

  it.each([['0'], ['nonsense'], ['-5'], ['Mon, 06 May 2024 09:00:00 GMT']])(
    'backs off on its own when the server asks for "%s"',
    retryAfter => {
      expect(decide(status(429, retryAfter))).toEqual({
        retry: true,
        delayMs: 250,
        because: 'status 429, backing off',
      });
    },
  );

  it('never waits less than the server asked for up to the cap, nor longer than the caps', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.option(fc.integer({ min: 1, max: 100_000 }), { nil: undefined }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (attempt, seconds, random) => {
          const retryAfter = seconds === undefined ? undefined : String(seconds);
          const decision = decide(status(429, retryAfter), attempt, random);
          if (!decision.retry) return false;
          const asked = Math.min((seconds ?? 0) * 1000, POLICY.maxRetryAfterMs);
          const most = seconds === undefined ? POLICY.maxDelayMs : asked;
          return decision.delayMs >= Math.max(asked, 250) && decision.delayMs <= most;
        },
      ),
    );
  });
});
