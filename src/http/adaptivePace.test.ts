/** How a pace is found that a server of unknown budget bears. */

import fc from 'fast-check';
import {
  AdaptivePace,
  DECREASE_FACTOR,
  LEAST_ANSWERS,
  NO_PACE,
  noteAnswered,
  noteRateLimited,
  observedPerSecond,
  SLOWEST_FIRST_PER_SECOND,
  SLOWEST_PER_SECOND,
} from './adaptivePace';

const START = Date.UTC(2024, 0, 1);

/** `count` answers, evenly over the given time. */
function answers(pace: AdaptivePace, fromMs: number, count: number, overMs: number) {
  let next = pace;
  for (let i = 0; i < count; i += 1) {
    next = noteAnswered(next, fromMs + Math.floor((i * overMs) / count));
  }
  return next;
}

describe('before the first 429', () => {
  it('there is no limit', () => {
    expect(answers(NO_PACE, START, 500, 2_000).perSecond).toBeUndefined();
  });

  it('counts over the last 10 s, and forgets what is older', () => {
    const pace = answers(NO_PACE, START, 60, 400);
    expect(observedPerSecond(pace, START + 500)).toBe(6);
    expect(observedPerSecond(pace, START + 11_000)).toBe(0);
  });

  it('keeps no more than 10 numbers, however many answers there are', () => {
    expect(answers(NO_PACE, START, 5_000, 100_000).answered.length).toBeLessThanOrEqual(
      10,
    );
  });
});

describe('at the first 429', () => {
  it('goes on with half of what was let through lately', () => {
    const pace = answers(NO_PACE, START, 60, 400);
    expect(noteRateLimited(pace, START + 450, START + 400).perSecond).toBe(3);
  });

  it('does not go below what a first guess is good for', () => {
    const pace = answers(NO_PACE, START, LEAST_ANSWERS, 400);
    expect(noteRateLimited(pace, START + 450, START + 400).perSecond).toBe(
      SLOWEST_FIRST_PER_SECOND,
    );
  });

  it('takes it for a hiccup after few answers, and sets no pace', () => {
    const pace = answers(NO_PACE, START, LEAST_ANSWERS - 1, 400);
    expect(noteRateLimited(pace, START + 450, START + 400).perSecond).toBeUndefined();
  });

  it('takes the next one within 10 s for more than a hiccup', () => {
    const once = noteRateLimited(NO_PACE, START, START - 1);
    const twice = noteRateLimited(once, START + 9_000, START + 8_900);
    expect(twice.perSecond).toBe(SLOWEST_FIRST_PER_SECOND);
  });

  it('forgets a hiccup after 10 s', () => {
    const once = noteRateLimited(NO_PACE, START, START - 1);
    const later = noteRateLimited(once, START + 11_000, START + 10_900);
    expect(later.perSecond).toBeUndefined();
  });
});

describe('at further ones', () => {
  const first = noteRateLimited(
    answers(NO_PACE, START, 200, 1_000),
    START + 1_000,
    START,
  );

  it('halves', () => {
    const busy = answers(first, START + 1_000, 60, 4_000);
    const later = noteRateLimited(busy, START + 5_000, START + 4_900);
    const before = busy.perSecond ?? 0;
    expect(before).toBeGreaterThan(10);
    expect(later.perSecond).toBeCloseTo(before * DECREASE_FACTOR, 5);
  });

  it('goes on with half of what was let through since the last one, if that is less', () => {
    const busy = answers(first, START + 1_000, 20, 4_000);
    expect(noteRateLimited(busy, START + 5_000, START + 4_900).perSecond).toBe(2.5);
  });

  it('does not count what was let through before the last one', () => {
    const later = noteRateLimited(first, START + 5_000, START + 4_900);
    expect(later.perSecond).toBe(SLOWEST_PER_SECOND);
  });

  it('does not count requests that were on their way at the last decrease', () => {
    expect(noteRateLimited(first, START + 4_000, START + 1_000)).toBe(first);
  });

  it('does not halve twice within a second', () => {
    expect(noteRateLimited(first, START + 1_999, START + 1_500)).toBe(first);
    expect(noteRateLimited(first, START + 2_000, START + 1_500)).not.toBe(first);
  });
});

describe('growth', () => {
  const first = noteRateLimited(
    answers(NO_PACE, START, 200, 1_000),
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
    const pace = noteAnswered(first, from + 3_600_000);
    expect(pace.perSecond).toBe(10);
  });

  it('waits until it is the pace that holds requests back', () => {
    const rested = noteAnswered(first, from + 60_000);
    const pace = answers(rested, from + 60_000, 20, 20_000);
    expect(pace.perSecond).toBe(10);
  });
});

it('stays at or above the floor and finite, whatever comes in whichever order', () => {
  const news = fc.record({
    afterMs: fc.integer({ min: -1_000, max: 20_000 }),
    refused: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(news, { maxLength: 200 }), all => {
      let pace = NO_PACE;
      let nowMs = START;
      for (const { afterMs, refused } of all) {
        nowMs += afterMs;
        pace = refused ? noteRateLimited(pace, nowMs, nowMs) : noteAnswered(pace, nowMs);
        if (pace.perSecond === undefined) continue;
        expect(pace.perSecond).toBeGreaterThanOrEqual(SLOWEST_PER_SECOND);
        expect(Number.isFinite(pace.perSecond)).toBe(true);
      }
    }),
  );
});
