/** Which pace and which pause follow from the configuration and the known budget. */

import {
  budgetAfterHint,
  decidePace,
  decidePauseMs,
  mergeBudget,
  ServerBudget,
} from './rateStrategy';

const auto = { auto: true };
const off = { auto: false };
/** A pace of which discovery may use everything. */
const forAll = (requestsPerSecond: number, burst: number) => {
  const rate = { requestsPerSecond, burst };
  return { all: rate, discovery: rate };
};
const documented = { enabled: true, capacity: 60, fillRate: 5 };

describe('decidePace', () => {
  it.each<[string, ServerBudget, unknown]>([
    [
      'all but a second of a known budget, and 80 % and half of it for discovery',
      documented,
      {
        all: { requestsPerSecond: 5, burst: 55 },
        discovery: { requestsPerSecond: 4, burst: 30 },
      },
    ],
    [
      'half of a bucket that holds less than two seconds',
      { enabled: true, capacity: 60, fillRate: 50 },
      {
        all: { requestsPerSecond: 50, burst: 30 },
        discovery: { requestsPerSecond: 40, burst: 30 },
      },
    ],
    [
      'a burst of at least one',
      { enabled: true, capacity: 1, fillRate: 1 },
      {
        all: { requestsPerSecond: 1, burst: 1 },
        discovery: { requestsPerSecond: 0.8, burst: 1 },
      },
    ],
    ['no limit when switched off', { ...documented, enabled: false }, 'unlimited'],
    ['no limit when exempt', 'whitelisted', 'unlimited'],
    ['no limit while unknown', 'unknown', 'unlimited'],
    ['no limit while not read', 'not-read', 'unlimited'],
  ])('auto: %s', (_name, budget, expected) => {
    expect(decidePace(auto, budget, undefined)).toEqual(expected);
  });

  it.each<ServerBudget>(['unknown', 'not-read', 'whitelisted'])(
    'auto: the measured rate, with a budget that is %s',
    budget => {
      expect(decidePace(auto, budget, 30)).toEqual(forAll(30, 3));
      expect(decidePace(auto, budget, 0.5)).toEqual(forAll(0.5, 1));
    },
  );

  it('auto: the lower of a known budget and the measured rate', () => {
    expect(decidePace(auto, documented, 2)).toEqual(forAll(2, 1));
    expect(decidePace(auto, documented, 90)).toEqual({
      all: { requestsPerSecond: 5, burst: 9 },
      discovery: { requestsPerSecond: 4, burst: 9 },
    });
  });

  it('off: no pace, whatever is known', () => {
    expect(decidePace(off, documented, 2)).toBe('unlimited');
  });

  it('returns a fixed rate unchanged, whatever is known', () => {
    const fixed = { requestsPerSecond: 50, burst: 100 };
    expect(decidePace({ auto: false, fixed }, documented, 2)).toEqual(forAll(50, 100));
  });

  it('auto and fixed: the lower rate and the smaller burst of the known and the configured', () => {
    const limits = { auto: true, fixed: { requestsPerSecond: 3, burst: 50 } };
    expect(decidePace(limits, documented, undefined)).toEqual({
      all: { requestsPerSecond: 3, burst: 50 },
      discovery: { requestsPerSecond: 3, burst: 30 },
    });
    expect(decidePace(limits, documented, 2)).toEqual(forAll(2, 1));
    expect(decidePace(limits, 'unknown', undefined)).toEqual(forAll(3, 50));
  });
});

describe('decidePauseMs', () => {
  it('is as long as the server asks for, without jitter', () => {
    expect(decidePauseMs(3_000, 0.9)).toBe(3_000);
  });

  it('is 1 to 1.5 s if the server does not say', () => {
    expect(decidePauseMs(undefined, 0)).toBe(1_000);
    expect(decidePauseMs(undefined, 0.999)).toBe(1_500);
  });
});

