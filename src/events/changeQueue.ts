/** What the handling of changes of repositories and of projects has in common. */

import { LoggerService } from '@backstage/backend-plugin-api';
import pLimit from 'p-limit';
import { BitbucketServerCredentialsError } from '../bitbucket/errors';
import { RestClient } from '../bitbucket/RestClient';
import { ClientFactory } from '../provider/createClient';
import { Clock } from '../util/clock';
import { Unanswered } from '../model';
import { createBucket, take, waitMs } from '../http/tokenBucket';
import { CoalescingQueue, WorkResult } from './CoalescingQueue';
import { EventResult, logGivenUp, logIgnored } from './eventResults';
import { RelevanceContext } from './relevance';

/** What one provider handles changes with. */
export interface ChangeTools {
  /**
   * A client for one event.
   *
   * @throws BitbucketServerCredentialsError where the last attempt to log in has failed
   */
  readonly openClient: () => Promise<RestClient>;
  readonly clients: Pick<ClientFactory, 'recordLogin'>;
  readonly relevance: RelevanceContext;
  readonly lanes: EventLanes;
  readonly refusals: RecentRefusals;
  readonly logger: LoggerService;
  readonly clock: Clock;
  /** Ends all handling. */
  readonly signal: AbortSignal;
}

/** What came of an attempt to handle a change. */
export type Handled = WorkResult<EventResult>;

export const IGNORED: Handled = { kind: 'done', result: 'ignored' };

/** What is special about a kind of change. */
interface ChangeKind<T> {
  /** For the log. */
  readonly getName: (change: T) => string;
  /** Joins what arrives with what waits. */
  readonly merge: (earlier: T, later: T) => T;
  /** Whether something may have come to be where Bitbucket has shown nothing lately. */
  readonly isArrival: (change: T) => boolean;
  readonly handle: (change: T) => Promise<Handled>;
}

/** Makes a queue. Credentials that do not work are not tried again: that would lock the account. */
export function createChangeQueue<T>(
  { clients, clock, logger, refusals, signal }: ChangeTools,
  { handle, isArrival, merge, getName }: ChangeKind<T>,
): CoalescingQueue<T, EventResult> {
  return new CoalescingQueue({
    clock,
    signal,
    merge,
    async work(change) {
      try {
        return !isArrival(change) && refusals.covers(getName(change))
          ? IGNORED
          : await handle(change);
      } catch (error) {
        // Where Bitbucket could not find out whether they work, that passes.
        if (
          error instanceof BitbucketServerCredentialsError &&
          error.problem !== 'not-verified'
        ) {
          clients.recordLogin(error);
          logGivenUp(logger, getName(change), error.message);
          return { kind: 'done', result: 'failed' };
        }
        throw error;
      }
    },
    onGiveUp(change, detail) {
      logGivenUp(logger, getName(change), detail);
      return 'failed';
    },
  });
}

/** So long; a run asks whatever is remembered here, and what it finds is known. */
const REMEMBER_MS = 600_000;

const MAX_REMEMBERED = 10_000;

/** What is remembered is in the process: each replica may ask once. */
interface RecentRefusalsOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly logger: LoggerService;
}

/**
 * What Bitbucket has refused to show one provider, or knows nothing of: until some time has
 * passed, events about it cost nothing. Bounded, since every holder of the secret can invent
 * repositories. A repository or project goes by its name in the log.
 */
export class RecentRefusals {
  /** When each was refused, the oldest first. */
  readonly #refusedAtMs = new Map<string, number>();

  constructor(private readonly options: RecentRefusalsOptions) {}

  /** Remembers that Bitbucket has nothing to show there. */
  add(name: string): void {
    const key = name.toLowerCase();
    this.#refusedAtMs.delete(key);
    this.#refusedAtMs.set(key, this.options.clock.monotonicMs());
    const [oldest] = this.#refusedAtMs.keys();
    if (this.#refusedAtMs.size > MAX_REMEMBERED && oldest !== undefined) {
      this.#refusedAtMs.delete(oldest);
    }
  }

  /** Bitbucket has shown it in a listing. */
  forget(name: string): void {
    this.#refusedAtMs.delete(name.toLowerCase());
  }

  /** Whether an event is not worth a request, since Bitbucket has shown nothing lately. */
  covers(name: string): boolean {
    const { clock, logger } = this.options;
    const atMs = this.#refusedAtMs.get(name.toLowerCase());
    if (atMs === undefined || clock.monotonicMs() - atMs >= REMEMBER_MS) {
      return false;
    }
    logIgnored(logger, name, 'Bitbucket has not shown it a few minutes ago');
    return true;
  }

  /** Decides what becomes of an event about something that Bitbucket has not shown. */
  conclude(
    name: string,
    { problem: { detail }, isRefusal }: Omit<Unanswered, 'kind'>,
    isKnown: boolean,
  ): WorkResult<EventResult> {
    const { logger } = this.options;
    if (!isRefusal) {
      logger.debug(`${name} is looked at again later: ${detail}`);
      return { kind: 'retry', detail };
    }
    this.add(name);
    if (!isKnown) {
      logIgnored(logger, name, detail);
      return { kind: 'done', result: 'ignored' };
    }
    logGivenUp(logger, name, detail);
    return { kind: 'done', result: 'failed' };
  }
}

/** Unknown repositories are looked at one by one: 60 at once, and one a second after that. */
const UNKNOWN_BUDGET = { capacity: 60, refillPerSecond: 1 };

/** What exceeds that is left to the next run. */
const MAX_UNKNOWN_WAITING = 1_000;

/** What lanes are made with. */
interface EventLanesOptions {
  /** Looked at at the same time, 1 or more. */
  readonly concurrency: number;
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
  /** Told once while too many wait. */
  readonly logger: Pick<LoggerService, 'warn'>;
}

/**
 * The order of work: what Bitbucket has shown before waits for nothing unknown. Every holder
 * of the secret can invent repositories.
 */
export class EventLanes {
  /** For what Bitbucket has shown before. */
  readonly known: ReturnType<typeof pLimit>;
  /** For what one event brings in great numbers, as one about a project does. */
  readonly bulk: ReturnType<typeof pLimit>;
  readonly #unknown = pLimit(1);
  #budget;
  #isOverflowing = false;

  constructor(private readonly options: EventLanesOptions) {
    const { clock, concurrency } = options;
    this.known = pLimit(concurrency);
    this.bulk = pLimit(Math.ceil(concurrency / 2));
    this.#budget = createBucket(UNKNOWN_BUDGET, clock.monotonicMs());
  }

  /**
   * For what is not known yet.
   *
   * @returns `undefined` where too many wait already
   */
  async unknown<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (this.#unknown.pendingCount >= MAX_UNKNOWN_WAITING) {
      if (!this.#isOverflowing) {
        this.#isOverflowing = true;
        this.options.logger.warn(
          `More than ${MAX_UNKNOWN_WAITING} repositories that are not known wait to be looked at because of events; others are left to the next run`,
        );
      }
      return undefined;
    }
    return this.#unknown(async () => {
      this.#isOverflowing &&= this.#unknown.pendingCount > 0;
      await this.#pay();
      return work();
    });
  }

  async #pay(): Promise<void> {
    const { clock, signal } = this.options;
    signal.throwIfAborted();
    const holdMs = waitMs(this.#budget, clock.monotonicMs());
    if (holdMs > 0) {
      await clock.sleep(holdMs, signal);
    }
    this.#budget = take(this.#budget, clock.monotonicMs()).bucket;
  }
}
