/** Which values of `Retry-After` mean how long. */

import { parseRetryAfter } from './retryAfter';

const NOW = Date.UTC(2024, 4, 6, 10, 0, 0);

describe('parseRetryAfter', () => {
  it.each([
    ['0', 0],
    ['7', 7_000],
    [' 120 ', 120_000],
    ['1.5', 1_500],
    ['31536000', 31_536_000_000],
  ])('reads "%s" as seconds', (value, expected) => {
    expect(parseRetryAfter(value, NOW)).toBe(expected);
  });

  it.each([
    ['Mon, 06 May 2024 10:00:30 GMT', 30_000],
    ['Monday, 06-May-24 10:00:30 GMT', 30_000],
    ['Mon May  6 10:00:30 2024', 30_000],
    ['Mon, 06 May 2024 10:00:00 GMT', 0],
    ['Fri, 31 Dec 2032 23:59:59 GMT', Date.UTC(2032, 11, 31, 23, 59, 59) - NOW],
  ])('reads "%s" as a date', (value, expected) => {
    expect(parseRetryAfter(value, NOW)).toBe(expected);
  });

  it('takes a date in the past as now', () => {
    expect(parseRetryAfter('Mon, 06 May 2024 09:59:59 GMT', NOW)).toBe(0);
  });

  it.each([
    [null],
    [undefined],
    [''],
    ['   '],
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
    ['Monkeys'],
  ])('ignores %p', value => {
    expect(parseRetryAfter(value, NOW)).toBeUndefined();
  });
});
