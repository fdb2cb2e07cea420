/** What events say in the log: DEBUG for what changes nothing, INFO and WARN for the rest. */

import { LoggerService } from '@backstage/backend-plugin-api';
import { RepositoryDelta } from '../discovery/evaluateRepository';
import { RepositoryAddress } from '../model';

/** What became of an event; the metrics count by it. */
export const EVENT_RESULTS = [
  'evaluated',
  'ignored',
  'duplicate',
  'malformed',
  'failed',
] as const;
export type EventResult = (typeof EVENT_RESULTS)[number];

/** Told of every event. */
export interface EventObserver {
  onEvent(result: EventResult): void;
}

/** Writes about events, and counts them. */
export class EventLog {
  readonly #logger: LoggerService;
  readonly #observer: EventObserver | undefined;

  constructor(logger: LoggerService, observer?: EventObserver) {
    this.#logger = logger;
    this.#observer = observer;
  }

  ignored(what: string, reason: string): void {
    this.#observer?.onEvent('ignored');
    this.#logger.debug(`${what} is ignored: ${reason}`);
  }

  malformed(what: string, reason: string): void {
    this.#observer?.onEvent('malformed');
    this.#logger.debug(`${what} cannot be read: ${reason}`);
  }

  duplicate(what: string): void {
    this.#observer?.onEvent('duplicate');
    this.#logger.debug(`${what} has arrived before`);
  }

  /** Something on our side went wrong with it. */
  notTaken(what: string, error: unknown): void {
    this.#observer?.onEvent('failed');
    this.#logger.warn(`${what} could not be handled, the next run catches up: ${error}`);
  }

  evaluated(address: RepositoryAddress, reason: string, delta: RepositoryDelta): void {
    this.#observer?.onEvent('evaluated');
    const { added, removed, stayed } = delta;
    const message = `${nameOf(address)} was looked at because ${reason}; Locations: ${added.length} added, ${removed.length} removed, ${stayed.length} read again`;
    if (added.length > 0 || removed.length > 0) {
      this.#logger.info(message);
    } else {
      this.#logger.debug(message);
    }
  }

  retried(what: string, detail: string): void {
    this.#logger.debug(`${what} is looked at again later: ${detail}`);
  }

  givenUp(what: string, detail: string): void {
    this.#observer?.onEvent('failed');
    this.#logger.warn(
      `${what} could not be looked at after an event; the next run does: ${detail}`,
    );
  }

  notPublished(what: string, error: unknown): void {
    this.#logger.warn(`The catalog could not be told what happened to ${what}: ${error}`);
  }
}

/** `PAY/api` */
export function nameOf({ projectKey, slug }: RepositoryAddress): string {
  return `${projectKey}/${slug}`;
}
