/**
 * Reads the rate limit headers of an answer. Pure; all of them may be missing. Called by the
 * transport, once for every answer.
 */

/** What the headers of an answer say about the server's bucket; everything is optional. */
export interface RateLimitHint {
  /** Capacity of the bucket in tokens, 0 or more. */
  readonly limit?: number;
  /** Tokens left, 0 or more. */
  readonly remaining?: number;
  /** Tokens added per {@link intervalSeconds}, 0 or more. */
  readonly fillRate?: number;
  /** Seconds, more than 0. */
  readonly intervalSeconds?: number;
  /** Milliseconds to wait, more than 0 and up to {@link MAX_RETRY_AFTER_MS}. */
  readonly retryAfterMs?: number;
}

/** The part of `Headers` that is needed here. */
export interface ReadableHeaders {
  get(name: string): string | null;
}

function readNumber(headers: ReadableHeaders, name: string): number | undefined {
  const text = headers.get(name)?.trim() ?? '';
  if (!/^\d+(\.\d+)?$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

/** A longer `Retry-After` is reduced to this, so that a run is not delayed for hours. */
const MAX_RETRY_AFTER_MS = 60_000;

/** Delay-seconds; the grammar does not allow fractions, but some proxies send them. */
const SECONDS = /^\d+(\.\d+)?$/;

/** All three date formats of HTTP begin with the name of a day. */
const STARTS_WITH_DAY = /^(mon|tue|wed|thu|fri|sat|sun)[a-z]*[ ,]/i;

/** The asctime format has no zone and means GMT; `Date.parse` would read it as local time. */
const HAS_ZONE = /(gmt|utc|z|[+-]\d{4})$/i;

/**
 * Parses `Retry-After`, the time that a server asks to wait.
 *
 * @remarks A value that is neither delay-seconds nor an HTTP date is ignored, so that the
 * caller's own backoff applies; so are 0 and a date in the past, since requests without a delay
 * are what led to the refusal.
 *
 * @param value - the raw header; `null` if there is none
 * @param nowMs - current time, epoch milliseconds
 * @returns milliseconds, more than 0 and up to {@link MAX_RETRY_AFTER_MS}; `undefined` when
 * the value is not usable
 *
 * Source: RFC 9110, section 10.2.3 (and 5.6.7 for dates). Bitbucket itself is known to
 * send seconds with a 429: https://github.com/jenkinsci/bitbucket-branch-source-plugin/pull/269
 */
function parseRetryAfter(value: string | null, nowMs: number): number | undefined {
  const text = value?.trim() ?? '';
  let ms = NaN;
  if (SECONDS.test(text)) {
    ms = Math.ceil(Number(text) * 1000);
  } else if (STARTS_WITH_DAY.test(text)) {
    ms = Date.parse(HAS_ZONE.test(text) ? text : `${text} GMT`) - nowMs;
  }
  return ms > 0 && ms < Infinity ? Math.min(ms, MAX_RETRY_AFTER_MS) : undefined;
}

/**
 * Reads `X-RateLimit-*` and `Retry-After`; a header that cannot be parsed counts as absent.
 *
 * @remarks Bitbucket Data Center does not document any `X-RateLimit-*` header, and recorded
 * answers up to 7.11 have none. The names are those of the library
 * `atlassian-ratelimiting`, which Jira and Confluence use and Bitbucket 11.0 bundles.
 *
 * @param headers - the answer's headers
 * @param nowMs - current time, epoch milliseconds
 *
 * Source: "Rate limiting HTTP headers", Confluence 8.7
 * (https://confluence.atlassian.com/conf87/_ratelimiting_httpheaders-1333822054.html)
 */
export function parseRateLimitHeaders(
  headers: ReadableHeaders,
  nowMs: number,
): RateLimitHint {
  return {
    limit: readNumber(headers, 'X-RateLimit-Limit'),
    remaining: readNumber(headers, 'X-RateLimit-Remaining'),
    fillRate: readNumber(headers, 'X-RateLimit-FillRate'),
    // An interval of 0 has no meaning.
    intervalSeconds: readNumber(headers, 'X-RateLimit-Interval-Seconds') || undefined,
    retryAfterMs: parseRetryAfter(headers.get('Retry-After'), nowMs),
  };
}

/**
 * Returns the name of the user as whom a request was authenticated.
 *
 * @returns `undefined` for an anonymous caller, and where a proxy has stripped the header
 *
 * Source: every recorded answer to an authenticated user has `X-AUSERNAME`, with the name
 * URL-encoded.
 */
export function readUserName(headers: ReadableHeaders): string | undefined {
  const value = headers.get('X-AUSERNAME') || undefined;
  try {
    return value && decodeURIComponent(value);
  } catch {
    return value;
  }
}
