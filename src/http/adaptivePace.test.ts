/** How the sustained pace of a server with an unknown budget is found. */

import fc from 'fast-check';
import {
  AdaptivePace,
  FIRST_PER_SECOND,
  INITIAL_PACE,
  ISOLATED_AFTER_MS,
  MAX_PER_SECOND,
  getPerSecond,
  recordAnswer,
  recordRateLimited,
  recordWait,
} from './adaptivePace';
import { MIN_REQUESTS_PER_SECOND } from './types';

const START = Date.UTC(2024, 0, 1);

/** Records `count` answers to requests sent at the same time. */
function answers(pace: AdaptivePace, count: number, sentAtMs: number): AdaptivePace {
  let next = pace;
  for (let i = 0; i < count; i += 1) next = recordAnswer(next, sentAtMs);
  return next;
}

/** Records that the pace held requests back for `ms`, beginning after the last 429. */
function paced(pace: AdaptivePace, ms: number): AdaptivePace {
  const fromMs = pace.refusedAtMs + 1_000;
  return recordWait(pace, { reason: 'pace', fromMs, toMs: fromMs + ms });
}

/** The state after two requests that were in flight together were both refused. */
function refusedTwice(nowMs: number): AdaptivePace {
  const once = recordRateLimited(INITIAL_PACE, nowMs, nowMs - 50);
  return recordRateLimited(once, nowMs + 5, nowMs - 45);
}

/** The state just after a 429, with a sustained rate that was measured from many answers. */
function sustaining(perSecond: number, measuredFrom = 100): AdaptivePace {
  return { ...INITIAL_PACE, sustained: perSecond, measuredFrom, refusedAtMs: START };
}

describe('before the first 429', () => {
  it('there is no limit, however many answers come', () => {
    const pace = answers(INITIAL_PACE, 500, START);
    expect(getPerSecond(paced(pace, 0))).toBeUndefined();
  });
});

describe('a first 429', () => {
  const once = recordRateLimited(INITIAL_PACE, START, START - 50);

  it('sets no pace', () => {
    expect(getPerSecond(once)).toBeUndefined();
  });

  it('starts a search at a low pace when a concurrent request is refused too', () => {
    expect(getPerSecond(refusedTwice(START))).toBe(FIRST_PER_SECOND);
  });

  it('starts a search when the next 429 comes soon', () => {
    const sentAtMs = START + ISOLATED_AFTER_MS - 50;
    const twice = recordRateLimited(once, START + ISOLATED_AFTER_MS, sentAtMs);
    expect(getPerSecond(twice)).toBe(FIRST_PER_SECOND);
  });

  it('is forgotten when the next 429 comes late', () => {
    const nowMs = START + ISOLATED_AFTER_MS + 1;
    expect(getPerSecond(recordRateLimited(once, nowMs, nowMs - 50))).toBeUndefined();
  });

  it('is not forgotten after a long pause', () => {
    const toMs = START + 60_000;
    const rested = recordWait(once, { reason: 'pause', fromMs: START, toMs });
    const twice = recordRateLimited(rested, toMs + 100, toMs + 50);
    expect(getPerSecond(twice)).toBe(FIRST_PER_SECOND);
  });
});

describe('the search', () => {
  const searching = refusedTwice(START);

  it('multiplies the pace by e in each second in which requests are held back', () => {
    const pace = getPerSecond(paced(paced(searching, 1_500), 500)) ?? 0;
    expect(pace).toBeCloseTo(FIRST_PER_SECOND * Math.exp(2), 6);
  });

  it('does not raise the pace for answers, idle time or pauses', () => {
    const busy = answers(searching, 100, START + 2_000);
    const wait = { reason: 'pause', fromMs: START, toMs: START + 5_000 } as const;
    expect(getPerSecond(recordWait(busy, wait))).toBe(FIRST_PER_SECOND);
  });

  it('counts no wait from before it began', () => {
    const wait = { reason: 'pace', fromMs: START - 9_000, toMs: START + 1_000 } as const;
    const pace = getPerSecond(recordWait(searching, wait)) ?? 0;
    expect(pace).toBeCloseTo(FIRST_PER_SECOND * Math.E, 6);
  });

  it('ends between the accepted rate and the refused pace', () => {
    const grown = paced(answers(searching, 60, START + 1_500), 3_000);
    const nowMs = START + 6_000;
    const { sustained } = recordRateLimited(grown, nowMs, nowMs - 50);
    expect(sustained).toBeGreaterThan(60 / 6);
    expect(sustained).toBeLessThan(getPerSecond(grown) ?? 0);
  });

  it('starts again when the 429 comes after a long idle time', () => {
    const grown = paced(searching, 4_000);
    const nowMs = START + 3_600_000;
    const later = recordRateLimited(grown, nowMs, nowMs - 50);
    expect(getPerSecond(later)).toBe(FIRST_PER_SECOND);
  });
});

describe('if no request was accepted since the last 429', () => {
  const refusedAgain = (pace: AdaptivePace) => {
    const nowMs = pace.refusedAtMs + 1_500;
    return recordRateLimited(pace, nowMs, nowMs - 50);
  };

  it('the search starts again, since the sustained rate is unknown', () => {
    const searching = paced(refusedTwice(START), 2_000);
    expect(getPerSecond(refusedAgain(searching))).toBe(FIRST_PER_SECOND);
    expect(getPerSecond(refusedAgain(sustaining(50)))).toBe(FIRST_PER_SECOND);
  });

  it('a pace below the start of the search is halved, down to the minimum', () => {
    let pace = refusedAgain(sustaining(2));
    expect(pace.sustained).toBe(1);
    for (let count = 0; count < 9; count += 1) pace = refusedAgain(pace);
    expect(pace.sustained).toBe(MIN_REQUESTS_PER_SECOND);
  });
});

