/**
 * Reads the rate limit headers of an answer. Pure; must not depend on any of them being
 * there. Called by the limiter for every answer.
 */

import { parseRetryAfter } from './retryAfter';

/** What an answer's headers tell about the bucket at the server; all of it optional. */
export interface RateLimitHint {
  /** Capacity of the bucket in tokens, 0 or more. */
  readonly limit?: number;
  /** Tokens left, 0 or more. */
  readonly remaining?: number;
  /** Tokens added per {@link intervalSeconds}, 0 or more. */
  readonly fillRate?: number;
  /** Seconds, more than 0. */
  readonly intervalSeconds?: number;
  /** Milliseconds, 0 or more. */
  readonly retryAfterMs?: number;
}

/** The part of `Headers` that is needed, so that tests and other clients fit. */
export interface ReadableHeaders {
  get(name: string): string | null;
}

function readNumber(headers: ReadableHeaders, name: string): number | undefined {
  const text = headers.get(name)?.trim() ?? '';
  if (!/^\d+(\.\d+)?$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

/**
 * Reads `X-RateLimit-*` and `Retry-After`; each unreadable header counts as absent.
 *
 * @remarks Bitbucket Data Center documents none of the `X-RateLimit-*` headers, and none
 * were seen on recorded answers up to 7.11. The names are those of the library
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
    // A refill in no time tells nothing.
    intervalSeconds: readNumber(headers, 'X-RateLimit-Interval-Seconds') || undefined,
    retryAfterMs: parseRetryAfter(headers.get('Retry-After'), nowMs),
  };
}
