/**
 * Runs transport and limiter against a server with one bucket, on a fake clock, and measures
 * the number of 429 answers and the duration. For tests.
 */

import { HttpTransport } from '../http/HttpTransport';
import { ServerBudget } from '../http/rateStrategy';
import { createBucket, take, waitMs } from '../http/tokenBucket';
import { RateLimitSetting } from '../http/types';
import { FakeClock } from './FakeClock';
import { createTestLimiter } from './testLimiters';

/** A server and its load. */
export interface Simulation {
  /** Default 60. */
  readonly capacity?: number;
  /** Default 5. */
  readonly fillRate?: number;
  /** Default 50. */
  readonly latencyMs?: number;
  /** The part of the latency by which an answer may come earlier or later; default 0. */
  readonly jitter?: number;
  /** Default 400. */
  readonly requests?: number;
  /** Default 8. */
  readonly concurrency?: number;
  readonly budget?: ServerBudget;
  readonly setting?: RateLimitSetting;
  /** The headers that the server sends with the status. */
  readonly tells?: 'nothing' | 'retry-after' | 'everything';
  /** Requests per second that other clients take from the same bucket. */
  readonly othersPerSecond?: number;
  /** The number of a request that is refused regardless of the bucket, 1 for the first. */
  readonly refusedAnyway?: number;
  /** For a while everything is refused, or a random part of it, such as 0.5 for a half. */
  readonly temporaryRefusal?: {
    readonly fromMs: number;
    readonly ms: number;
    readonly part?: number;
  };
  /** Seed of the random numbers. */
  readonly seed?: number;
}

/** A Bitbucket with one bucket. */
function createServer(clock: FakeClock, simulation: Simulation) {
  const { capacity = 60, fillRate = 5, latencyMs = 50, tells = 'nothing' } = simulation;
  const { jitter = 0, othersPerSecond = 0, refusedAnyway, temporaryRefusal } = simulation;
  let bucket = createBucket(
    { capacity, refillPerSecond: fillRate - othersPerSecond },
    clock.now(),
  );
  const counts = { sent: 0, refused: 0, mostInFlight: 0 };
  const servedAtMs: number[] = [];
  let inFlight = 0;
  const headers = (): Record<string, string> => {
    if (tells === 'nothing') return {};
    const seconds = Math.ceil(waitMs(bucket, clock.now()) / 1000);
    if (tells === 'retry-after') return { 'Retry-After': String(seconds) };
    return {
      'Retry-After': String(seconds),
      'X-RateLimit-Limit': String(capacity),
      'X-RateLimit-Remaining': String(Math.floor(bucket.tokens)),
      'X-RateLimit-FillRate': String(fillRate),
      'X-RateLimit-Interval-Seconds': '1',
    };
  };
  const isRefusedNow = () => {
    if (!temporaryRefusal) return false;
    const { fromMs, ms, part } = temporaryRefusal;
    const sinceMs = clock.now() - fromMs;
    if (sinceMs < 0 || sinceMs >= ms) return false;
    return part === undefined || clock.random() < part;
  };
  const serve = async () => {
    const number = (counts.sent += 1);
    inFlight += 1;
    counts.mostInFlight = Math.max(counts.mostInFlight, inFlight);
    const offset = jitter > 0 ? jitter * (clock.random() * 2 - 1) : 0;
    const halfMs = Math.round((latencyMs * (1 + offset)) / 2);
    await clock.sleep(halfMs);
    const taken = take(bucket, clock.now());
    bucket = taken.bucket;
    const isServed = taken.taken && number !== refusedAnyway && !isRefusedNow();
    const status = isServed ? 200 : 429;
    const response = new Response('{}', { status, headers: headers() });
    if (isServed) servedAtMs.push(clock.now());
    else counts.refused += 1;
    await clock.sleep(halfMs);
    inFlight -= 1;
    return response;
  };
  return { counts, serve, servedAtMs };
}

/** Starts all requests together, and waits for the last answer. */
export async function simulate(simulation: Simulation) {
  const { requests = 400, seed } = simulation;
  const clock = new FakeClock({ startMs: 0, settleTurns: 1, seed });
  const server = createServer(clock, simulation);
  const limiter = createTestLimiter({
    clock,
    rateLimit: simulation.setting ?? { kind: 'auto' },
    concurrency: simulation.concurrency,
  });
  limiter.learnBudget(simulation.budget ?? 'unknown');
  const transport = new HttpTransport({
    baseUrl: 'https://h',
    headers: {},
    redact: text => text,
    limiter,
    clock,
    requestTimeoutMs: 30_000,
    fetch: server.serve,
  });
  const all = Array.from({ length: requests }, (_, i) =>
    transport.get({ kind: 'file-check', url: `https://h/${i}` }),
  );
  const replies = await clock.run(Promise.all(all));
  return {
    ...server.counts,
    seconds: clock.now() / 1000,
    failed: replies.filter(({ status }) => status !== 200).length,
    sleeping: clock.sleeping,
    servedAtMs: server.servedAtMs,
  };
}

/** Requests per second that are possible in the long run, given the bucket and the concurrency. */
export function sustainablePerSecond(simulation: Simulation): number {
  const { fillRate = 5, latencyMs = 50, concurrency = 8 } = simulation;
  const { othersPerSecond = 0 } = simulation;
  return Math.min(fillRate - othersPerSecond, (concurrency * 1_000) / latencyMs);
}

/** The shortest possible time for all answers, in seconds. */
export function physicalMinimumSeconds(simulation: Simulation): number {
  const { capacity = 60, fillRate = 5, latencyMs = 50 } = simulation;
  const { requests = 400, concurrency = 8, othersPerSecond = 0 } = simulation;
  return Math.max(
    (requests - capacity) / (fillRate - othersPerSecond),
    (requests * latencyMs) / 1_000 / concurrency,
  );
}