describe('a known pace', () => {
  it('is searched for again if nothing is refused for long after it is reached again', () => {
    // At 5 per second that takes 10 s, and the pace grows little until the next 429 is due.
    expect(getPerSecond(paced(sustaining(5), 25_000))).toBeLessThan(8);
    expect(getPerSecond(paced(sustaining(5), 30_000))).toBeGreaterThan(1_000);
  });

  it('is measured between two 429, when the accepted requests equal the refill', () => {
    const fromMs = START;
    const nowMs = START + 20_000;
    const pause = { reason: 'pause', fromMs, toMs: fromMs + 1_250 } as const;
    const wait = { reason: 'pace', fromMs: fromMs + 1_250, toMs: nowMs } as const;
    const busy = answers(sustaining(50), 240, fromMs + 1);
    const held = recordWait(recordWait(busy, pause), wait);
    const next = recordRateLimited(held, nowMs, nowMs - 50);
    // Part of the refill in the pause may have been lost, so that it may be a little more.
    expect(next.sustained).toBeGreaterThanOrEqual(240 / 20);
    expect(next.sustained).toBeLessThanOrEqual(240 / 18.75);
    expect(next.measuredFrom).toBe(240);
  });

  it.each([2, 20, 200])('stays below a sustained rate of %d per second', bears => {
    expect(getPerSecond(sustaining(bears))).toBeCloseTo(0.85 * bears, 6);
  });

  it.each([
    // The time for some 50 requests, within bounds.
    [5, 10],
    [1, 15],
    [200, 3],
  ])('of %d per second is reached again after %d s', (bears, seconds) => {
    const pace = sustaining(bears);
    const at = (part: number) => getPerSecond(paced(pace, part * seconds * 1_000)) ?? 0;
    expect(at(1)).toBeCloseTo(bears, 6);
    // Fast towards it, slowly around it, and faster and faster beyond it.
    expect(at(0.5)).toBeGreaterThan(0.97 * bears);
    expect(at(1.5)).toBeLessThan(1.03 * bears);
    expect(at(2)).toBeCloseTo(1.15 * bears, 6);
    expect(at(4)).toBeGreaterThan(4 * bears);
  });

  it.each([
    // Bounds: 3 s, and the time for some 50 requests.
    [0, 3],
    [6, 3],
    [15, 45 / 8],
    [20, 10],
  ])('measured from only %d answers is reached again after %d s', (count, seconds) => {
    const pace = sustaining(2, count);
    expect(getPerSecond(paced(pace, 0.9 * seconds * 1_000))).toBeLessThan(2);
    expect(getPerSecond(paced(pace, seconds * 1_000))).toBeCloseTo(2, 6);
    expect(getPerSecond(paced(pace, 4 * seconds * 1_000))).toBeGreaterThan(8);
  });

  it('is kept when a 429 comes after a long idle time: other clients have used the budget', () => {
    const nowMs = START + 600_000;
    const pace = recordRateLimited(sustaining(20), nowMs, nowMs - 50);
    expect(pace).toEqual({ ...sustaining(20), refusedAtMs: nowMs });
    expect(getPerSecond(pace)).toBeCloseTo(17, 6);
  });

  it('is not underestimated if too few requests came to use the refill', () => {
    const nowMs = START + 8_000;
    const idle = answers(sustaining(20), 8, START + 1);
    const { sustained } = recordRateLimited(idle, nowMs, nowMs - 50);
    expect(sustained).toBeGreaterThan(1);
    expect(sustained).toBeLessThan(20);
  });

  it('falls if few requests are accepted although none is held back', () => {
    let pace = sustaining(20);
    for (let nowMs = START + 3_000; nowMs < START + 40_000; nowMs += 3_000) {
      pace = recordRateLimited(answers(pace, 3, nowMs - 1_000), nowMs, nowMs - 50);
    }
    expect(pace.sustained).toBeLessThan(1.5);
  });

  it('is not changed by requests in flight at the last 429, nor within a second of it', () => {
    const pace = sustaining(20);
    expect(recordRateLimited(pace, START + 4_000, START)).toBe(pace);
    expect(recordRateLimited(pace, START + 999, START + 900)).toBe(pace);
    expect(recordAnswer(pace, START)).toBe(pace);
    expect(recordRateLimited(pace, START + 1_000, START + 900)).not.toBe(pace);
  });
});

it('AdaptivePace keeps the pace a number within bounds, whatever happens in whichever order', () => {
  const news = fc.record({
    kind: fc.constantFrom('answer', 'refusal', 'pace', 'pause'),
    ms: fc.oneof(
      fc.integer({ min: 0, max: 2_000 }),
      fc.integer({ min: 0, max: 2_000_000 }),
    ),
  });
  const record = (pace: AdaptivePace, kind: string, fromMs: number, toMs: number) => {
    if (kind === 'answer') return recordAnswer(pace, fromMs);
    if (kind === 'refusal') return recordRateLimited(pace, toMs, fromMs);
    return recordWait(pace, { reason: kind === 'pace' ? kind : 'pause', fromMs, toMs });
  };
  fc.assert(
    fc.property(fc.array(news, { maxLength: 200 }), all => {
      let pace = INITIAL_PACE;
      let nowMs = START;
      for (const { kind, ms } of all) {
        pace = record(pace, kind, nowMs, nowMs + ms);
        nowMs += ms;
        const perSecond = getPerSecond(pace) ?? FIRST_PER_SECOND;
        expect(perSecond).toBeGreaterThanOrEqual(0.8 * MIN_REQUESTS_PER_SECOND);
        expect(perSecond).toBeLessThanOrEqual(MAX_PER_SECOND);
      }
    }),
  );
});
