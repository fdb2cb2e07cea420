/** Shared by the handling of repository changes and of project changes. */

import { LoggerService } from '@backstage/backend-plugin-api';
import pLimit from 'p-limit';
import { isRefusedLogin } from '../bitbucket/errors';
import { RestClient } from '../bitbucket/RestClient';
import { ClientFactory } from '../provider/createClient';
import { Clock } from '../util/clock';
import { Unanswered } from '../model';
import { createBucket, take, waitMs } from '../http/tokenBucket';
import { CoalescingQueue, WorkResult } from './CoalescingQueue';
import { EventResult, logGivenUp, logIgnored } from './eventResults';
import { RelevanceContext } from './relevance';

/** Dependencies of a provider's handling of changes. */
export interface ChangeTools {
  /**
   * Opens a client for one event.
   *
   * @throws BitbucketServerCredentialsError if the last login has failed
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

/** Result of an attempt to handle a change. */
export type Handled = WorkResult<EventResult>;

export const IGNORED: Handled = { kind: 'done', result: 'ignored' };

/** How one kind of change is handled. */
interface ChangeKind<T> {
  /** For the log. */
  readonly getName: (change: T) => string;
  /** Merges a change that arrives with one that waits. */
  readonly merge: (earlier: T, later: T) => T;
  /** Whether something may now exist at an address for which Bitbucket recently returned nothing. */
  readonly isArrival: (change: T) => boolean;
  readonly handle: (change: T) => Promise<Handled>;
}

/** Creates a queue. It does not retry rejected credentials, since that would lock the account. */
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
        if (isRefusedLogin(error)) {
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

/** The maximum number of keys in memory: every holder of the secret can invent more. */
const MAX_REMEMBERED = 10_000;

/** Remembers keys for some time, and the latest ones only. */
export class RecentKeys {
  /** The oldest first. */
  readonly #addedAtMs = new Map<string, number>();

  constructor(
    private readonly clock: Pick<Clock, 'monotonicMs'>,
    private readonly keepForMs: number,
  ) {}

  add(key: string): void {
    this.#addedAtMs.delete(key);
    this.#addedAtMs.set(key, this.clock.monotonicMs());
    const [oldest] = this.#addedAtMs.keys();
    if (this.#addedAtMs.size > MAX_REMEMBERED && oldest !== undefined) {
      this.#addedAtMs.delete(oldest);
    }
  }

  delete(key: string): void {
    this.#addedAtMs.delete(key);
  }

  has(key: string): boolean {
    const atMs = this.#addedAtMs.get(key);
    return atMs !== undefined && this.clock.monotonicMs() - atMs < this.keepForMs;
  }
}

/** How long a refusal is remembered. Runs ignore refusals, and what they find is known. */
const REMEMBER_MS = 600_000;

/** Options for {@link RecentRefusals}. */
interface RecentRefusalsOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly logger: LoggerService;
}

/**
 * Repositories and projects, by their name in the log, that Bitbucket has refused to show to one
 * provider or that do not exist: for some time, events about them cause no requests. Bounded,
 * since every holder of the secret can invent repositories. Held in memory, so each replica
 * may send one request.
 */
export class RecentRefusals {
  readonly #refused: RecentKeys;

  constructor(private readonly options: RecentRefusalsOptions) {
    this.#refused = new RecentKeys(options.clock, REMEMBER_MS);
  }

  /** Remembers that Bitbucket returned nothing for this name. */
  add(name: string): void {
    this.#refused.add(name.toLowerCase());
  }

  /** Forgets a refusal, once Bitbucket has returned the repository in a listing. */
  forget(name: string): void {
    this.#refused.delete(name.toLowerCase());
  }

  /** Whether an event needs no request, since Bitbucket recently returned nothing. Logs it if so. */
  covers(name: string): boolean {
    if (!this.#refused.has(name.toLowerCase())) {
      return false;
    }
    logIgnored(
      this.options.logger,
      name,
      'Bitbucket did not return it a few minutes ago',
    );
    return true;
  }

  /** Decides the result of an event about a repository or project that Bitbucket has not returned. */
  conclude(
    name: string,
    { problem: { detail }, isRefusal }: Omit<Unanswered, 'kind'>,
    isKnown: boolean,
  ): WorkResult<EventResult> {
    const { logger } = this.options;
    if (!isRefusal) {
      logger.debug(`${name} is checked again later: ${detail}`);
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

/** Unknown repositories are checked one by one: a burst of 60, then one per second. */
const UNKNOWN_BUDGET = { capacity: 60, refillPerSecond: 1 };

/** Maximum queue of unknown repositories; further ones are left to the next run. */
const MAX_UNKNOWN_WAITING = 1_000;

/** Options for {@link EventLanes}. */
interface EventLanesOptions {
  /** Maximum number of concurrent checks, 1 or more. */
  readonly concurrency: number;
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  /** Aborts waiting. */
  readonly signal: AbortSignal;
  /** Receives one warning per overflow of the queue. */
  readonly logger: Pick<LoggerService, 'warn'>;
}

/**
 * Orders the work: repositories that Bitbucket has returned before never wait for unknown
 * ones, which every holder of the secret can invent.
 */
export class EventLanes {
  /** For repositories and projects that Bitbucket has returned before. */
  readonly known: ReturnType<typeof pLimit>;
  /** For many repositories from one event, such as one about a project. */
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
   * Does work for a repository or project that is not known yet.
   *
   * @returns `undefined` if the queue is full
   */
  async unknown<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (this.#unknown.pendingCount >= MAX_UNKNOWN_WAITING) {
      if (!this.#isOverflowing) {
        this.#isOverflowing = true;
        this.options.logger.warn(
          `More than ${MAX_UNKNOWN_WAITING} unknown repositories from events wait to be checked; further ones are left to the next run`,
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
