/** Clients for events: none tries to log in once that has failed. */

import { BitbucketServerCredentialsError } from '../bitbucket/errors';
import { RestClient } from '../bitbucket/RestClient';
import { RequestObserver } from '../http/types';
import { ClientFactory } from '../provider/createClient';
import { WorkResult } from './CoalescingQueue';
import { EventLog, EventResult } from './EventLog';

/** What clients are made with. */
export interface EventClientsOptions {
  readonly factory: ClientFactory;
  readonly createMeter: () => RequestObserver;
  readonly log: EventLog;
  readonly signal: AbortSignal;
}

/** Makes the clients of one provider's events. */
export class EventClients {
  readonly #options: EventClientsOptions;

  constructor(options: EventClientsOptions) {
    this.#options = options;
  }

  /**
   * A client for one event.
   *
   * @throws BitbucketServerCredentialsError where the last attempt to log in has failed
   */
  async open(): Promise<RestClient> {
    const { createMeter, factory, signal } = this.#options;
    const client = factory.createForEvent(createMeter());
    await factory.prepare(client, signal);
    return client;
  }

  /** Credentials that do not work are not tried again: that would lock the account. */
  async guard(
    what: string,
    work: () => Promise<WorkResult<EventResult>>,
  ): Promise<WorkResult<EventResult>> {
    const { factory, log } = this.#options;
    try {
      return await work();
    } catch (error) {
      // Where Bitbucket could not find out whether they work, that passes.
      if (
        error instanceof BitbucketServerCredentialsError &&
        error.problem !== 'not-verified'
      ) {
        factory.noteLogin(error);
        log.givenUp(what, error.message);
        return { kind: 'done', result: 'failed' };
      }
      throw error;
    }
  }
}
