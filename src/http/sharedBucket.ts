/**
 * The bucket that the replicas of a backend share, as a value. Pure; time is that of the
 * database, so that no replica's clock matters. Must not know where it is kept.
 */

import {
  createTwoClassBucket,
  deduct,
  learnOf,
  reshapeOf,
  RequestCounts,
  takeOf,
  TwoClassBucket,
  TwoClassShape,
  waitMsOf,
} from './twoClassBucket';
import { RequestClass } from './types';

/** What is kept of the bucket of one user; times are epoch milliseconds of the database. */
export interface SharedBucket {
  readonly bucket: TwoClassBucket;
  /** Nothing is given before. */
  readonly pausedUntilMs: number;
  /** Reads of some replica wait until then, as far as is known. */
  readonly readsWaitUntilMs: number;
  /** When each replica asked last. */
  readonly replicas: Readonly<Record<string, number>>;
}

/** What a replica asks for. */
export interface TokenRequest {
  /** The same for all replicas, but while a changed configuration reaches them. */
  readonly shape: TwoClassShape;
  readonly replicaId: string;
  readonly requestClass: RequestClass;
  /** Tokens wanted, 1 or more; what is there is given, up to so many. */
  readonly count: number;
  /** What this replica has sent without asking since it asked last. */
  readonly sent: RequestCounts;
}

/** What a replica gets. */
export interface TokenGrant {
  /** Tokens it may use, 0 or more. */
  readonly tokens: number;
  /** How long until there is another token, milliseconds; 0 when there is one. */
  readonly waitMs: number;
  /** How long everybody leaves the host alone, milliseconds from now; 0 when nobody has to. */
  readonly pausedMs: number;
  /** Tokens that are left for everybody, 0 or more; fractions count. */
  readonly left: number;
  /** Replicas that have asked lately, this one included. */
  readonly replicas: number;
}

/** Reads that got less than they asked for are taken to wait for so long. */
const READS_WAIT_MS = 1_000;

/** A replica that has not asked for so long counts no more. */
const REPLICA_GONE_MS = 60_000;

/** No pause is longer. A clock of the database that was set back must not make it so. */
const MAX_PAUSE_MS = 60_000;

/** What is kept, brought to this moment and shape; full where nothing is kept. */
function bringUp(
  kept: SharedBucket | undefined,
  shape: TwoClassShape,
  nowMs: number,
): SharedBucket {
  if (!kept) {
    const bucket = createTwoClassBucket(shape, nowMs);
    return { bucket, pausedUntilMs: 0, readsWaitUntilMs: 0, replicas: {} };
  }
  // Nothing is refilled for time that the database's clock has gone back.
  const { all, discovery } = kept.bucket;
  const asOf = <T extends { readonly asOfMs: number }>(bucket: T): T => ({
    ...bucket,
    asOfMs: Math.min(bucket.asOfMs, nowMs),
  });
  const bucket = { all: asOf(all), discovery: asOf(discovery) };
  return {
    bucket: reshapeOf(bucket, shape, nowMs),
    pausedUntilMs: Math.min(kept.pausedUntilMs, nowMs + MAX_PAUSE_MS),
    readsWaitUntilMs: Math.min(kept.readsWaitUntilMs, nowMs + READS_WAIT_MS),
    replicas: Object.fromEntries(
      Object.entries(kept.replicas).filter(([, atMs]) => nowMs - atMs < REPLICA_GONE_MS),
    ),
  };
}

/**
 * Decides what a replica gets.
 *
 * @param kept - as it was kept last; `undefined` where nobody has asked yet
 */
export function grantTokens(
  kept: SharedBucket | undefined,
  request: TokenRequest,
  nowMs: number,
): { readonly grant: TokenGrant; readonly kept: SharedBucket } {
  const { count, replicaId, requestClass, sent, shape } = request;
  const current = bringUp(kept, shape, nowMs);
  const { pausedUntilMs } = current;
  const pausedMs = Math.max(0, Math.ceil(pausedUntilMs - nowMs));
  const readsWait = current.readsWaitUntilMs > nowMs;
  let bucket = deduct(current.bucket, sent, nowMs);
  let tokens = 0;
  while (pausedMs === 0 && tokens < count) {
    const next = takeOf(bucket, requestClass, { nowMs, readsWait });
    if (!next.taken) break;
    bucket = next.bucket;
    tokens += 1;
  }
  const replicas = { ...current.replicas, [replicaId]: nowMs };
  const isReadWaiting = requestClass === 'read' && tokens < count;
  return {
    grant: {
      tokens,
      waitMs: waitMsOf(bucket, requestClass, nowMs),
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

/** After a 429: nothing is left, and nobody asks for a while; a pause is never shortened. */
export function pauseAll(
  kept: SharedBucket | undefined,
  { shape, ms }: { readonly shape: TwoClassShape; readonly ms: number },
  nowMs: number,
): SharedBucket {
  const current = bringUp(kept, shape, nowMs);
  return {
    ...current,
    bucket: learnOf(current.bucket, 0, nowMs),
    pausedUntilMs: Math.max(current.pausedUntilMs, nowMs + Math.min(ms, MAX_PAUSE_MS)),
  };
}

/** Tokens are asked for by so many seconds of the refill, so that few are on their way. */
const BATCH_SECONDS = 0.5;

/**
 * Decides for how many tokens to ask.
 *
 * @param waiting - requests of the class that wait, the one that asks included
 * @returns 1 or more; never more than can be used at once
 */
export function planBatch(
  waiting: number,
  requestClass: RequestClass,
  shape: TwoClassShape,
): number {
  const { refillPerSecond } = requestClass === 'read' ? shape.all : shape.discovery;
  return Math.max(1, Math.min(waiting, Math.floor(refillPerSecond * BATCH_SECONDS)));
}
