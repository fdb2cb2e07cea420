/**
 * What this replica holds of the bucket that all replicas share, and what it does while
 * nobody can tell. Asks for tokens; must not decide who may have them.
 */

import { Clock, withTimeout } from '../util/clock';
import { planBatch, TokenGrant, TokenRequest } from './sharedBucket';
import { RequestCounts, TwoClassShape } from './twoClassBucket';
import { RequestClass } from './types';

/** Where the replicas of a backend keep the buckets that they share. */
export interface SharedBuckets {
  /**
   * Takes tokens from a bucket, which is made where there is none.
   *
   * @param key - of the bucket: host and user, nothing secret
   * @returns `undefined` where there is nothing that several replicas could share
   */
  take(
    key: string,
    request: TokenRequest,
    signal: AbortSignal,
  ): Promise<TokenGrant | undefined>;
  /** Leaves nothing in a bucket, and has everybody wait so long, milliseconds. */
  pause(
    key: string,
    pause: { readonly shape: TwoClassShape; readonly ms: number },
    signal: AbortSignal,
  ): Promise<void>;
}

/** An answer that takes longer than this is not waited for, milliseconds. */
const ANSWER_TIMEOUT_MS = 250;

/** After no answer in time nobody asks for so long, milliseconds. */
const FALLBACK_MS = 5_000;

/**
 * The part by which a replica comes back later than there is a token again: who got
 * something leaves the next one to those who got nothing.
 */
const JITTER = 0.2;

/** Tokens that were not used by then are not used any more, milliseconds. */
const TOKEN_LIFETIME_MS = 1_000;

/** For {@link ReplicaShare}. */
export interface ReplicaShareOptions {
  readonly buckets: SharedBuckets;
  /** At the moment: a credential may turn out to be of a user that is known already. */
  readonly key: () => string;
  readonly replicaId: string;
  readonly clock: Clock;
  /** Told why the replicas cannot be asked for. */
  readonly onFailure: (error: unknown) => void;
}

/** What came of asking for a token. */
export type Obtained =
  /** It may be used. `left`: what is in the shared bucket, as far as that was asked. */
  | { readonly kind: 'token'; readonly left?: number }
  | { readonly kind: 'wait'; readonly pausedMs: number }
  /** Each replica is on its own, with its part of everything. */
  | { readonly kind: 'alone' };

/** Tokens at hand. */
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
  #replicas = 1;
  /** There is nothing that replicas share. */
  #isOver = false;

  constructor(options: ReplicaShareOptions) {
    this.#options = options;
  }

  /** Into how many parts the budget is divided while each replica is on its own; else 1. */
  get parts(): number {
    return this.#nowMs() < this.#fallbackUntilMs ? this.#replicas : 1;
  }

  /** Milliseconds for which there is nothing for this class, as the shared bucket said. */
  waitMs(requestClass: RequestClass): number {
    const nowMs = this.#nowMs();
    const { tokens, untilMs } = this.#held[requestClass];
    if (tokens > 0 && nowMs < untilMs) return 0;
    return Math.max(0, this.#waitUntilMs[requestClass] - nowMs);
  }

  /** Counts what is sent without asking. */
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
   * Obtains a token, at hand or from the shared bucket. Never throws.
   *
   * @param waiting - requests of the class that wait, this one included
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
    if (this.#isOver || this.#nowMs() < this.#fallbackUntilMs) return { kind: 'alone' };
    const grant = await this.#ask(requestClass, shape, waiting);
    if (!grant) return { kind: 'alone' };
    this.#replicas = grant.replicas;
    this.#comeBack(requestClass, grant);
    if (grant.tokens === 0) return { kind: 'wait', pausedMs: grant.pausedMs };
    this.#hold(requestClass, {
      tokens: grant.tokens - 1,
      untilMs: this.#nowMs() + TOKEN_LIFETIME_MS,
    });
    return { kind: 'token', left: grant.left + grant.tokens };
  }

  /** Has all replicas leave the host alone. Returns at once, and never throws. */
  pause(shape: TwoClassShape, ms: number): void {
    if (this.#isOver || this.#nowMs() < this.#fallbackUntilMs) return;
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
    const { buckets, key, onFailure, replicaId } = this.#options;
    const sent = this.#sent;
    const count = planBatch(waiting, requestClass, shape);
    const request = { shape, replicaId, requestClass, count, sent };
    try {
      const grant = await this.#inTime(signal => buckets.take(key(), request, signal));
      this.#isOver = grant === undefined;
      // What was sent while it was asked for is still to be counted.
      this.countSent({ read: -sent.read, discovery: -sent.discovery });
      return grant;
    } catch (error) {
      this.#fallbackUntilMs = this.#nowMs() + FALLBACK_MS;
      this.#held = { read: NOTHING, discovery: NOTHING };
      onFailure(error);
      return undefined;
    }
  }

  #comeBack(requestClass: RequestClass, { replicas, tokens, waitMs }: TokenGrant): void {
    const isFirst = tokens === 0 || replicas === 1;
    const late = replicas === 1 ? 0 : this.#options.clock.random() * JITTER;
    const factor = 1 + late + (isFirst ? 0 : JITTER);
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
