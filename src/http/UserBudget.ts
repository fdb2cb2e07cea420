/**
 * The budget of one user on one host: what is known of the server's budget, the pace that follows
 * from it, and the tokens. Must not wait or send. Used by the limiters of this user.
 */

import pLimit from 'p-limit';
import { Clock } from '../util/clock';
import {
  INITIAL_PACE,
  getPerSecond,
  recordAnswer,
  recordRateLimited,
  recordWait,
} from './adaptivePace';
import { FixedRate, PaceLimits } from './agreeOnLimits';
import { BudgetLookup } from './BudgetLookup';
import { RateLimitHint } from './rateLimitHeaders';
import { ReplicaShare } from './ReplicaShare';
import {
  BelievedBudget,
  budgetAfterHint,
  decidePace,
  mergeBudget,
  Pace,
  ServerBudget,
} from './rateStrategy';
import { BucketShape, waitMs } from './tokenBucket';
import {
  createTwoClassBucket,
  deduct,
  learnRemaining,
  missingFrom,
  divideShape,
  RequestCounts,
  reshapeShares,
  getShareWaitMs,
  takeToken,
  TwoClassBucket,
  TwoClassShape,
} from './twoClassBucket';
import { RequestClass } from './types';

/** For {@link UserBudget}. */
export interface UserBudgetOptions {
  /** Agreed between all providers that use the budget. */
  readonly pace: PaceLimits;
  readonly clock: Clock;
  /** Receives an implausible budget of the server, in words, and what is assumed instead. */
  readonly onDoubt: (doubt: string) => void;
}

/** The parts of an answer that concern the budget; `tookMs`: time until its headers came. */
export interface ObservedResponse {
  readonly status: number;
  readonly hint: RateLimitHint;
  readonly tookMs: number;
  /** The user that the server authenticated, if the answer names one. */
  readonly userName?: string;
}

/** The budget of one user on one host. */
export class UserBudget {
  /**
   * Requests whose class has some of its share left wait here for a token, one at a time, first
   * come, first served: discovery gets its turns, however many reads wait.
   */
  readonly tokenQueue = pLimit(1);
  /** All callers that need the server's budget read it through this. */
  readonly budgetLookup: BudgetLookup;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #onDoubt: (doubt: string) => void;
  #pace: PaceLimits;
  #serverBudget: ServerBudget = 'not-read';
  #adaptive = INITIAL_PACE;
  /** Until when waits have been recorded: simultaneous waits count as one. */
  #recordedUntilMs = -Infinity;
  /** `undefined` while the pace is unlimited. */
  #bucket: TwoClassBucket | undefined;
  /** Set if replicas share the budget; a request needs a token of this and of `#bucket`. */
  #share: ReplicaShare | undefined;
  /** Sent while the pace was unlimited; deducted once a pace is known from the server. */
  #sentUnpaced: RequestCounts = { read: 0, discovery: 0 };
  readonly #waiting = { read: 0, discovery: 0 };
  #inFlight = 0;
  /** The last implausible budget that was reported, so that it is reported only once. */
  #doubt: string | undefined;

  constructor({ pace, clock, onDoubt }: UserBudgetOptions) {
    this.#pace = pace;
    this.#clock = clock;
    this.budgetLookup = new BudgetLookup(clock);
    this.#onDoubt = onDoubt;
    this.#adoptPace();
  }

  /** What is known of the server's budget. */
  get serverBudget(): ServerBudget {
    return this.#serverBudget;
  }

  /** Whether the pace depends on the server's budget, and it has not been read yet. */
  get needsBudget(): boolean {
    return this.#pace.auto && this.#serverBudget === 'not-read';
  }

  /** Replaces the agreed pace. */
  usePace(pace: PaceLimits): void {
    this.#pace = pace;
    this.#adoptPace();
  }

