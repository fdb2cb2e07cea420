/** A bucket never issues more than its capacity and its refill. */

import fc from 'fast-check';
import {
  createBucket,
  learn,
  refill,
  reshape,
  take,
  TokenBucket,
  waitMs,
} from './tokenBucket';

const START = Date.UTC(2024, 0, 1);
const shape = { capacity: 3, refillPerSecond: 2 };

/** Takes all available tokens. */
function drain(
  bucket: TokenBucket,
  nowMs: number,
): { count: number; bucket: TokenBucket } {
  let count = 0;
  let next = take(bucket, nowMs);
  while (next.taken) {
    count += 1;
    next = take(next.bucket, nowMs);
  }
  return { count, bucket: next.bucket };
}

describe('a bucket', () => {
  it('starts full and issues its capacity immediately', () => {
    expect(drain(createBucket(shape, START), START).count).toBe(3);
  });

  it('gains its refill, but never holds more than its capacity', () => {
    const empty = createBucket(shape, START, 0);
    expect(refill(empty, START + 250).tokens).toBe(0.5);
    expect(refill(empty, START + 3_600_000).tokens).toBe(3);
  });

  it('issues whole tokens only', () => {
    const empty = createBucket(shape, START, 0);
    expect(take(empty, START + 499).taken).toBe(false);
    expect(take(empty, START + 500).taken).toBe(true);
  });

  it('returns the time until the next token', () => {
    const empty = createBucket(shape, START, 0);
    expect(waitMs(empty, START)).toBe(500);
    expect(waitMs(empty, START + 400)).toBe(100);
    expect(waitMs(empty, START + 500)).toBe(0);
    expect(waitMs(createBucket(shape, START), START)).toBe(0);
  });

  it.each([
    [0, 1],
    [0.5, 1],
    [1, 0],
    [1, -1],
    [NaN, 1],
    [1, NaN],
  ])('refuses a shape that never issues a token: %p, %p', (capacity, refillPerSecond) => {
    expect(() => createBucket({ capacity, refillPerSecond }, START)).toThrow(RangeError);
  });
});

describe('learn', () => {
  it('lowers the content', () => {
    expect(learn(createBucket(shape, START), 1, START).tokens).toBe(1);
  });

  it('does not raise the content', () => {
    expect(learn(createBucket(shape, START, 1), 50, START).tokens).toBe(1);
  });

  it('treats a negative number as 0', () => {
    expect(learn(createBucket(shape, START), -8, START).tokens).toBe(0);
  });
});

describe('reshape', () => {
  it('keeps the content and the refill at the old rate', () => {
    const bucket = createBucket({ capacity: 10, refillPerSecond: 1 }, START, 2);
    const wider = { capacity: 20, refillPerSecond: 100 };
    expect(reshape(bucket, wider, START + 3_000)).toMatchObject({ ...wider, tokens: 5 });
  });

  it('drops tokens beyond the new capacity', () => {
    expect(
      reshape(createBucket(shape, START), { capacity: 1, refillPerSecond: 1 }, START),
    ).toMatchObject({ tokens: 1 });
  });
});

const shapes = fc.record({
  capacity: fc.double({ min: 1, max: 100, noNaN: true }),
  refillPerSecond: fc.double({ min: 0.01, max: 100, noNaN: true }),
});

describe('whatever happens', () => {
  it('issues at most capacity + refill · t in every interval', () => {
    const steps = fc.array(fc.integer({ min: 0, max: 3_000 }), { maxLength: 60 });
    fc.assert(
      fc.property(shapes, steps, (given, waits) => {
        let bucket = createBucket(given, START);
        let nowMs = START;
        const handedOut: { atMs: number; count: number }[] = [];
        for (const wait of waits) {
          nowMs += wait;
          const drained = drain(bucket, nowMs);
          bucket = drained.bucket;
          handedOut.push({ atMs: nowMs, count: drained.count });
        }
        handedOut.forEach((first, from) => {
          let sum = 0;
          for (const { atMs, count } of handedOut.slice(from)) {
            sum += count;
            const seconds = (atMs - first.atMs) / 1000;
            const most = given.capacity + given.refillPerSecond * seconds;
            expect(sum).toBeLessThanOrEqual(most + 1e-6);
          }
        });
      }),
    );
  });

  it('has the same content however often it was updated in between', () => {
    const readTimes = fc.array(fc.integer({ min: 0, max: 10_000 }), { maxLength: 20 });
    fc.assert(
      fc.property(shapes, readTimes, (given, atMs) => {
        const empty = createBucket(given, START, 0);
        const refilledOften = [...atMs]
          .sort((a, b) => a - b)
          .reduce((bucket, ms) => refill(bucket, START + ms), empty);
        const once = refill(empty, START + 10_000);
        expect(refill(refilledOften, START + 10_000).tokens).toBeCloseTo(once.tokens, 6);
      }),
    );
  });

  it('has the same content in whichever order it learns what is left', () => {
    const hints = fc.array(fc.integer({ min: -5, max: 120 }), { maxLength: 10 });
    fc.assert(
      fc.property(shapes, hints, (given, remaining) => {
        const learnAll = (hinted: readonly number[]) =>
          hinted.reduce((b, each) => learn(b, each, START), createBucket(given, START));
        expect(learnAll(remaining)).toEqual(learnAll([...remaining].reverse()));
      }),
    );
  });

  it('has a token after the returned wait, and none 2 ms earlier', () => {
    fc.assert(
      fc.property(
        shapes,
        fc.double({ min: 0, max: 0.99, noNaN: true }),
        (given, held) => {
          const bucket = createBucket(given, START, held);
          const ms = waitMs(bucket, START);
          // Rounding may require another check a millisecond later.
          expect(take(bucket, START + ms + 1).taken).toBe(true);
          if (ms > 2) expect(take(bucket, START + ms - 2).taken).toBe(false);
        },
      ),
    );
  });
});
