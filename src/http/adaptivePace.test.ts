/** How a pace is found that a server of unknown budget bears. */

import fc from 'fast-check';
import {
  AdaptivePace,
  DECREASE_FACTOR,
  MIN_ANSWERS,
  INITIAL_PACE,
  recordAnswer,
  recordRateLimited,
  observedPerSecond,
  MIN_FIRST_PER_SECOND,
  MIN_PER_SECOND,
} from './adaptivePace';

const START = Date.UTC(2024, 0, 1);

/** `count` answers, evenly over the given time. */
function answers(pace: AdaptivePace, fromMs: number, count: number, overMs: number) {
  let next = pace;
  for (let i = 0; i < count; i += 1) {
    next = recordAnswer(next, fromMs + Math.floor((i * overMs) / count));
  }
  return next;
}

describe('before the first 429', () => {
  it('there is no limit', () => {
    expect(answers(INITIAL_PACE, START, 500, 2_000).perSecond).toBeUndefined();
  });

  it('counts over the last 10 s, and forgets what is older', () => {
    const pace = answers(INITIAL_PACE, START, 60, 400);
    expect(observedPerSecond(pace, START + 500)).toBe(6);
    expect(observedPerSecond(pace, START + 11_000)).toBe(0);
  });

  it('keeps no more than 10 numbers, however many answers there are', () => {
    expect(
      answers(INITIAL_PACE, START, 5_000, 100_000).answered.length,
    ).toBeLessThanOrEqual(10);
  });
});

describe('at the first 429', () => {
  it('goes on with half of what was let through lately', () => {
    const pace = answers(INITIAL_PACE, START, 60, 400);
    expect(recordRateLimited(pace, START + 450, START + 400).perSecond).toBe(3);
  });

  it('does not go below what a first guess is good for', () => {
    const pace = answers(INITIAL_PACE, START, MIN_ANSWERS, 400);
    expect(recordRateLimited(pace, START + 450, START + 400).perSecond).toBe(
      MIN_FIRST_PER_SECOND,
    );
  });

  it('takes it for an isolated one after few answers, and sets no pace', () => {
    const pace = answers(INITIAL_PACE, START, MIN_ANSWERS - 1, 400);
    expect(recordRateLimited(pace, START + 450, START + 400).perSecond).toBeUndefined();
  });

  it('takes the next one within 10 s for more than an isolated one', () => {
    const once = recordRateLimited(INITIAL_PACE, START, START - 1);
    const twice = recordRateLimited(once, START + 9_000, START + 8_900);
    expect(twice.perSecond).toBe(MIN_FIRST_PER_SECOND);
  });

  it('forgets an isolated one after 10 s', () => {
    const once = recordRateLimited(INITIAL_PACE, START, START - 1);
    const later = recordRateLimited(once, START + 11_000, START + 10_900);
    expect(later.perSecond).toBeUndefined();
  });
});

describe('at further ones', () => {
  const first = recordRateLimited(
    answers(INITIAL_PACE, START, 200, 1_000),
    START + 1_000,
    START,
  );

  it('halves', () => {
    const busy = answers(first, START + 1_000, 60, 4_000);
    const later = recordRateLimited(busy, START + 5_000, START + 4_900);
    const before = busy.perSecond ?? 0;
    expect(before).toBeGreaterThan(10);
    expect(later.perSecond).toBeCloseTo(before * DECREASE_FACTOR, 5);
  });

  it('goes on with half of what was let through since the last one, if that is less', () => {
    const busy = answers(first, START + 1_000, 20, 4_000);
    expect(recordRateLimited(busy, START + 5_000, START + 4_900).perSecond).toBe(2.5);
  });

  it('does not count what was let through before the last one', () => {
    const later = recordRateLimited(first, START + 5_000, START + 4_900);
    expect(later.perSecond).toBe(MIN_PER_SECOND);
  });

  it('does not count requests that were on their way at the last decrease', () => {
    expect(recordRateLimited(first, START + 4_000, START + 1_000)).toBe(first);
  });

  it('does not halve twice within a second', () => {
    expect(recordRateLimited(first, START + 1_999, START + 1_500)).toBe(first);
    expect(recordRateLimited(first, START + 2_000, START + 1_500)).not.toBe(first);
  });
});

describe('growth', () => {
  const first = recordRateLimited(
    answers(INITIAL_PACE, START, 200, 1_000),
    START + 1_000,
    START,
  );
  const from = START + 1_000;

  it('adds 1 % of the reduced pace per second of work', () => {
    const pace = answers(first, from, 100, 10_000);
    // A little less: the first answers do not show yet that the pace is made use of.
    expect(pace.perSecond).toBeGreaterThan(10 + 0.1 * 9);
    expect(pace.perSecond).toBeLessThanOrEqual(10 + 0.1 * 10);
  });

  it('does not count idle time', () => {
    const pace = recordAnswer(first, from + 3_600_000);
    expect(pace.perSecond).toBe(10);
  });

  it('waits until it is the pace that holds requests back', () => {
    const rested = recordAnswer(first, from + 60_000);
    const pace = answers(rested, from + 60_000, 20, 20_000);
    expect(pace.perSecond).toBe(10);
  });
});

it('stays at or above the floor and finite, whatever comes in whichever order', () => {
  const news = fc.record({
    afterMs: fc.integer({ min: 0, max: 20_000 }),
    refused: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(news, { maxLength: 200 }), all => {
      let pace = INITIAL_PACE;
      let nowMs = START;
      for (const { afterMs, refused } of all) {
        nowMs += afterMs;
        pace = refused
          ? recordRateLimited(pace, nowMs, nowMs)
          : recordAnswer(pace, nowMs);
        if (pace.perSecond === undefined) continue;
        expect(pace.perSecond).toBeGreaterThanOrEqual(MIN_PER_SECOND);
        expect(Number.isFinite(pace.perSecond)).toBe(true);
      }
    }),
  );
});