  /** Adopts the budget read from the server's settings; the pace changes immediately. */
  learn(budget: ServerBudget): void {
    this.#believe(mergeBudget(this.#serverBudget, budget));
  }

  /** Shares the budget with other replicas, as far as one is known or configured. */
  shareWith(share: ReplicaShare): void {
    this.#share = share;
    this.countForShare();
  }

  /** Deducts past requests from the shared bucket, such as when another bucket replaces it. */
  countForShare(): void {
    if (this.#bucket) this.#share?.countSent(this.#outstanding());
  }

  /** Adopts the knowledge and past requests of another budget that belongs to the same user. */
  absorb(other: UserBudget): void {
    if (other.#adaptive.refusedAtMs > this.#adaptive.refusedAtMs) {
      this.#adaptive = other.#adaptive;
    }
    this.#believe(mergeBudget(this.#serverBudget, other.#serverBudget));
    const sent = other.#outstanding();
    this.#deduct(sent);
    this.#share?.countSent(sent);
  }

  /** Tokens at the server that requests of this process used and that are not refilled yet. */
  #outstanding(): RequestCounts {
    if (!this.#bucket) return this.#sentUnpaced;
    return missingFrom(this.#bucket, this.#clock.monotonicMs());
  }

  #deduct(counts: RequestCounts): void {
    if (this.#bucket) {
      this.#bucket = deduct(this.#bucket, counts, this.#clock.monotonicMs());
    } else {
      const { read, discovery } = this.#sentUnpaced;
      this.#sentUnpaced = {
        read: read + counts.read,
        discovery: discovery + counts.discovery,
      };
    }
  }

  /** Counts a waiting request until the returned function is called. */
  countWaiting(requestClass: RequestClass): () => void {
    this.#waiting[requestClass] += 1;
    return () => {
      this.#waiting[requestClass] -= 1;
    };
  }

  /** Counts a request in flight until the returned function is called. */
  countInFlight(): () => void {
    this.#inFlight += 1;
    return () => {
      this.#inFlight -= 1;
    };
  }

