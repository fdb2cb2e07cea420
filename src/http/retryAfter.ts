/**
 * Reads the header `Retry-After`. Pure; must not decide anything: how long a wait is
 * acceptable is up to `decideRetry` and the limiter, which call it.
 */

/** Delay-seconds; the grammar has no fractions, but some proxies send them. */
const SECONDS = /^\d+(\.\d+)?$/;

/** The three date forms of HTTP all begin with the name of a day. */
const STARTS_WITH_DAY = /^(mon|tue|wed|thu|fri|sat|sun)[a-z]*[ ,]/i;

/** asctime has no zone and means GMT, while `Date.parse` would read it as local time. */
const HAS_ZONE = /(gmt|utc|z|[+-]\d{4})$/i;

/**
 * Waiting time a server asked for.
 *
 * @remarks Anything that is neither delay-seconds nor an HTTP date is ignored, so that the
 * caller's own backoff applies. A date in the past means "now". No upper bound: callers cap.
 *
 * @param value - the raw header; `null` and `undefined` stand for its absence
 * @param nowMs - current time, epoch milliseconds
 * @returns milliseconds, 0 or more, or `undefined` when absent or unreadable
 *
 * Source: RFC 9110, section 10.2.3 (and 5.6.7 for dates). Bitbucket itself is known to
 * send seconds with a 429: https://github.com/jenkinsci/bitbucket-branch-source-plugin/pull/269
 */
export function parseRetryAfter(
  value: string | null | undefined,
  nowMs: number,
): number | undefined {
  const text = value?.trim() ?? '';
  if (SECONDS.test(text)) {
    const ms = Math.ceil(Number(text) * 1000);
    return Number.isFinite(ms) ? ms : undefined;
  }
  if (!STARTS_WITH_DAY.test(text)) return undefined;
  const atMs = Date.parse(HAS_ZONE.test(text) ? text : `${text} GMT`);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}
