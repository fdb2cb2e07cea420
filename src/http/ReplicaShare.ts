/**
 * This replica's tokens from the bucket that all replicas share, and its behaviour while that
 * bucket cannot be reached. Requests tokens; must not decide who gets them.
 */

import { Clock, withTimeout } from '../util/clock';
import { Outage } from '../util/Outage';
import { planBatch, TokenGrant, TokenRequest } from './sharedBucket';
import { RequestCounts, TwoClassShape } from './twoClassBucket';
import { RequestClass } from './types';

/** The store of the buckets that the replicas of a backend share. */
export interface SharedBuckets {
  /**
   * Takes tokens from a bucket, which is created if it does not exist.
   *
   * @param key - of the bucket, derived from host and user; not secret
   * @returns `undefined` if the store cannot be shared by replicas
   */
  take(
    key: string,
    request: TokenRequest,
    signal: AbortSignal,
  ): Promise<TokenGrant | undefined>;
  /** Empties a bucket and makes all replicas wait for `ms` milliseconds. */
  pause(
    key: string,
    pause: { readonly shape: TwoClassShape; readonly ms: number },
    signal: AbortSignal,
  ): Promise<void>;
}

/** Longest wait for an answer of the shared bucket, milliseconds. */
const ANSWER_TIMEOUT_MS = 250;

/** Time without requests to the shared bucket after it did not answer, milliseconds. */
const FALLBACK_MS = 5_000;

/**
 * The part of the wait for the next token by which a replica asks later than that. A replica
 * that got a token adds it once more, which leaves the next one to those that got nothing.
 */
const JITTER = 0.2;

/** Replicas that share the bucket, until it has said how many: this one and another. */
const ASSUMED_REPLICAS = 2;

/** Unused tokens expire after this time, milliseconds. */
const TOKEN_LIFETIME_MS = 1_000;

/** For {@link ReplicaShare}. */
export interface ReplicaShareOptions {
  readonly buckets: SharedBuckets;
  /** Returns the current key, which changes once the user of a credential is known. */
  readonly key: () => string;
  readonly replicaId: string;
  readonly clock: Clock;
  /** Receives each answer of the shared bucket and, when it does not answer, the error. */
  readonly outage: Pick<Outage, 'failed' | 'succeeded'>;
}

/** The result of a request for a token. */
export type Obtained =
  /** `left`: content of the shared bucket; `undefined` for a token that was already held. */
  | { readonly kind: 'token'; readonly left?: number }
  | { readonly kind: 'wait'; readonly pausedMs: number }
  /** The replica is on its own, with its part of the budget. */
  | { readonly kind: 'alone' };

/** Tokens that this replica holds. */
interface Held {
  readonly tokens: number;
  readonly untilMs: number;
}

const NOTHING: Held = { tokens: 0, untilMs: -Infinity };

