/**
 * What Bitbucket has refused to show, or knows nothing of: until some time has passed,
 * events about it cost nothing. Bounded, since anybody who may sign webhooks can invent
 * repositories.
 */

import { Unanswered } from '../model';
import { Clock } from '../util/clock';
import { WorkResult } from './CoalescingQueue';
import { EventLog, EventResult } from './EventLog';

/** So long; a run asks whatever is remembered here, and what it finds is known. */
const REMEMBER_MS = 600_000;

const MAX_REMEMBERED = 10_000;

/** What is remembered is in the process: each replica may ask once. */
export interface RecentRefusalsOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly log: EventLog;
}

/** The refusals of one provider; a repository or project goes by its name in the log. */
export class RecentRefusals {
  readonly #options: RecentRefusalsOptions;
  /** When each was refused, the oldest first. */
  readonly #refusedAtMs = new Map<string, number>();

  constructor(options: RecentRefusalsOptions) {
    this.#options = options;
  }

  /** Remembers that Bitbucket has nothing to show there. */
  add(name: string): void {
    const key = name.toLowerCase();
    this.#refusedAtMs.delete(key);
    this.#refusedAtMs.set(key, this.#options.clock.monotonicMs());
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
    const { clock, log } = this.#options;
    const atMs = this.#refusedAtMs.get(name.toLowerCase());
    if (atMs === undefined || clock.monotonicMs() - atMs >= REMEMBER_MS) {
      return false;
    }
    log.ignored(name, 'Bitbucket has not shown it a few minutes ago');
    return true;
  }

  /** Decides what becomes of an event about something that Bitbucket has not shown. */
  conclude(
    name: string,
    { problem: { detail }, isRefusal }: Omit<Unanswered, 'kind'>,
    isKnown: boolean,
  ): WorkResult<EventResult> {
    const { log } = this.#options;
    if (!isRefusal) {
      log.retried(name, detail);
      return { kind: 'retry', detail };
    }
    this.add(name);
    if (!isKnown) {
      log.ignored(name, detail);
      return { kind: 'done', result: 'ignored' };
    }
    log.givenUp(name, detail);
    return { kind: 'done', result: 'failed' };
  }
}
