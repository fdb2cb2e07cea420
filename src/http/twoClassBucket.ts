/**
 * One token bucket of which reads may use everything and discovery a share, as a value. Pure;
 * time is handed in. Must not wait.
 */

import {
  BucketShape,
  createBucket,
  learn,
  refill,
  reshape,
  take,
  TokenBucket,
  waitMs,
} from './tokenBucket';
import { RequestClass } from './types';

/** Size and refill of all of it, and of what discovery may use of it. */
export interface TwoClassShape {
  readonly all: BucketShape;
  readonly discovery: BucketShape;
}

/** Requests of each class, or the tokens for them. */
export type RequestCounts = Readonly<Record<RequestClass, number>>;

/** The bucket at a moment: discovery takes from both, reads from `all` only. */
export interface TwoClassBucket {
  readonly all: TokenBucket;
  readonly discovery: TokenBucket;
}

/**
 * While reads wait, a request of discovery costs so many tokens of its share: it goes on at
 * a quarter of its pace, and the rest is for those who wait.
 */
const DISCOVERY_COST_WHILE_READS_WAIT = 4;

/** One of several equal parts of it, which hands out a token at a time at least. */
export function partOf({ all, discovery }: TwoClassShape, parts: number): TwoClassShape {
  const part = ({ capacity, refillPerSecond }: BucketShape): BucketShape => ({
    capacity: Math.max(1, capacity / parts),
    refillPerSecond: refillPerSecond / parts,
  });
  return { all: part(all), discovery: part(discovery) };
}

/** Creates a full one. */
export function createTwoClassBucket(
  shape: TwoClassShape,
  nowMs: number,
): TwoClassBucket {
  return {
    all: createBucket(shape.all, nowMs),
    discovery: createBucket(shape.discovery, nowMs),
  };
}

/**
 * How long until a class has something left of its share, whole milliseconds: the share of
 * reads is everything.
 */
export function shareWaitMs(
  { discovery }: TwoClassBucket,
  requestClass: RequestClass,
  nowMs: number,
): number {
  return requestClass === 'read' ? 0 : waitMs(discovery, nowMs);
}

/** How long until a request of this class may go, whole milliseconds; 0 when it may now. */
export function waitMsOf(
  bucket: TwoClassBucket,
  requestClass: RequestClass,
  nowMs: number,
): number {
  const forShareMs = shareWaitMs(bucket, requestClass, nowMs);
  return Math.max(waitMs(bucket.all, nowMs), forShareMs);
}

/**
 * Takes a token for a request, if there is one.
 *
 * @param readsWait - whether reads are held back at this moment
 */
export function takeOf(
  bucket: TwoClassBucket,
  requestClass: RequestClass,
  { nowMs, readsWait }: { readonly nowMs: number; readonly readsWait: boolean },
): { readonly taken: boolean; readonly bucket: TwoClassBucket } {
  if (waitMsOf(bucket, requestClass, nowMs) > 0) return { taken: false, bucket };
  const all = take(bucket.all, nowMs).bucket;
  if (requestClass === 'read') return { taken: true, bucket: { ...bucket, all } };
  const cost = readsWait ? DISCOVERY_COST_WHILE_READS_WAIT : 1;
  return {
    taken: true,
    bucket: { all, discovery: take(bucket.discovery, nowMs, cost).bucket },
  };
}

/** What each class has taken and was not filled in again, in tokens. */
export function missingFrom(
  { all, discovery }: TwoClassBucket,
  nowMs: number,
): RequestCounts {
  const missing = (bucket: TokenBucket) =>
    bucket.capacity - Math.max(0, refill(bucket, nowMs).tokens);
  const ofDiscovery = Math.min(missing(discovery), missing(all));
  return { read: missing(all) - ofDiscovery, discovery: ofDiscovery };
}

/** Takes over what the server says is left, see `learn` of a single bucket. */
export function learnOf(
  { all, discovery }: TwoClassBucket,
  remaining: number,
  nowMs: number,
): TwoClassBucket {
  return {
    all: learn(all, remaining, nowMs),
    discovery: learn(discovery, remaining, nowMs),
  };
}

/** Takes out what was sent before, or by others, without asking the bucket; never below 0. */
export function deduct(
  { all, discovery }: TwoClassBucket,
  sent: RequestCounts,
  nowMs: number,
): TwoClassBucket {
  const without = (bucket: TokenBucket, count: number) =>
    learn(bucket, refill(bucket, nowMs).tokens - count, nowMs);
  return {
    all: without(all, sent.read + sent.discovery),
    discovery: without(discovery, sent.discovery),
  };
}

/** Gives it another shape from now on; what is in it stays, up to the new size. */
export function reshapeOf(
  bucket: TwoClassBucket,
  shape: TwoClassShape,
  nowMs: number,
): TwoClassBucket {
  return {
    all: reshape(bucket.all, shape.all, nowMs),
    discovery: reshape(bucket.discovery, shape.discovery, nowMs),
  };
}
