/** The results of webhooks, as counted in metrics and written to the log. */

import { LoggerService } from '@backstage/backend-plugin-api';

/** Results of a webhook; each webhook ends with exactly one, and the metrics count by it. */
export const EVENT_RESULTS = [
  'evaluated',
  'ignored',
  'duplicate',
  'malformed',
  'failed',
] as const;
export type EventResult = (typeof EVENT_RESULTS)[number];

/** Receives the result of every webhook once. */
export interface EventObserver {
  onEvent(result: EventResult): void;
}

/** Combines the results of a webhook for each provider into one; a failure has priority. */
export function summarizeResults(results: readonly EventResult[]): EventResult {
  const byWeight = ['failed', 'evaluated'] as const;
  return byWeight.find(result => results.includes(result)) ?? 'ignored';
}

/** Logs that an event has no effect, and why. */
export function logIgnored(logger: LoggerService, what: string, reason: string): void {
  logger.debug(`${what} is ignored: ${reason}`);
}

/** Logs that a repository or project is left to the next run, and why. */
export function logGivenUp(logger: LoggerService, what: string, detail: string): void {
  logger.warn(
    `${what} could not be checked after an event; the next run checks it: ${detail}`,
  );
}
