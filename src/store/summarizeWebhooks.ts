/** Whether webhooks come, in numbers. Pure; the report and the metrics say the same. */

import { ProjectWebhooks } from './WebhookStore';

/** People and dashboards look through no more. */
const MAX_LISTED = 1_000;

/** The webhooks of one provider. */
export interface WebhookSummary {
  /** When the last event about any of its projects came; epoch milliseconds. */
  readonly lastEventAtMs?: number;
  /** Projects with registered repositories about which no event ever came. */
  readonly silentProjects: number;
  /** Changes that runs have found and no event had announced. */
  readonly unannounced: number;
  readonly totalProjects: number;
  /** At most 1,000: the silent ones first, then those whose last event is the longest ago. */
  readonly projects: readonly ProjectWebhooks[];
}

/** @param projects - those that the provider looks at, each once */
export function summarizeWebhooks(projects: readonly ProjectWebhooks[]): WebhookSummary {
  const isSilent = (one: ProjectWebhooks) =>
    one.registered > 0 && one.lastEventAtMs === undefined;
  const rank = (one: ProjectWebhooks) =>
    isSilent(one) ? -Infinity : (one.lastEventAtMs ?? Infinity);
  const sorted = projects
    .map(one => ({ one, rank: rank(one) }))
    .sort((a, b) => (a.rank === b.rank ? 0 : a.rank - b.rank))
    .map(({ one }) => one);
  const times = projects.flatMap(one => one.lastEventAtMs ?? []);
  return {
    ...(times.length > 0 && {
      lastEventAtMs: times.reduce((one, other) => Math.max(one, other)),
    }),
    silentProjects: projects.filter(isSilent).length,
    unannounced: projects.reduce((sum, one) => sum + one.unannounced, 0),
    totalProjects: projects.length,
    projects: sorted.slice(0, MAX_LISTED),
  };
}
