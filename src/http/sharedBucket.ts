/**
 * The bucket that the replicas of a backend share, as a value. Pure; the time is the database's,
 * so that no replica's clock matters. Must not know where it is stored.
 */

import {
  createTwoClassBucket,
  deduct,
  learnRemaining,
  reshapeShares,
  RequestCounts,
  takeToken,
  TwoClassBucket,
  TwoClassShape,
  getWaitMs,
} from './twoClassBucket';
import { RequestClass } from './types';

/** The stored bucket of one user; times are epoch milliseconds of the database. */
export interface SharedBucket {
  readonly bucket: TwoClassBucket;
  /** No tokens are granted before this time. */
  readonly pausedUntilMs: number;
  /** Until then, reads of at least one replica are assumed to wait. */
  readonly readsWaitUntilMs: number;
  /** Time of the last request of each replica. */
  readonly replicas: Readonly<Record<string, number>>;
}

/** A replica's request for tokens. */
export interface TokenRequest {
  /** The same for all replicas, except while a configuration change reaches them. */
  readonly shape: TwoClassShape;
  readonly replicaId: string;
  readonly requestClass: RequestClass;
  /** Maximum number of tokens to grant, 1 or more. */
  readonly count: number;
  /** Requests that this replica has sent without tokens since its last request for tokens. */
  readonly sent: RequestCounts;
}

/** The answer to a {@link TokenRequest}. */
export interface TokenGrant {
  /** Tokens it may use, 0 or more. */
  readonly tokens: number;
  /** Milliseconds until there is another token; 0 when there is one. */
  readonly waitMs: number;
  /** Milliseconds until the pause of all replicas is over; 0 when there is none. */
  readonly pausedMs: number;
  /** Tokens that are left for all replicas, 0 or more; may be a fraction. */
  readonly left: number;
  /** Number of replicas with a recent request, including this one. */
  readonly replicas: number;
}

/** Reads that got fewer tokens than requested are assumed to wait for this time. */
const READS_WAIT_MS = 1_000;

/** A replica without a request for this time no longer counts. */
const REPLICA_GONE_MS = 60_000;

/** Longest pause, also if the clock of the database was set back. */
const MAX_PAUSE_MS = 60_000;

/** Updates the stored bucket to the current time and shape; full if none is stored. */
function bringUpToDate(
  kept: SharedBucket | undefined,
  shape: TwoClassShape,
  nowMs: number,
): SharedBucket {
  if (!kept) {
    const bucket = createTwoClassBucket(shape, nowMs);
    return { bucket, pausedUntilMs: 0, readsWaitUntilMs: 0, replicas: {} };
  }
  // No refill is added or lost for the time by which the database's clock was set back.
  const { all, discovery } = kept.bucket;
  const notInFuture = <T extends { readonly asOfMs: number }>(bucket: T): T => ({
    ...bucket,
    asOfMs: Math.min(bucket.asOfMs, nowMs),
  });
  const bucket = { all: notInFuture(all), discovery: notInFuture(discovery) };
  return {
    bucket: reshapeShares(bucket, shape, nowMs),
    pausedUntilMs: Math.min(kept.pausedUntilMs, nowMs + MAX_PAUSE_MS),
    readsWaitUntilMs: Math.min(kept.readsWaitUntilMs, nowMs + READS_WAIT_MS),
    replicas: Object.fromEntries(
      Object.entries(kept.replicas).filter(([, atMs]) => nowMs - atMs < REPLICA_GONE_MS),
    ),
  };
}

/**
 * Decides how many tokens a replica gets.
 *
 * @param kept - the stored bucket; `undefined` if there is none yet
 * @returns the answer, and the bucket to store
 */
export function grantTokens(
  kept: SharedBucket | undefined,
  request: TokenRequest,
  nowMs: number,
): { readonly grant: TokenGrant; readonly kept: SharedBucket } {
  const { count, replicaId, requestClass, sent, shape } = request;
  const current = bringUpToDate(kept, shape, nowMs);
  const { pausedUntilMs } = current;
  const pausedMs = Math.max(0, Math.ceil(pausedUntilMs - nowMs));
  const readsWait = current.readsWaitUntilMs > nowMs;
  let bucket = deduct(current.bucket, sent, nowMs);
  let tokens = 0;
  while (pausedMs === 0 && tokens < count) {
    const next = takeToken(bucket, requestClass, { nowMs, readsWait });
    if (!next.taken) break;
    bucket = next.bucket;
    tokens += 1;
  }
  const replicas = { ...current.replicas, [replicaId]: nowMs };
  const isReadWaiting = requestClass === 'read' && tokens < count;
  return {
    grant: {
      tokens,
      waitMs: getWaitMs(bucket, requestClass, nowMs),
      pausedMs,
      left: bucket.all.tokens,
      replicas: Object.keys(replicas).length,
    },
    kept: {
      bucket,
      pausedUntilMs,
      readsWaitUntilMs: isReadWaiting ? nowMs + READS_WAIT_MS : current.readsWaitUntilMs,
      replicas,
    },
  };
}

/** Empties the bucket after a 429 and pauses all replicas; never shortens a pause. */
export function pauseAll(
  kept: SharedBucket | undefined,
  { shape, ms }: { readonly shape: TwoClassShape; readonly ms: number },
  nowMs: number,
): SharedBucket {
  const current = bringUpToDate(kept, shape, nowMs);
  return {
    ...current,
    bucket: learnRemaining(current.bucket, 0, nowMs),
    pausedUntilMs: Math.max(current.pausedUntilMs, nowMs + Math.min(ms, MAX_PAUSE_MS)),
  };
}

/** Size of a batch in seconds of the refill; small, so that few tokens are in transit. */
const BATCH_SECONDS = 0.5;

/**
 * Decides how many tokens to request.
 *
 * @param waiting - number of waiting requests of the class, including the current one
 * @returns 1 or more; never more than can be used immediately
 */
export function planBatch(
  waiting: number,
  requestClass: RequestClass,
  shape: TwoClassShape,
): number {
  const { refillPerSecond } = requestClass === 'read' ? shape.all : shape.discovery;
  return Math.max(1, Math.min(waiting, Math.floor(refillPerSecond * BATCH_SECONDS)));
}
