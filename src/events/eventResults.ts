/** What becomes of webhooks, as it is counted and said in the log. */

import { LoggerService } from '@backstage/backend-plugin-api';

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

/** Says that something changes nothing, and why. */
export function logIgnored(logger: LoggerService, what: string, reason: string): void {
  logger.debug(`${what} is ignored: ${reason}`);
}

/** Says that something is left to the next run. */
export function logGivenUp(logger: LoggerService, what: string, detail: string): void {
  logger.warn(
    `${what} could not be looked at after an event; the next run does: ${detail}`,
  );
}
