/** Which failures are retried, how often and with which delays, and the final result. */

import {
  SentOutcome,
  decideRetryDelayMs,
  toAttemptResult,
  toReplyOrThrow,
} from './attemptOutcome';

const status = (code: number, retryAfterMs?: number): SentOutcome => ({
  kind: 'reply',
  reply: { status: code, headers: new Headers(), body: '' },
  retryAfterMs,
});

const networkError = (code?: string): SentOutcome => ({
  kind: 'network-error',
  failure: { code, what: 'the connection failed' },
});

/** The delays between all attempts. */
function delaysMs(outcome: SentOutcome, random = 0, isTimeoutFinal?: boolean): number[] {
  const delays: number[] = [];
  for (;;) {
    const delay = decideRetryDelayMs(outcome, delays.length + 1, random, isTimeoutFinal);
    if (delay === undefined) return delays;
    delays.push(delay);
  }
}

describe('the number of attempts', () => {
  it.each<[string, SentOutcome, number]>([
    ['429', status(429), 6],
    ['502', status(502), 4],
    ['503', status(503), 4],
    ['504', status(504), 4],
    ['500', status(500), 2],
    ['a timeout', { kind: 'timeout' }, 4],
    ['a connection reset', networkError('ECONNRESET'), 4],
    ['a network error without a code', networkError(), 4],
    ['an answer that is too large', { kind: 'too-large', status: 200 }, 1],
  ])('is limited for %s', (_name, outcome, expected) => {
    expect(delaysMs(outcome)).toHaveLength(expected - 1);
  });

  it.each([200, 204, 302, 400, 401, 403, 404, 405, 409, 410, 418, 451, 501, 505, 507])(
    'is one for %d, even with Retry-After',
    code => {
      expect(delaysMs(status(code, 1_000))).toEqual([]);
    },
  );

  it.each<[string, SentOutcome, number]>([
    ['504', status(504), 1],
    ['a timeout', { kind: 'timeout' }, 1],
    ['503', status(503), 4],
    ['a connection reset', networkError('ECONNRESET'), 4],
  ])('is limited for %s if a timeout is final', (_, outcome, expected) => {
    expect(delaysMs(outcome, 0, true)).toHaveLength(expected - 1);
  });

  it.each([
    'CERT_HAS_EXPIRED',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'ERR_TLS_CERT_ALTNAME_INVALID',
  ])('does not retry a certificate that is not trusted (%s)', code => {
    expect(delaysMs(networkError(code))).toEqual([]);
  });
});

describe('the delay', () => {
  it('doubles from 0.5 s, reduced randomly by up to a half', () => {
    expect(delaysMs(status(429), 0)).toEqual([250, 500, 1_000, 2_000, 4_000]);
    expect(delaysMs(status(429), 0.999)).toEqual([500, 1_000, 1_999, 3_998, 7_996]);
  });

  it.each([429, 500, 502, 503, 504])('is exactly what a %d asks for', code => {
    expect(decideRetryDelayMs(status(code, 7_000), 1, 0.9)).toBe(7_000);
  });
});

describe('finally', () => {
  const details = {
    url: 'https://bitbucket.example.com/x',
    attempts: 2,
    timeoutMs: 30_000,
    maxBytes: 1024,
  };
  const failed = 'GET https://bitbucket.example.com/x failed after 2 attempts: ';

  it('an answer is returned and counted by its status, even an error', () => {
    const outcome = status(503);
    expect(toReplyOrThrow(outcome, details)).toMatchObject({ status: 503 });
    expect(toAttemptResult(outcome)).toBe(503);
  });

  it.each<[SentOutcome, string, string, unknown]>([
    [
      networkError('ECONNRESET'),
      'BitbucketServerNetworkError',
      'the connection failed',
      'network-error',
    ],
    [
      { kind: 'timeout' },
      'BitbucketServerTimeoutError',
      'no complete answer within 30 s',
      'timeout',
    ],
    [
      { kind: 'too-large', status: 200 },
      'BitbucketServerResponseTooLargeError',
      'the answer is larger than 1024 bytes',
      200,
    ],
  ])('%j is thrown as a %s, and counted', (outcome, name, what, result) => {
    expect(() => toReplyOrThrow(outcome, details)).toThrow(
      expect.objectContaining({ name, message: `${failed}${what}` }),
    );
    expect(toAttemptResult(outcome)).toBe(result);
  });
});
