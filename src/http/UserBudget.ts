/**
 * What one user may ask a host for: what is known of the budget at the server, the pace that
 * follows from it, and the tokens. Must not wait or send. Asked by the limiters of this user.
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
import { BudgetLookUp } from './BudgetLookUp';
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
  learnOf,
  missingFrom,
  partOf,
  RequestCounts,
  reshapeOf,
  shareWaitMs,
  takeOf,
  TwoClassBucket,
  TwoClassShape,
} from './twoClassBucket';
import { RequestClass } from './types';

/** For {@link UserBudget}. */
export interface UserBudgetOptions {
  /** Agreed on with all who use it. */
  readonly pace: PaceLimits;
  readonly clock: Clock;
  /**
   * Told what the server says of its budget where that cannot be meant, and what is done
   * instead.
   */
  readonly onDoubt: (doubt: string) => void;
}

/** An answer, as far as it tells of the budget; `tookMs`: how long the headers took. */
export interface ObservedResponse {
  readonly status: number;
  readonly hint: RateLimitHint;
  readonly tookMs: number;
  /** Whom the server took the request for, where it says so. */
  readonly userName?: string;
}

/** The budget of one user on one host. */
export class UserBudget {
  /**
   * Of those who have something left of their share one at a time watches the clock, first
   * come, first served: discovery gets its turns, however many reads wait.
   */
  readonly tokenQueue = pLimit(1);
  /** All who need to know what the server grants have it read by this. */
  readonly lookUp: BudgetLookUp;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #onDoubt: (doubt: string) => void;
  #pace: PaceLimits;
  #told: ServerBudget = 'not-read';
  #adaptive = INITIAL_PACE;
  /** Until when waits have been recorded: several who wait at a time are one wait. */
  #recordedUntilMs = -Infinity;
  /** `undefined` while the pace is unlimited. */
  #bucket: TwoClassBucket | undefined;
  /** Where replicas share the budget; stands behind the bucket of this one. */
  #share: ReplicaShare | undefined;
  /** Sent while the pace was unlimited; counts once the server tells what it grants. */
  #sentUnpaced: RequestCounts = { read: 0, discovery: 0 };
  readonly #waiting = { read: 0, discovery: 0 };
  #inFlight = 0;
  /** What was told last of a budget that cannot be meant: once is enough. */
  #doubt: string | undefined;

  constructor({ pace, clock, onDoubt }: UserBudgetOptions) {
    this.#pace = pace;
    this.#clock = clock;
    this.lookUp = new BudgetLookUp(clock);
    this.#onDoubt = onDoubt;
    this.#adoptPace();
  }

  /** What is known of the server's budget. */
  get told(): ServerBudget {
    return this.#told;
  }

  /** Whether the pace depends on the server's budget, and nobody has asked for it yet. */
  get needsBudget(): boolean {
    return this.#pace.auto && this.#told === 'not-read';
  }

  /** Keeps to another pace from now on. */
  usePace(pace: PaceLimits): void {
    this.#pace = pace;
    this.#adoptPace();
  }

  /** Takes over what reading the server's settings has told; the pace follows at once. */
  learn(budget: ServerBudget): void {
    this.#believe(mergeBudget(this.#told, budget));
    this.#adoptPace();
  }

  /** Keeps to a budget that is shared with other replicas, as far as one is told or set. */
  shareWith(share: ReplicaShare): void {
    this.#share = share;
    this.countForShare();
  }