/** The part of one replica in the bucket of one user. */
export class ReplicaShare {
  readonly #options: ReplicaShareOptions;
  #held: Readonly<Record<RequestClass, Held>> = { read: NOTHING, discovery: NOTHING };
  #waitUntilMs: Readonly<Record<RequestClass, number>> = {
    read: -Infinity,
    discovery: -Infinity,
  };
  #sent: RequestCounts = { read: 0, discovery: 0 };
  #fallbackUntilMs = -Infinity;
  #replicas = ASSUMED_REPLICAS;
  /** Whether the store has answered that it cannot be shared by replicas. */
  #isUnshared = false;

  constructor(options: ReplicaShareOptions) {
    this.#options = options;
  }

  /** The number of parts of the budget while each replica is on its own; otherwise 1. */
  get parts(): number {
    return this.#nowMs() < this.#fallbackUntilMs ? this.#replicas : 1;
  }

  /** Milliseconds until there is a token for this class, according to the shared bucket. */
  waitMs(requestClass: RequestClass): number {
    const nowMs = this.#nowMs();
    const { tokens, untilMs } = this.#held[requestClass];
    if (tokens > 0 && nowMs < untilMs) return 0;
    return Math.max(0, this.#waitUntilMs[requestClass] - nowMs);
  }

  /** Counts requests that are sent without a token from the shared bucket. */
  countSent({ read, discovery }: RequestCounts): void {
    const sent = this.#sent;
    this.#sent = { read: sent.read + read, discovery: sent.discovery + discovery };
  }

  /** Gives back a token that was obtained and not used. */
  giveBack(requestClass: RequestClass): void {
    const { tokens, untilMs } = this.#held[requestClass];
    this.#hold(requestClass, { tokens: tokens + 1, untilMs });
  }

  /**
   * Obtains a token that is already held, or one from the shared bucket. Never throws.
   *
   * @param waiting - number of waiting requests of the class, including this one
   */
  async obtain(
    requestClass: RequestClass,
    shape: TwoClassShape,
    waiting: number,
  ): Promise<Obtained> {
    const { tokens, untilMs } = this.#held[requestClass];
    if (tokens > 0 && this.#nowMs() < untilMs) {
      this.#hold(requestClass, { tokens: tokens - 1, untilMs });
      return { kind: 'token' };
    }
    if (this.#isAlone()) return { kind: 'alone' };
    const grant = await this.#ask(requestClass, shape, waiting);
    if (!grant) return { kind: 'alone' };
    this.#replicas = grant.replicas;
    this.#scheduleNext(requestClass, grant);
    if (grant.tokens === 0) return { kind: 'wait', pausedMs: grant.pausedMs };
    this.#hold(requestClass, {
      tokens: grant.tokens - 1,
      untilMs: this.#nowMs() + TOKEN_LIFETIME_MS,
    });
    return { kind: 'token', left: grant.left + grant.tokens };
  }

  /** Makes all replicas pause. Returns immediately, and never throws. */
  pause(shape: TwoClassShape, ms: number): void {
    if (this.#isAlone()) return;
    const { buckets, key } = this.#options;
    this.#inTime(signal => buckets.pause(key(), { shape, ms }, signal)).catch(
      () => undefined,
    );
  }

  async #ask(
    requestClass: RequestClass,
    shape: TwoClassShape,
    waiting: number,
  ): Promise<TokenGrant | undefined> {
    const { buckets, key, outage, replicaId } = this.#options;
    const sent = this.#sent;
    const count = planBatch(waiting, requestClass, shape);
    const request = { shape, replicaId, requestClass, count, sent };
    try {
      const grant = await this.#inTime(signal => buckets.take(key(), request, signal));
      this.#isUnshared = grant === undefined;
      outage.succeeded();
      // Requests that were sent while waiting for the grant are still to be counted.
      this.countSent({ read: -sent.read, discovery: -sent.discovery });
      return grant;
    } catch (error) {
      this.#fallbackUntilMs = this.#nowMs() + FALLBACK_MS;
      this.#held = { read: NOTHING, discovery: NOTHING };
      outage.failed(error);
      return undefined;
    }
  }

  #isAlone(): boolean {
    return this.#isUnshared || this.#nowMs() < this.#fallbackUntilMs;
  }

  #scheduleNext(
    requestClass: RequestClass,
    { replicas, tokens, waitMs }: TokenGrant,
  ): void {
    const isFirst = tokens === 0 || replicas === 1;
    const jitter = replicas === 1 ? 0 : this.#options.clock.random() * JITTER;
    const factor = 1 + jitter + (isFirst ? 0 : JITTER);
    const untilMs = this.#nowMs() + Math.ceil(waitMs * factor);
    this.#waitUntilMs = { ...this.#waitUntilMs, [requestClass]: untilMs };
  }

  #inTime<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withTimeout(work, { clock: this.#options.clock, ms: ANSWER_TIMEOUT_MS });
  }

  #hold(requestClass: RequestClass, held: Held): void {
    this.#held = { ...this.#held, [requestClass]: held };
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }
}