  /** Milliseconds until the class has some of its share left; 0 when it has. */
  shareWaitMs(requestClass: RequestClass): number {
    if (!this.#bucket) return 0;
    const ms = getShareWaitMs(this.#bucket, requestClass, this.#clock.monotonicMs());
    return Math.max(ms, this.#share?.waitMs(requestClass) ?? 0);
  }

  /** Milliseconds until there is a token for the next request; 0 when there is one. */
  tokenWaitMs(): number {
    return this.#bucket ? waitMs(this.#bucket.all, this.#clock.monotonicMs()) : 0;
  }

  /**
   * Takes a token, if there is one and the class may have it. Never throws.
   *
   * @returns `pausedMs`: how long a 429 of another replica pauses requests to the host
   */
  async take(
    requestClass: RequestClass,
  ): Promise<{ readonly isTaken: boolean; readonly pausedMs: number }> {
    const shape = this.#sharedShape();
    if (!this.#share || !shape) {
      return { isTaken: this.#takeOwn(requestClass), pausedMs: 0 };
    }
    const waiting = this.#waiting[requestClass];
    const obtained = await this.#share.obtain(requestClass, shape, waiting);
    if (obtained.kind === 'wait') return { isTaken: false, pausedMs: obtained.pausedMs };
    // A replica on its own uses only its part of the budget.
    this.#adoptPace();
    if (this.#bucket && obtained.kind === 'token' && obtained.left !== undefined) {
      this.#bucket = learnRemaining(
        this.#bucket,
        obtained.left,
        this.#clock.monotonicMs(),
      );
    }
    const isTaken = this.#takeOwn(requestClass);
    if (obtained.kind === 'token' && !isTaken) this.#share.giveBack(requestClass);
    if (obtained.kind === 'alone' && isTaken)
      this.#share.countSent(toRequestCounts(requestClass));
    return { isTaken, pausedMs: 0 };
  }

  /** Pauses the other replicas as well. */
  pauseOthers(ms: number): void {
    const shape = this.#sharedShape();
    if (shape) this.#share?.pause(shape, ms);
  }

  /**
   * The shape of the shared bucket, from settings that are the same on all replicas; `undefined`
   * if these contain no limit.
   */
  #sharedShape(): TwoClassShape | undefined {
    const pace = decidePace(this.#pace, this.#serverBudget, undefined);
    return pace === 'unlimited' ? undefined : toShape(pace);
  }

  #takeOwn(requestClass: RequestClass): boolean {
    if (!this.#bucket) {
      this.#deduct(toRequestCounts(requestClass));
      return true;
    }
    const nowMs = this.#clock.monotonicMs();
    const readsWait = this.#waiting.read > 0;
    const { bucket, taken } = takeToken(this.#bucket, requestClass, { nowMs, readsWait });
    this.#bucket = bucket;
    return taken;
  }

  /** Records that requests were held back until now, by the pace or by a pause. */
  recordWait(reason: 'pace' | 'pause', fromMs: number): void {
    const toMs = this.#clock.monotonicMs();
    const newFromMs = Math.max(fromMs, this.#recordedUntilMs);
    this.#adaptive = recordWait(this.#adaptive, { reason, fromMs: newFromMs, toMs });
    this.#recordedUntilMs = toMs;
    this.#adoptPace();
  }

  /** Learns from an answer, as soon as its headers have arrived. */
  observe({ status, hint, tookMs }: ObservedResponse): void {
    const nowMs = this.#clock.monotonicMs();
    const sentAtMs = nowMs - tookMs;
    this.#adaptive =
      status === 429
        ? recordRateLimited(this.#adaptive, nowMs, sentAtMs)
        : recordAnswer(this.#adaptive, sentAtMs);
    this.#believe(budgetAfterHint(this.#serverBudget, hint));
    if (!this.#bucket) return;
    // The server may not have counted the other requests in flight yet.
    const left = (hint.remaining ?? Infinity) - Math.max(0, this.#inFlight - 1);
    this.#bucket = learnRemaining(this.#bucket, status === 429 ? 0 : left, nowMs);
  }

  #believe({ budget, doubt }: BelievedBudget): void {
    this.#serverBudget = budget;
    this.#adoptLearnedPace();
    if (doubt === undefined || doubt === this.#doubt) return;
    this.#doubt = doubt;
    this.#onDoubt(doubt);
  }

  /** Requests sent before there was a pace used tokens of the same bucket at the server. */
  #adoptLearnedPace(): void {
    const wasUnpaced = this.#bucket === undefined;
    this.#adoptPace();
    if (!wasUnpaced || !this.#bucket) return;
    this.#deduct(this.#sentUnpaced);
    this.#share?.countSent(this.#sentUnpaced);
    this.#sentUnpaced = { read: 0, discovery: 0 };
  }

  #adoptPace(): void {
    const pace = decidePace(this.#pace, this.#serverBudget, getPerSecond(this.#adaptive));
    if (pace === 'unlimited') {
      this.#bucket = undefined;
      return;
    }
    const nowMs = this.#clock.monotonicMs();
    const shape = divideShape(toShape(pace), this.#share?.parts ?? 1);
    this.#bucket = this.#bucket
      ? reshapeShares(this.#bucket, shape, nowMs)
      : createTwoClassBucket(shape, nowMs);
  }
}

function toRequestCounts(requestClass: RequestClass): RequestCounts {
  return { read: 0, discovery: 0, [requestClass]: 1 };
}

function toShape({ all, discovery }: Exclude<Pace, string>): TwoClassShape {
  const toBucketShape = ({ burst, requestsPerSecond }: FixedRate): BucketShape => ({
    capacity: burst,
    refillPerSecond: requestsPerSecond,
  });
  return { all: toBucketShape(all), discovery: toBucketShape(discovery) };
}
