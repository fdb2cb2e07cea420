/** What events say in the log: DEBUG for what changes nothing, INFO and WARN for the rest. */

import { LoggerService } from '@backstage/backend-plugin-api';
import { RepositoryDelta } from '../discovery/evaluateRepository';
import { RepositoryAddress } from '../model';

/** What became of a webhook; each ends with exactly one, and the metrics count by it. */
export const EVENT_RESULTS = [
  'evaluated',
  'ignored',
  'duplicate',
  'malformed',
  'failed',
] as const;
export type EventResult = (typeof EVENT_RESULTS)[number];

/** Told of every webhook once. */
export interface EventObserver {
  onEvent(result: EventResult): void;
}

/** What became of a webhook, by what became of it for each provider: a failure counts most. */
export function summarizeResults(results: readonly EventResult[]): EventResult {
  const byWeight = ['failed', 'evaluated'] as const;
  return byWeight.find(result => results.includes(result)) ?? 'ignored';
}

/** Writes about events. */
export class EventLog {
  readonly #logger: LoggerService;

  constructor(logger: LoggerService) {
    this.#logger = logger;
  }

  ignored(what: string, reason: string): void {
    this.#logger.debug(`${what} is ignored: ${reason}`);
  }

  malformed(what: string, reason: string): void {
    this.#logger.debug(`${what} cannot be read: ${reason}`);
  }

  /** Here or on another replica. */
  alreadyClaimed(what: string): void {
    this.#logger.debug(`${what} has arrived before`);
  }

  notClaimed(what: string, error: unknown): void {
    this.#logger.debug(
      `${what} is handled although other replicas could not be told, who may handle it too: ${error}`,
    );
  }

  /** Something on our side went wrong with it. */
  notHandled(what: string, error: unknown): void {
    this.#logger.warn(`${what} could not be handled, the next run catches up: ${error}`);
  }

  listed(project: string, count: number): void {
    this.#logger.debug(
      `${project} was listed; ${count} of its repositories are looked at`,
    );
  }

  evaluated(address: RepositoryAddress, reason: string, delta: RepositoryDelta): void {
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
    this.#logger.warn(
      `${what} could not be looked at after an event; the next run does: ${detail}`,
    );
  }

  overflowing(maxWaiting: number): void {
    this.#logger.warn(
      `More than ${maxWaiting} repositories that are not known wait to be looked at because of events; others are left to the next run`,
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
