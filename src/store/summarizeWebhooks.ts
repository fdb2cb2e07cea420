/**
 * Summarizes whether webhooks arrive. Pure; the report and the metrics show the same
 * numbers.
 */

import { ProjectWebhooks } from './WebhookStore';

/** A longer list is of no use to people or dashboards. */
const MAX_LISTED = 1_000;

/** The webhooks of one provider. */
export interface WebhookSummary {
  /** When the last event about any of its projects arrived, epoch milliseconds. */
  readonly lastEventAtMs?: number;
  /**
   * Number of projects with registered repositories about which no event ever arrived.
   */
  readonly silentProjects: number;
  /** Number of changes that runs found and no event had announced. */
  readonly unannounced: number;
  readonly totalProjects: number;
  /**
   * At most 1,000: first the silent ones, then the others by their last event, oldest
   * first.
   */
  readonly projects: readonly ProjectWebhooks[];
}

/**
 * Summarizes the webhooks of a provider.
 *
 * @param projects - the provider's projects, each once
 */
export function summarizeWebhooks(projects: readonly ProjectWebhooks[]): WebhookSummary {
  const isSilent = (project: ProjectWebhooks) =>
    project.registered > 0 && project.lastEventAtMs === undefined;
  const rank = (project: ProjectWebhooks) =>
    isSilent(project) ? -Infinity : (project.lastEventAtMs ?? Infinity);
  const sorted = [...projects].sort((a, b) =>
    rank(a) === rank(b) ? 0 : rank(a) - rank(b),
  );
  const times = projects.flatMap(project => project.lastEventAtMs ?? []);
  return {
    ...(times.length > 0 && {
      lastEventAtMs: times.reduce((a, b) => Math.max(a, b)),
    }),
    silentProjects: projects.filter(isSilent).length,
    unannounced: projects.reduce((sum, project) => sum + project.unannounced, 0),
    totalProjects: projects.length,
    projects: sorted.slice(0, MAX_LISTED),
  };
}