describe('mergeBudget', () => {
  it.each<[ServerBudget, ServerBudget, ServerBudget]>([
    ['not-read', documented, documented],
    ['not-read', 'unknown', 'unknown'],
    ['unknown', 'whitelisted', 'whitelisted'],
    [documented, 'whitelisted', 'whitelisted'],
    [documented, 'unknown', documented],
    [documented, 'not-read', documented],
    ['not-read', { ...documented, fillRate: 0.1 }, { ...documented, fillRate: 0.1 }],
    ['not-read', { ...documented, fillRate: 1e300 }, { ...documented, fillRate: 1e300 }],
  ])('merges %j with %j to %j without doubt', (current, reported, expected) => {
    expect(mergeBudget(current, reported)).toEqual({
      budget: expected,
      doubt: undefined,
    });
  });

  it.each([
    [60, 0],
    [60, -1],
    [60, NaN],
    [60, Infinity],
    [0, 5],
    [-1, 5],
    [NaN, 5],
  ])(
    'treats a burst of %p and %p per second as unknown, says so, and keeps a known budget',
    (capacity, fillRate) => {
      const told = { enabled: true, capacity, fillRate };
      const doubt = expect.stringContaining(
        `${fillRate} requests per second and a burst of ${capacity}, which is implausible`,
      );
      expect(mergeBudget('not-read', told)).toEqual({ budget: 'unknown', doubt });
      expect(mergeBudget(documented, told)).toEqual({ budget: documented, doubt });
    },
  );

  it.each([0.0001, 0.099, Number.MIN_VALUE])(
    'raises %p per second to the lowest plausible rate, and says so',
    fillRate => {
      expect(mergeBudget('unknown', { ...documented, fillRate })).toEqual({
        budget: { ...documented, fillRate: 0.1 },
        doubt: expect.stringMatching(
          `${fillRate} requests per second.*0\\.1 per second is assumed`,
        ),
      });
    },
  );

  it('accepts that rate limiting is off, whatever the numbers', () => {
    const disabled = { enabled: false, capacity: 0, fillRate: 0 };
    expect(mergeBudget('not-read', disabled)).toEqual({ budget: disabled });
  });
});

describe('budgetAfterHint', () => {
  const hint = { limit: 120, fillRate: 30, intervalSeconds: 10 };

  it.each<ServerBudget>(['unknown', 'not-read'])('replaces %s', current => {
    const expected = { enabled: true, capacity: 120, fillRate: 3 };
    expect(budgetAfterHint(current, hint)).toEqual({ budget: expected });
  });

  it.each<ServerBudget>(['unknown', 'not-read'])(
    'leaves it %s if the numbers are implausible, and says so',
    current => {
      for (const nothing of [{ limit: 0 }, { fillRate: 0 }]) {
        expect(budgetAfterHint(current, { ...hint, ...nothing })).toEqual({
          budget: current,
          doubt: expect.stringContaining('implausible'),
        });
      }
    },
  );

  it('does not treat an interval of 0 as an infinite rate', () => {
    const { budget } = budgetAfterHint('unknown', { ...hint, intervalSeconds: 0 });
    expect(budget).toBe('unknown');
  });

  it('assumes the lowest plausible rate for one token per minute', () => {
    const slow = { limit: 5, fillRate: 1, intervalSeconds: 60 };
    expect(budgetAfterHint('unknown', slow)).toEqual({
      budget: { enabled: true, capacity: 5, fillRate: 0.1 },
      doubt: expect.stringContaining('0.1 per second is assumed'),
    });
  });

  it.each<ServerBudget>([documented, 'whitelisted'])('does not replace %j', current => {
    expect(budgetAfterHint(current, hint)).toEqual({ budget: current });
  });

  it.each(['limit', 'fillRate', 'intervalSeconds'])('needs %s', missing => {
    const rest = { ...hint, [missing]: undefined };
    expect(budgetAfterHint('unknown', rest)).toEqual({ budget: 'unknown' });
  });
});
