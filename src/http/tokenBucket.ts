/**
 * A token bucket as a value: every function returns a new one. Pure; time is handed in.
 * Must not wait: how long to wait is an answer (`waitMs`), the waiting is the limiter's.
 * Times are those of `Clock.monotonicMs`.
 *
 * Source of the model: "Improving instance stability with rate limiting", Bitbucket Data
 * Center 8.13 (https://confluence.atlassian.com/bitbucketserver0813/improving-instance-stability-with-rate-limiting-1283691032.html)
 */

/** Size and refill of a bucket. */
export interface BucketShape {
  /** Most tokens it can hold, 1 or more; fractions count. */
  readonly capacity: number;
  /** Tokens per second, more than 0. */
  readonly refillPerSecond: number;
}

/** A bucket at a moment. */
export interface TokenBucket extends BucketShape {
  /** Tokens at {@link asOfMs}, up to capacity; below 0 where one cost more than was there. */
  readonly tokens: number;
  readonly asOfMs: number;
}

/**
 * Creates a bucket.
 *
 * @param shape - its size and refill
 * @param nowMs - milliseconds
 * @param tokens - what is in it, cut to 0 … capacity; full when left out
 * @throws RangeError when the shape could never hand out a token
 */
export function createBucket(
  shape: BucketShape,
  nowMs: number,
  tokens: number = shape.capacity,
): TokenBucket {
  assertHandsOutTokens(shape);
  const { capacity, refillPerSecond } = shape;
  const held = Math.min(Math.max(tokens, 0), capacity);
  return { capacity, refillPerSecond, tokens: held, asOfMs: nowMs };
}

function assertHandsOutTokens({ capacity, refillPerSecond }: BucketShape): void {
  if (!(capacity >= 1) || !(refillPerSecond > 0)) {
    throw new RangeError(
      `a bucket of ${capacity} tokens and ${refillPerSecond} per second never hands out one`,
    );
  }
}

/** Adds what has dripped in since. */
export function refill(bucket: TokenBucket, nowMs: number): TokenBucket {
  const elapsedMs = nowMs - bucket.asOfMs;
  const tokens = bucket.tokens + (elapsedMs / 1000) * bucket.refillPerSecond;
  return { ...bucket, tokens: Math.min(tokens, bucket.capacity), asOfMs: nowMs };
}

/**
 * Takes a token if there is a whole one; either way the bucket is brought up to date.
 *
 * @param cost - what is taken for it, 1 or more; the bucket may owe the rest
 */
export function take(
  bucket: TokenBucket,
  nowMs: number,
  cost: number = 1,
): { readonly taken: boolean; readonly bucket: TokenBucket } {
  const current = refill(bucket, nowMs);
  return current.tokens >= 1
    ? { taken: true, bucket: { ...current, tokens: current.tokens - cost } }
    : { taken: false, bucket: current };
}

/**
 * How long until a token can be taken.
 *
 * @returns whole milliseconds, rounded up; 0 when one is there
 */
export function waitMs(bucket: TokenBucket, nowMs: number): number {
  const current = refill(bucket, nowMs);
  if (current.tokens >= 1) return 0;
  return Math.max(1, Math.ceil(((1 - current.tokens) / current.refillPerSecond) * 1000));
}

/**
 * Takes over what the server says is left; only ever downwards, since others who share
 * the budget may be about to use the rest.
 *
 * @param remaining - tokens, below 0 counts as 0
 */
export function learn(
  bucket: TokenBucket,
  remaining: number,
  nowMs: number,
): TokenBucket {
  const current = refill(bucket, nowMs);
  return { ...current, tokens: Math.min(current.tokens, Math.max(0, remaining)) };
}

/** Gives a bucket another size and refill from now on; what is in it stays, up to the new size. */
export function reshape(
  bucket: TokenBucket,
  shape: BucketShape,
  nowMs: number,
): TokenBucket {
  assertHandsOutTokens(shape);
  const { capacity, refillPerSecond } = shape;
  const current = refill(bucket, nowMs);
  const tokens = Math.min(current.tokens, capacity);
  return { ...current, capacity, refillPerSecond, tokens };
}
