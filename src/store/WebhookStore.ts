/** Stores webhook statistics, one row per project, shared by all replicas. */

import { z } from 'zod';
import { Run } from '../discovery/performRun';
import { ProjectSummary } from '../discovery/summarizeProjects';
import { storableText } from '../util/text';
import { DiscoveryDatabase, inBatches } from './DiscoveryDatabase';
import { BigNumber, toSortKey } from './tables';

const WEBHOOKS = 'bitbucket_server_discovery_webhooks';

/** Maximum number of projects per provider; a server has hundreds, rarely thousands. */
export const MAX_PROJECTS = 5_000;

/** Webhook statistics of one project. */
export interface ProjectWebhooks {
  readonly projectKey: string;
  /** Number of repositories registered in the last complete run. */
  readonly registered: number;
  /** When the last event arrived, epoch milliseconds; up to a minute behind. */
  readonly lastEventAtMs?: number;
  /** Total number of changes that runs found and no event had announced. */
  readonly unannounced: number;
  /** When a run last found such a change, epoch milliseconds. */
  readonly lastUnannouncedAtMs?: number;
}

const optionalNumber = BigNumber.nullable().transform(value => value ?? undefined);

const Row = z
  .object({
    project_key: z.string(),
    registered: z.coerce.number(),
    last_event_at_ms: optionalNumber,
    unannounced: BigNumber,
    last_unannounced_at_ms: optionalNumber,
  })
  .transform((row): ProjectWebhooks => ({
    projectKey: row.project_key,
    registered: row.registered,
    lastEventAtMs: row.last_event_at_ms,
    unannounced: row.unannounced,
    lastUnannouncedAtMs: row.last_unannounced_at_ms,
  }));

/** Stores in the catalog's database. */
export class WebhookStore {
  constructor(private readonly database: DiscoveryDatabase) {}

  /** Loads the statistics of a provider, ordered by project key. */
  async load(providerId: string): Promise<ProjectWebhooks[]> {
    const knex = await this.database.connect();
    const rows: unknown[] = await knex(WEBHOOKS)
      .where('provider_id', providerId)
      .orderBy('project_key_sort');
    return rows.flatMap(row => Row.safeParse(row).data ?? []);
  }

  /** Records that an event about a project arrived, in one statement. */
  async recordEvent(providerId: string, projectKey: string, atMs: number): Promise<void> {
    const knex = await this.database.connect();
    await knex(WEBHOOKS)
      .insert({ ...toKeys(providerId, projectKey), last_event_at_ms: atMs })
      .onConflict(['provider_id', 'project_key_sort'])
      .merge(['last_event_at_ms']);
  }

  /**
   * Stores the findings of a complete run. Projects that it lacks are deleted, unless an
   * event about them arrived during the run. Writes only changed rows.
   */
  async recordRun(
    providerId: string,
    projects: readonly ProjectSummary[],
    { startedAtMs, finishedAtMs }: Pick<Run, 'startedAtMs' | 'finishedAtMs'>,
  ): Promise<void> {
    const stored = new Map(
      (await this.load(providerId)).map(project => [
        toSortKey(project.projectKey),
        project,
      ]),
    );
    const kept = [...projects]
      .sort((a, b) => b.registered - a.registered)
      .slice(0, MAX_PROJECTS);
    const changed = kept.filter(({ projectKey, registered, unannounced }) => {
      const before = stored.get(toSortKey(projectKey));
      return (
        unannounced > 0 ||
        before?.registered !== registered ||
        before.projectKey !== storableText(projectKey)
      );
    });
    const present = new Set(kept.map(project => toSortKey(project.projectKey)));
    const knex = await this.database.connect();
    await inBatches(changed, batch =>
      knex(WEBHOOKS)
        .insert(batch.map(project => toRow(providerId, project, stored, finishedAtMs)))
        .onConflict(['provider_id', 'project_key_sort'])
        // An event may have arrived since the row was read.
        .merge(['project_key', 'registered', 'unannounced', 'last_unannounced_at_ms']),
    );
    const missing = [...stored]
      .filter(
        ([key, project]) =>
          !present.has(key) && !((project.lastEventAtMs ?? 0) > startedAtMs),
      )
      .map(([key]) => key);
    await inBatches(missing, batch =>
      knex(WEBHOOKS)
        .where('provider_id', providerId)
        .whereIn('project_key_sort', batch)
        .delete(),
    );
  }
}

function toKeys(providerId: string, projectKey: string) {
  return {
    provider_id: providerId,
    project_key_sort: toSortKey(projectKey),
    project_key: storableText(projectKey),
  };
}

function toRow(
  providerId: string,
  { projectKey, registered, unannounced }: ProjectSummary,
  stored: ReadonlyMap<string, ProjectWebhooks>,
  atMs: number,
) {
  const before = stored.get(toSortKey(projectKey));
  return {
    ...toKeys(providerId, projectKey),
    registered,
    unannounced: (before?.unannounced ?? 0) + unannounced,
    last_unannounced_at_ms:
      unannounced > 0 ? atMs : (before?.lastUnannouncedAtMs ?? null),
  };
}
