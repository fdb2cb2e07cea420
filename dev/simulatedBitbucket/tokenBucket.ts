/**
 * Bitbucket's rate limit: a token bucket per user, refilled over time. `handle.ts` takes one
 * token per authenticated request.
 */

/** The server's rate limit setting, and how much of it clients see. */
export interface RateLimitOptions {
  /** Tokens a full bucket holds. */
  capacity: number;
  /** Tokens added each second. */
  fillRate: number;
  /**
   * Send `X-RateLimit-*` on every authenticated answer. Default `false`: Bitbucket below
   * 11 is not known to send them.
   */
  headers?: boolean;
  /** Users may read the settings. Default `true`. */
  settingsReadable?: boolean;
  /** Send `Retry-After` (whole seconds) with a 429. Default `true`. */
  retryAfter?: boolean;
  /** Separate settings for single users, by name. */
  users?: Readonly<Record<string, { capacity: number; fillRate: number }>>;
}

/** One user's bucket. */
export class TokenBucket {
  #tokens: number;
  #filledAt: number;

  /**
   * @param capacity - tokens a full bucket holds; it starts full
   * @param fillRate - tokens per second
   * @param now - current time, epoch milliseconds
   */
  constructor(
    readonly capacity: number,
    readonly fillRate: number,
    now: number,
  ) {
    this.#tokens = capacity;
    this.#filledAt = now;
  }

  /** Takes a token; returns `false` when no whole token is left. */
  take(now: number, count = 1): boolean {
    this.#fill(now);
    if (this.#tokens < count) {
      return false;
    }
    this.#tokens -= count;
    return true;
  }

  /** Whole tokens left. */
  remaining(now: number): number {
    this.#fill(now);
    return Math.floor(this.#tokens);
  }

  /** Whole seconds until the next token, 1 or more; 0 when one is available. */
  secondsUntilToken(now: number): number {
    this.#fill(now);
    return this.#tokens >= 1
      ? 0
      : Math.max(1, Math.ceil((1 - this.#tokens) / this.fillRate));
  }

  #fill(now: number): void {
    const seconds = Math.max(0, now - this.#filledAt) / 1000;
    // Rounded, so that a token is due after exactly 1 / fillRate seconds.
    const filled = Math.round((this.#tokens + seconds * this.fillRate) * 1e9) / 1e9;
    this.#tokens = Math.min(this.capacity, filled);
    this.#filledAt = Math.max(now, this.#filledAt);
  }
}
