/**
 * A token bucket of which reads may use everything and discovery a share, as a value. Pure; the
 * time is passed in. Must not wait.
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

/** Size and refill of the whole bucket, and of the share that discovery may use. */
export interface TwoClassShape {
  readonly all: BucketShape;
  readonly discovery: BucketShape;
}

/** Number of requests of each class, or of the tokens for them. */
export type RequestCounts = Readonly<Record<RequestClass, number>>;

/** The bucket at a moment: discovery takes from both buckets, reads from `all` only. */
export interface TwoClassBucket {
  readonly all: TokenBucket;
  readonly discovery: TokenBucket;
}

/**
 * While reads wait, a request of discovery costs this many tokens of its share: discovery
 * continues at a quarter of its pace, and the rest is left to the reads.
 */
const DISCOVERY_COST_WHILE_READS_WAIT = 4;

/** Divides a shape into equal parts and returns one; it holds at least one token. */
export function divideShape(
  { all, discovery }: TwoClassShape,
  parts: number,
): TwoClassShape {
  const part = ({ capacity, refillPerSecond }: BucketShape): BucketShape => ({
    capacity: Math.max(1, capacity / parts),
    refillPerSecond: refillPerSecond / parts,
  });
  return { all: part(all), discovery: part(discovery) };
}

/** Creates a full bucket. */
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
 * Returns the time until a class has some of its share left, whole milliseconds. The share of
 * reads is the whole bucket, so that they never wait here.
 */
export function getShareWaitMs(
  { discovery }: TwoClassBucket,
  requestClass: RequestClass,
  nowMs: number,
): number {
  return requestClass === 'read' ? 0 : waitMs(discovery, nowMs);
}

/** Returns the time until a request of this class may go, whole milliseconds; 0 for now. */
export function getWaitMs(
  bucket: TwoClassBucket,
  requestClass: RequestClass,
  nowMs: number,
): number {
  const forShareMs = getShareWaitMs(bucket, requestClass, nowMs);
  return Math.max(waitMs(bucket.all, nowMs), forShareMs);
}

/**
 * Takes a token for a request, if there is one.
 *
 * @param readsWait - whether reads are held back at this moment
 */
export function takeToken(
  bucket: TwoClassBucket,
  requestClass: RequestClass,
  { nowMs, readsWait }: { readonly nowMs: number; readonly readsWait: boolean },
): { readonly taken: boolean; readonly bucket: TwoClassBucket } {
  if (getWaitMs(bucket, requestClass, nowMs) > 0) return { taken: false, bucket };
  const all = take(bucket.all, nowMs).bucket;
  if (requestClass === 'read') return { taken: true, bucket: { ...bucket, all } };
  const cost = readsWait ? DISCOVERY_COST_WHILE_READS_WAIT : 1;
  return {
    taken: true,
    bucket: { all, discovery: take(bucket.discovery, nowMs, cost).bucket },
  };
}

/** Returns the tokens that each class has taken and that are not refilled yet. */
export function missingFrom(
  { all, discovery }: TwoClassBucket,
  nowMs: number,
): RequestCounts {
  const missing = (bucket: TokenBucket) =>
    bucket.capacity - Math.max(0, refill(bucket, nowMs).tokens);
  const ofDiscovery = Math.min(missing(discovery), missing(all));
  return { read: missing(all) - ofDiscovery, discovery: ofDiscovery };
}

/** Lowers the content to what the server says is left; see `learn` of a single bucket. */
export function learnRemaining(
  { all, discovery }: TwoClassBucket,
  remaining: number,
  nowMs: number,
): TwoClassBucket {
  return {
    all: learn(all, remaining, nowMs),
    discovery: learn(discovery, remaining, nowMs),
  };
}

/** Deducts requests that were sent without a token from this bucket; never below 0. */
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

/** Changes the shape from now on; the content stays, up to the new size. */
export function reshapeShares(
  bucket: TwoClassBucket,
  shape: TwoClassShape,
  nowMs: number,
): TwoClassBucket {
  return {
    all: reshape(bucket.all, shape.all, nowMs),
    discovery: reshape(bucket.discovery, shape.discovery, nowMs),
  };
}
