import { formatDuration, formatRate, formatShare, formatTime } from './format';

describe('formatDuration', () => {
  it.each([
    [0, '0 ms'],
    [850, '850 ms'],
    [9400, '9.4 s'],
    [12_400, '12 s'],
    [59_949, '60 s'],
    [59_950, '1 min'],
    [200_000, '3 min 20 s'],
    [3_599_600, '1 h'],
    [7_199_000, '2 h'],
    [3_720_000, '1 h 2 min'],
  ])('formats %d ms as %s', (ms, expected) => {
    expect(formatDuration(ms)).toBe(expected);
  });
});

describe('formatShare', () => {
  it.each([
    [0, 0, '0 %'],
    [0, 10, '0 %'],
    [1, 10_000, '< 1 %'],
    [9_999, 10_000, '> 99 %'],
    [1, 3, '33 %'],
    [10, 10, '100 %'],
  ])('formats %d of %d as %s', (part, whole, expected) => {
    expect(formatShare(part, whole)).toBe(expected);
  });
});

describe('formatTime', () => {
  it.each([
    ['2025-03-04T12:34:56.789Z', '2025-03-04 12:34:56 UTC'],
    ['2025-03-04T12:34:56+02:00', '2025-03-04 10:34:56 UTC'],
    ['2025-99-99T99:99:99Z', '2025-99-99T99:99:99Z'],
    ['somebody = 1', 'somebody = 1'],
  ])('formats %s as %s', (iso, expected) => {
    expect(formatTime(iso)).toBe(expected);
  });
});

it('formatRate formats rates in the same way on every machine', () => {
  expect([0.25, 9.84, 10.4, 1500].map(formatRate)).toEqual(['0.3', '9.8', '10', '1,500']);
});
