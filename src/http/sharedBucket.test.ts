/** The bucket that replicas share, as a value. */

import fc from 'fast-check';
import {
  grantTokens,
  pauseAll,
  planBatch,
  SharedBucket,
  TokenRequest,
} from './sharedBucket';
import { RequestClass } from './types';

const SHAPE = {
  all: { capacity: 10, refillPerSecond: 5 },
  discovery: { capacity: 5, refillPerSecond: 4 },
};
const NOTHING = { read: 0, discovery: 0 };

const createRequest = (request: Partial<TokenRequest> = {}): TokenRequest => ({
  shape: SHAPE,
  replicaId: 'a',
  requestClass: 'read',
  count: 1,
  sent: NOTHING,
  ...request,
});

/** A database with one bucket, and a clock. */
function createBucket() {
  let kept: SharedBucket | undefined;
  return {
    take(nowMs: number, request?: Partial<TokenRequest>) {
      const result = grantTokens(kept, createRequest(request), nowMs);
      kept = result.kept;
      return result.grant;
    },
    pause(nowMs: number, ms: number) {
      kept = pauseAll(kept, { shape: SHAPE, ms }, nowMs);
    },
  };
}

it('a shared bucket starts full, and grants the available tokens up to the requested number', () => {
  const bucket = createBucket();
  expect(bucket.take(0, { count: 4 })).toMatchObject({ tokens: 4, left: 6, waitMs: 0 });
  expect(bucket.take(0, { count: 9, replicaId: 'b' })).toMatchObject({ tokens: 6 });
  expect(bucket.take(0)).toEqual({
    tokens: 0,
    waitMs: 200,
    pausedMs: 0,
    left: 0,
    replicas: 2,
  });
  expect(bucket.take(1_000, { count: 9 }).tokens).toBe(5);
});

it('a shared bucket leaves everything beyond the share of discovery to reads', () => {
  const bucket = createBucket();
  expect(bucket.take(0, { requestClass: 'discovery', count: 9 }).tokens).toBe(5);
  expect(bucket.take(0, { count: 9, replicaId: 'b' }).tokens).toBe(5);
});

it('a shared bucket slows discovery on one replica only while reads wait on another', () => {
  const bucket = createBucket();
  bucket.take(0, { count: 20 });
  expect(bucket.take(1_000, { replicaId: 'b', requestClass: 'discovery' }).tokens).toBe(
    1,
  );
  const discovery = { replicaId: 'b', requestClass: 'discovery', count: 20 } as const;
  bucket.take(9_000, { count: 20 });
  expect(bucket.take(9_900, discovery).tokens).toBe(2);
  expect(bucket.take(20_000, discovery).tokens).toBe(5);
});

it.each([
  ['discovery got less than it wanted', 'discovery', 20, 3],
  ['reads got all that they wanted', 'read', 1, 5],
] as const)(
  'a shared bucket does not slow discovery after %s',
  (_, requestClass, count, tokens) => {
    const bucket = createBucket();
    bucket.take(0, { requestClass, count });
    const discovery = { requestClass: 'discovery', count: 20 } as const;
    // Before the time is over for which waiting reads would slow it.
    expect(bucket.take(900, discovery).tokens).toBe(tokens);
  },
);

it('a shared bucket deducts the requests that a replica has sent without tokens', () => {
  const bucket = createBucket();
  expect(bucket.take(0, { count: 10, sent: { read: 3, discovery: 4 } }).tokens).toBe(3);
});

it('a shared bucket grants no tokens in a pause, and drops those from before it', () => {
  const bucket = createBucket();
  bucket.pause(0, 3_000);
  bucket.pause(0, 1_000);
  expect(bucket.take(2_999.5)).toMatchObject({ tokens: 0, pausedMs: 1 });
  expect(bucket.take(3_000, { count: 99 }).tokens).toBe(10);
});

it('a shared bucket continues when the clock of the database is set back by an hour', () => {
  const bucket = createBucket();
  bucket.take(3_600_000, { count: 10 });
  bucket.pause(3_600_000, 2_000);
  expect(bucket.take(0).pausedMs).toBeLessThanOrEqual(60_000);
  expect(bucket.take(61_000).tokens).toBe(1);
});

it('a shared bucket forgets a replica that no longer requests tokens', () => {
  const bucket = createBucket();
  const startMs = 1e9;
  bucket.take(startMs);
  expect(bucket.take(startMs + 30_000, { replicaId: 'b' }).replicas).toBe(2);
  expect(bucket.take(startMs + 61_000, { replicaId: 'b' }).replicas).toBe(1);
});

describe('planBatch', () => {
  it.each([
    [1, 'read', 1],
    [9, 'read', 2],
    [9, 'discovery', 2],
    [2, 'read', 2],
  ] as const)('for %d waiting (%s) requests %d', (waiting, requestClass, count) => {
    expect(planBatch(waiting, requestClass, SHAPE)).toBe(count);
  });

  it.each([
    ['read', 10],
    ['discovery', 3],
  ] as const)(
    'requests what is refilled for %s in half a second',
    (requestClass, count) => {
      const all = { capacity: 100, refillPerSecond: 20 };
      const shape = { all, discovery: { capacity: 100, refillPerSecond: 7 } };
      expect(planBatch(99, requestClass, shape)).toBe(count);
    },
  );

  it('requests one at the lowest rate', () => {
    const slow = { capacity: 1, refillPerSecond: 0.1 };
    expect(planBatch(9, 'read', { all: slow, discovery: slow })).toBe(1);
  });
});

it('a shared bucket never grants all replicas together more than the refill, discovery more than its share, or anything in a pause', () => {
  const step = fc.record({
    afterMs: fc.nat(2_000),
    replicaId: fc.constantFrom('a', 'b', 'c'),
    requestClass: fc.constantFrom<RequestClass>('read', 'discovery'),
    count: fc.integer({ min: 1, max: 12 }),
    sent: fc.record({ read: fc.nat(2), discovery: fc.nat(2) }),
    pauseMs: fc.option(fc.integer({ min: 1, max: 3_000 }), { freq: 8 }),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), steps => {
      const bucket = createBucket();
      let nowMs = 0;
      let pausedUntilMs = 0;
      const given = { read: 0, discovery: 0 };
      for (const { afterMs, pauseMs, ...request } of steps) {
        nowMs += afterMs;
        if (pauseMs !== null) {
          bucket.pause(nowMs, pauseMs);
          pausedUntilMs = Math.max(pausedUntilMs, nowMs + pauseMs);
        }
        const { tokens } = bucket.take(nowMs, request);
        if (nowMs < pausedUntilMs) expect(tokens).toBe(0);
        given[request.requestClass] += tokens;
        const seconds = nowMs / 1000;
        expect(given.read + given.discovery).toBeLessThanOrEqual(10 + 5 * seconds + 1e-6);
        expect(given.discovery).toBeLessThanOrEqual(5 + 4 * seconds + 1e-6);
      }
    }),
  );
});