  /** Has the shared bucket pay for what was sent, such as when it turns out to be another. */
  countForShare(): void {
    if (this.#bucket) this.#share?.countSent(this.#outstanding());
  }

  /** Takes over what another has learned and sent that turns out to be the same user's. */
  absorb(other: UserBudget): void {
    this.#believe(mergeBudget(this.#told, other.#told));
    if (other.#adaptive.refusedAtMs > this.#adaptive.refusedAtMs) {
      this.#adaptive = other.#adaptive;
    }
    this.#adoptPace();
    const sent = other.#outstanding();
    this.#deduct(sent);
    this.#share?.countSent(sent);
  }

  /** What the bucket at the server has given and not got back, as far as it was sent here. */
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

  /** Counts a request that waits, until what is returned is called. */
  countWaiting(requestClass: RequestClass): () => void {
    this.#waiting[requestClass] += 1;
    return () => {
      this.#waiting[requestClass] -= 1;
    };
  }

  /** Counts a request in flight, until what is returned is called. */
  countInFlight(): () => void {
    this.#inFlight += 1;
    return () => {
      this.#inFlight -= 1;
    };
  }

  /** Milliseconds until the class has something left of its share; 0 when it has. */
  shareWaitMs(requestClass: RequestClass): number {
    if (!this.#bucket) return 0;
    const ms = shareWaitMs(this.#bucket, requestClass, this.#clock.monotonicMs());
    return Math.max(ms, this.#share?.waitMs(requestClass) ?? 0);
  }

  /** Milliseconds until there is a token for whoever is next; 0 when there is one. */
  tokenWaitMs(): number {
    return this.#bucket ? waitMs(this.#bucket.all, this.#clock.monotonicMs()) : 0;
  }

  /**
   * Takes a token, if there is one and the class may have it. Never throws.
   *
   * @returns `pausedMs`: for how long other replicas have learned to leave the host alone
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
    // On its own it keeps to its part.
    this.#adoptPace();
    if (this.#bucket && obtained.kind === 'token' && obtained.left !== undefined) {
      this.#bucket = learnOf(this.#bucket, obtained.left, this.#clock.monotonicMs());
    }
    const isTaken = this.#takeOwn(requestClass);
    if (obtained.kind === 'token' && !isTaken) this.#share.giveBack(requestClass);
    if (obtained.kind === 'alone' && isTaken)
      this.#share.countSent(countOf(requestClass));
    return { isTaken, pausedMs: 0 };
  }

  /** Has the other replicas pause as well. */
  pauseOthers(ms: number): void {
    const shape = this.#sharedShape();
    if (shape) this.#share?.pause(shape, ms);
  }

  /** Of what all replicas know alike; `undefined` where they know of no limit. */
  #sharedShape(): TwoClassShape | undefined {
    const pace = decidePace(this.#pace, this.#told, undefined);
    return pace === 'unlimited' ? undefined : toShape(pace);
  }

  #takeOwn(requestClass: RequestClass): boolean {
    if (!this.#bucket) {
      this.#deduct(countOf(requestClass));
      return true;
    }
    const nowMs = this.#clock.monotonicMs();
    const readsWait = this.#waiting.read > 0;
    const { bucket, taken } = takeOf(this.#bucket, requestClass, { nowMs, readsWait });
    this.#bucket = bucket;
    return taken;
  }

  /** Takes note that requests were held back until now, by the pace or by a pause. */
  recordWait(reason: 'pace' | 'pause', fromMs: number): void {
    const toMs = this.#clock.monotonicMs();
    const newFromMs = Math.max(fromMs, this.#recordedUntilMs);
    if (newFromMs < toMs) {
      this.#adaptive = recordWait(this.#adaptive, { reason, fromMs: newFromMs, toMs });
      this.#recordedUntilMs = toMs;
    }
    this.#adoptPace();
  }

  /** Learns from an answer, as soon as its headers are there. */
  observe({ status, hint, tookMs }: ObservedResponse): void {
    const nowMs = this.#clock.monotonicMs();
    const sentAtMs = nowMs - tookMs;
    this.#adaptive =
      status === 429
        ? recordRateLimited(this.#adaptive, nowMs, sentAtMs)
        : recordAnswer(this.#adaptive, sentAtMs);
    this.#believe(budgetAfterHint(this.#told, hint));
    this.#adoptPace();
    if (!this.#bucket) return;
    // Requests in flight, this one aside, may not be counted yet in what is left.
    const left = (hint.remaining ?? Infinity) - Math.max(0, this.#inFlight - 1);
    this.#bucket = learnOf(this.#bucket, status === 429 ? 0 : left, nowMs);
  }

  #believe({ budget, doubt }: BelievedBudget): void {
    const isNews = budget !== this.#told;
    this.#told = budget;
    if (isNews) this.#countSentUnpaced();
    if (doubt === undefined || doubt === this.#doubt) return;
    this.#doubt = doubt;
    this.#onDoubt(doubt);
  }

  /** What was sent before the budget was told came out of the same bucket at the server. */
  #countSentUnpaced(): void {
    const wasUnpaced = this.#bucket === undefined;
    this.#adoptPace();
    if (!wasUnpaced || !this.#bucket) return;
    this.#deduct(this.#sentUnpaced);
    this.#share?.countSent(this.#sentUnpaced);
    this.#sentUnpaced = { read: 0, discovery: 0 };
  }

  #adoptPace(): void {
    const pace = decidePace(this.#pace, this.#told, getPerSecond(this.#adaptive));
    if (pace === 'unlimited') {
      this.#bucket = undefined;
      return;
    }
    const nowMs = this.#clock.monotonicMs();
    const shape = partOf(toShape(pace), this.#share?.parts ?? 1);
    this.#bucket = this.#bucket
      ? reshapeOf(this.#bucket, shape, nowMs)
      : createTwoClassBucket(shape, nowMs);
  }
}

function countOf(requestClass: RequestClass): RequestCounts {
  return { read: 0, discovery: 0, [requestClass]: 1 };
}

function toShape({ all, discovery }: Exclude<Pace, string>): TwoClassShape {
  const shapeOf = ({ burst, requestsPerSecond }: FixedRate): BucketShape => ({
    capacity: burst,
    refillPerSecond: requestsPerSecond,
  });
  return { all: shapeOf(all), discovery: shapeOf(discovery) };
}
