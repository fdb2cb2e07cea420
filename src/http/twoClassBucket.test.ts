/** One bucket for reads and discovery, as a value. */

import fc from 'fast-check';
import {
  createTwoClassBucket,
  deduct,
  learnRemaining,
  missingFrom,
  reshapeShares,
  takeToken,
  TwoClassBucket,
  getWaitMs,
} from './twoClassBucket';
import { RequestClass } from './types';

const SHAPE = {
  all: { capacity: 10, refillPerSecond: 5 },
  discovery: { capacity: 5, refillPerSecond: 4 },
};

/** Takes tokens for `count` requests at the same time, and returns how many were taken. */
function takeMany(
  bucket: TwoClassBucket,
  requestClass: RequestClass,
  count: number,
  { nowMs = 0, readsWait = false } = {},
) {
  let current = bucket;
  let taken = 0;
  for (let index = 0; index < count; index += 1) {
    const result = takeToken(current, requestClass, { nowMs, readsWait });
    current = result.bucket;
    taken += result.taken ? 1 : 0;
  }
  return { bucket: current, taken };
}

it('the bucket lets reads use all of it', () => {
  const { bucket, taken } = takeMany(createTwoClassBucket(SHAPE, 0), 'read', 20);
  expect(taken).toBe(10);
  expect(getWaitMs(bucket, 'read', 0)).toBe(200);
});

it('the bucket lets discovery use its share, and reads the rest', () => {
  const full = createTwoClassBucket(SHAPE, 0);
  const runs = takeMany(full, 'discovery', 20);
  expect(runs.taken).toBe(5);
  expect(getWaitMs(runs.bucket, 'discovery', 0)).toBe(250);
  expect(takeMany(runs.bucket, 'read', 20).taken).toBe(5);
});

it('the bucket lets discovery use nothing of its share if reads have used up everything', () => {
  const { bucket } = takeMany(createTwoClassBucket(SHAPE, 0), 'read', 10);
  expect(takeMany(bucket, 'discovery', 1).taken).toBe(0);
  expect(getWaitMs(bucket, 'discovery', 0)).toBe(200);
});

it('the bucket takes four tokens of the share for a request of discovery while reads wait', () => {
  const full = createTwoClassBucket(SHAPE, 0);
  const { bucket, taken } = takeMany(full, 'discovery', 20, { readsWait: true });
  // The second one makes the share negative.
  expect(taken).toBe(2);
  expect(getWaitMs(bucket, 'discovery', 0)).toBe(1_000);
  expect(takeMany(bucket, 'read', 20).taken).toBe(8);
});

it('the bucket stays negative when its shape changes', () => {
  const full = createTwoClassBucket(SHAPE, 0);
  const { bucket } = takeMany(full, 'discovery', 2, { readsWait: true });
  expect(getWaitMs(reshapeShares(bucket, SHAPE, 0), 'discovery', 0)).toBe(1_000);
});

it('the bucket is empty for both classes when the server says that nothing is left', () => {
  const bucket = learnRemaining(createTwoClassBucket(SHAPE, 0), 0, 0);
  expect(getWaitMs(bucket, 'read', 0)).toBe(200);
  expect(getWaitMs(bucket, 'discovery', 0)).toBe(250);
});

it('the bucket deducts requests that were sent without tokens, from the share of their class', () => {
  const bucket = deduct(createTwoClassBucket(SHAPE, 0), { read: 3, discovery: 2 }, 0);
  expect(takeMany(bucket, 'read', 20).taken).toBe(5);
  expect(takeMany(bucket, 'discovery', 20).taken).toBe(3);
});

it('the bucket does not become negative by a deduction', () => {
  const bucket = deduct(createTwoClassBucket(SHAPE, 0), { read: 99, discovery: 99 }, 0);
  expect(getWaitMs(bucket, 'read', 0)).toBe(200);
});

it('the bucket knows how many tokens each class has taken that are not refilled yet', () => {
  const full = createTwoClassBucket(SHAPE, 0);
  const { bucket } = takeMany(takeMany(full, 'discovery', 4).bucket, 'read', 3);
  expect(missingFrom(bucket, 0)).toEqual({ read: 3, discovery: 4 });
  expect(missingFrom(bucket, 500)).toEqual({ read: 2.5, discovery: 2 });
  expect(missingFrom(bucket, 5_000)).toEqual({ read: 0, discovery: 0 });
});

it('the bucket never issues more than its capacity and refill, nor more than its share to discovery', () => {
  const steps = fc.array(
    fc.record({
      afterMs: fc.nat(3_000),
      requestClass: fc.constantFrom<RequestClass>('read', 'discovery'),
      count: fc.nat(15),
      readsWait: fc.boolean(),
    }),
    { minLength: 1, maxLength: 40 },
  );
  fc.assert(
    fc.property(steps, plan => {
      let bucket = createTwoClassBucket(SHAPE, 0);
      let nowMs = 0;
      const given = { read: 0, discovery: 0 };
      for (const { afterMs, count, readsWait, requestClass } of plan) {
        nowMs += afterMs;
        const result = takeMany(bucket, requestClass, count, { nowMs, readsWait });
        bucket = result.bucket;
        given[requestClass] += result.taken;
        const seconds = nowMs / 1000;
        expect(given.read + given.discovery).toBeLessThanOrEqual(10 + 5 * seconds + 1e-6);
        expect(given.discovery).toBeLessThanOrEqual(5 + 4 * seconds + 1e-6);
      }
    }),
  );
});
