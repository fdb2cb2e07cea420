/** A queue of changes, as those of repositories and of projects have in common. */

import { BitbucketServerCredentialsError } from '../bitbucket/errors';
import { RestClient } from '../bitbucket/RestClient';
import { ClientFactory } from '../provider/createClient';
import { Clock } from '../util/clock';
import { CoalescingQueue, WorkResult } from './CoalescingQueue';
import { EventLanes } from './EventLanes';
import { EventLog, EventResult } from './EventLog';
import { RecentRefusals } from './RecentRefusals';
import { RelevanceContext } from './relevance';

/** What one provider handles changes with. */
export interface ChangeTools {
  /**
   * A client for one event.
   *
   * @throws BitbucketServerCredentialsError where the last attempt to log in has failed
   */
  readonly openClient: () => Promise<RestClient>;
  readonly clients: Pick<ClientFactory, 'noteLogin'>;
  readonly relevance: RelevanceContext;
  readonly lanes: EventLanes;
  readonly refusals: RecentRefusals;
  readonly log: EventLog;
  readonly clock: Clock;
  /** Ends all handling. */
  readonly signal: AbortSignal;
}

/** What came of an attempt to handle a change. */
export type Handled = WorkResult<EventResult>;

export const IGNORED: Handled = { kind: 'done', result: 'ignored' };

/** What is special about a kind of change. */
export interface ChangeKind<T> {
  /** For the log. */
  readonly nameOf: (change: T) => string;
  /** Joins what arrives with what waits. */
  readonly merge: (earlier: T, later: T) => T;
  readonly handle: (change: T) => Promise<Handled>;
}

/** Makes a queue. Credentials that do not work are not tried again: that would lock the account. */
export function createChangeQueue<T>(
  { clients, clock, log, refusals, signal }: ChangeTools,
  { handle, merge, nameOf }: ChangeKind<T>,
): CoalescingQueue<T, EventResult> {
  return new CoalescingQueue({
    clock,
    signal,
    merge,
    async work(change) {
      try {
        return refusals.covers(nameOf(change)) ? IGNORED : await handle(change);
      } catch (error) {
        // Where Bitbucket could not find out whether they work, that passes.
        if (
          error instanceof BitbucketServerCredentialsError &&
          error.problem !== 'not-verified'
        ) {
          clients.noteLogin(error);
          log.givenUp(nameOf(change), error.message);
          return { kind: 'done', result: 'failed' };
        }
        throw error;
      }
    },
    onGiveUp(change, detail) {
      log.givenUp(nameOf(change), detail);
      return 'failed';
    },
  });
}
