/**
 * A token bucket as a value: every function returns a new one. Pure; the time is passed in, from
 * `Clock.monotonicMs`. Must not wait: `waitMs` returns how long to wait, and the limiter waits.
 *
 * Source of the model: "Improving instance stability with rate limiting", Bitbucket Data
 * Center 8.13 (https://confluence.atlassian.com/bitbucketserver0813/improving-instance-stability-with-rate-limiting-1283691032.html)
 */

/** Size and refill of a bucket. */
export interface BucketShape {
  /** Maximum number of tokens, 1 or more; may be a fraction. */
  readonly capacity: number;
  /** Tokens per second, more than 0. */
  readonly refillPerSecond: number;
}

/** A bucket at a moment. */
export interface TokenBucket extends BucketShape {
  /** Tokens at {@link asOfMs}, up to the capacity; negative if one cost more than there was. */
  readonly tokens: number;
  readonly asOfMs: number;
}

/**
 * Creates a bucket.
 *
 * @param shape - its size and refill
 * @param nowMs - milliseconds
 * @param tokens - its content, limited to 0 … capacity; full when left out
 * @throws RangeError when a bucket of this shape could never issue a token
 */
export function createBucket(
  shape: BucketShape,
  nowMs: number,
  tokens: number = shape.capacity,
): TokenBucket {
  assertIssuesTokens(shape);
  const { capacity, refillPerSecond } = shape;
  const content = Math.min(Math.max(tokens, 0), capacity);
  return { capacity, refillPerSecond, tokens: content, asOfMs: nowMs };
}

function assertIssuesTokens({ capacity, refillPerSecond }: BucketShape): void {
  if (!(capacity >= 1) || !(refillPerSecond > 0)) {
    throw new RangeError(
      `a bucket of ${capacity} tokens and ${refillPerSecond} per second never issues one`,
    );
  }
}

/** Adds the refill since the bucket was last updated. */
export function refill(bucket: TokenBucket, nowMs: number): TokenBucket {
  const elapsedMs = nowMs - bucket.asOfMs;
  const tokens = bucket.tokens + (elapsedMs / 1000) * bucket.refillPerSecond;
  return { ...bucket, tokens: Math.min(tokens, bucket.capacity), asOfMs: nowMs };
}

/**
 * Takes a token if there is a whole one; either way the returned bucket is up to date.
 *
 * @param cost - tokens taken for it, 1 or more; the content may become negative
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
 * Returns the time until a token can be taken.
 *
 * @returns whole milliseconds, rounded up; 0 when there is one
 */
export function waitMs(bucket: TokenBucket, nowMs: number): number {
  const current = refill(bucket, nowMs);
  if (current.tokens >= 1) return 0;
  return Math.max(1, Math.ceil(((1 - current.tokens) / current.refillPerSecond) * 1000));
}

/**
 * Lowers the content to what the server says is left; never raises it, since other clients that
 * share the budget may be about to use the rest.
 *
 * @param remaining - tokens; a negative number counts as 0
 */
export function learn(
  bucket: TokenBucket,
  remaining: number,
  nowMs: number,
): TokenBucket {
  const current = refill(bucket, nowMs);
  return { ...current, tokens: Math.min(current.tokens, Math.max(0, remaining)) };
}

/** Changes size and refill from now on; the content stays, up to the new size. */
export function reshape(
  bucket: TokenBucket,
  shape: BucketShape,
  nowMs: number,
): TokenBucket {
  assertIssuesTokens(shape);
  const { capacity, refillPerSecond } = shape;
  const current = refill(bucket, nowMs);
  const tokens = Math.min(current.tokens, capacity);
  return { ...current, capacity, refillPerSecond, tokens };
}
