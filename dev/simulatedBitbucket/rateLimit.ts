/**
 * Applies the rate limit to requests: a bucket per user, the 429 and the headers.
 * `handle.ts` calls it once per authenticated request.
 */
import { type RateLimitOptions, TokenBucket } from './tokenBucket';
import type { SimulatedUser } from './users';

/** The decision of the limit about one request. */
export interface RateLimitVerdict {
  readonly allowed: boolean;
  readonly headers: Readonly<Record<string, string>>;
}

/** Body of a 429, in the shape of Atlassian's rate-limiting library. */
export const RATE_LIMITED_BODY = JSON.stringify({ message: 'Rate limit exceeded.' });

/** The rate limit of the simulated server. */
export class SimulatedRateLimit {
  /** Requests refused so far. */
  refused = 0;
  #options?: RateLimitOptions;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(options?: RateLimitOptions) {
    this.#options = options;
  }

  /** The setting in force; `undefined` when requests are not limited. */
  get options(): RateLimitOptions | undefined {
    return this.#options;
  }

  /** Changes the limit and fills every bucket. */
  configure(options: RateLimitOptions | undefined): void {
    this.#options = options;
    this.#buckets.clear();
  }

  /**
   * Takes a token for one request.
   *
   * @param now - epoch milliseconds
   */
  admit(user: SimulatedUser, now: number): RateLimitVerdict {
    const options = this.#options;
    if (!options || user.whitelisted) {
      return { allowed: true, headers: {} };
    }
    const bucket = this.#getBucket(user, options, now);
    const allowed = bucket.take(now);
    if (!allowed) {
      this.refused += 1;
    }
    return { allowed, headers: toHeaders(bucket, options, allowed, now) };
  }

  /** Takes up to `count` tokens of a user, as the user's other clients would. */
  spend(user: SimulatedUser, count: number, now: number): void {
    if (this.#options) {
      const bucket = this.#getBucket(user, this.#options, now);
      bucket.take(now, Math.min(count, bucket.remaining(now)));
    }
  }

  #getBucket(user: SimulatedUser, options: RateLimitOptions, now: number): TokenBucket {
    const existing = this.#buckets.get(user.slug);
    if (existing) {
      return existing;
    }
    const { capacity, fillRate } = options.users?.[user.name] ?? options;
    const bucket = new TokenBucket(capacity, fillRate, now);
    this.#buckets.set(user.slug, bucket);
    return bucket;
  }
}

/** Spelling of the headers: Atlassian's shared rate-limiting library (Jira, Confluence). */
function toHeaders(
  bucket: TokenBucket,
  { headers = false, retryAfter = true }: RateLimitOptions,
  allowed: boolean,
  now: number,
): Record<string, string> {
  const seconds = bucket.secondsUntilToken(now);
  return {
    ...(headers && {
      'X-RateLimit-Limit': String(bucket.capacity),
      'X-RateLimit-Remaining': String(bucket.remaining(now)),
      'X-RateLimit-FillRate': String(bucket.fillRate),
      'X-RateLimit-Interval-Seconds': '1',
    }),
    ...(retryAfter && (!allowed || headers) && { 'Retry-After': String(seconds) }),
  };
}
