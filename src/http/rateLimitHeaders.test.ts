/** How the rate limit headers are parsed. */

import { parseRateLimitHeaders, readUserName } from './rateLimitHeaders';

const NOW = Date.UTC(2024, 4, 6, 10, 0, 0);

const parse = (headers: Record<string, string>) =>
  parseRateLimitHeaders(new Headers(headers), NOW);

describe('parseRateLimitHeaders', () => {
  it('reads all of them, in any case', () => {
    expect(
      parse({
        'x-ratelimit-limit': '60',
        'X-RATELIMIT-REMAINING': '12',
        'X-RateLimit-FillRate': '5',
        'X-RateLimit-Interval-Seconds': '1',
        'Retry-After': '2',
      }),
    ).toEqual({
      limit: 60,
      remaining: 12,
      fillRate: 5,
      intervalSeconds: 1,
      retryAfterMs: 2_000,
    });
  });

  it('returns nothing for an answer without them', () => {
    expect(parse({ 'X-AREQUESTID': '@WRQLR1x1341x1784x0' })).toEqual({
      limit: undefined,
      remaining: undefined,
      fillRate: undefined,
      intervalSeconds: undefined,
      retryAfterMs: undefined,
    });
  });

  it('keeps numbers unchanged, but ignores an interval of 0', () => {
    expect(
      parse({
        'X-RateLimit-Remaining': '0',
        'X-RateLimit-Limit': '0',
        'X-RateLimit-FillRate': '0',
        'X-RateLimit-Interval-Seconds': '0',
      }),
    ).toMatchObject({
      remaining: 0,
      limit: 0,
      fillRate: 0,
      intervalSeconds: undefined,
    });
  });

  it.each([
    ['12.75', 12.75],
    [' 7 ', 7],
  ])('reads the number "%s"', (value, expected) => {
    const headers = {
      get: (name: string) => (name === 'X-RateLimit-FillRate' ? value : null),
    };
    expect(parseRateLimitHeaders(headers, NOW).fillRate).toBe(expected);
  });

  it.each([['-1'], ['many'], ['1,2'], ['5;w=10'], ['Infinity'], ['9'.repeat(400)], ['']])(
    'ignores the number "%s"',
    value => {
      expect(
        parse({ 'X-RateLimit-Remaining': value, 'X-RateLimit-Limit': '60' }),
      ).toMatchObject({ remaining: undefined, limit: 60 });
    },
  );
});

it.each([
  ['jane', 'jane'],
  ['jane%40example.com', 'jane@example.com'],
  ['100%', '100%'],
  ['', undefined],
])('readUserName reads the user name from "%s" as %s', (value, name) => {
  expect(readUserName(new Headers({ 'X-AUSERNAME': value }))).toBe(name);
});

it('readUserName reads no user name from an anonymous answer', () => {
  expect(readUserName(new Headers())).toBeUndefined();
});

describe('Retry-After', () => {
  const retryAfterMs = (value: string) => parse({ 'Retry-After': value }).retryAfterMs;

  it.each([
    ['7', 7_000],
    [' 20 ', 20_000],
    ['1.5', 1_500],
    ['60', 60_000],
    ['Mon, 06 May 2024 10:00:30 GMT', 30_000],
    ['Monday, 06-May-24 10:00:30 GMT', 30_000],
    ['Mon May  6 10:00:30 2024', 30_000],
  ])('is read from "%s", in seconds or as a date', (value, expected) => {
    expect(retryAfterMs(value)).toBe(expected);
  });

  it.each(['61', '31536000', 'Fri, 31 Dec 2032 23:59:59 GMT'])(
    'is reduced to a minute for "%s"',
    value => {
      expect(retryAfterMs(value)).toBe(60_000);
    },
  );

  it.each([
    [''],
    ['   '],
    ['0'],
    ['-1'],
    ['+5'],
    ['soon'],
    ['5 seconds'],
    ['1e3'],
    ['0x10'],
    ['NaN'],
    ['Infinity'],
    ['9'.repeat(400)],
    ['2024-05-06T10:00:30Z'],
    ['Mon, 99 May 2024 10:00:30 GMT'],
    ['Mon, 06 May 2024 10:00:00 GMT'],
    ['Mon, 06 May 2024 09:59:59 GMT'],
    ['Monkeys'],
  ])('is ignored if it is %p', value => {
    expect(retryAfterMs(value)).toBeUndefined();
  });
});
