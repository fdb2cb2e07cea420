/** The report of all providers in tables of their own, beside what they remember. */

import type { Knex } from 'knex';
import { addressKey, isPlaceholderId } from '../discovery/identify';
import { compareReports, HeldRemovalReport, RepositoryReport } from '../discovery/report';
import { parseTarget } from '../util/parseTarget';
import { chunksOf, DiscoveryDatabase } from './DiscoveryDatabase';
import {
  FinishedRun,
  ReportStore,
  RepositoryPage,
  RepositoryQuery,
  RunFailure,
  RunStart,
  RunTrigger,
  StoredDiscovery,
} from './ReportStore';
import {
  parseCountRow,
  parseReportRow,
  parseStatusRow,
  toFailureRow,
  toFinishRow,
  toReportRow,
  toSortKey,
  toStartRow,
} from './reportRows';
import { REPOSITORIES } from './memoryTables';
import { parseHeldReportRow } from './storedRows';

const STATUS = 'bitbucket_server_discovery_status';
const REPORTS = 'bitbucket_server_discovery_reports';
const HELD = 'bitbucket_server_discovery_held';

/** Stores reports in the catalog's database. */
export class DatabaseReportStore implements ReportStore {
  readonly #database: DiscoveryDatabase;

  constructor(database: DiscoveryDatabase) {
    this.#database = database;
  }

  async noteTrigger(providerId: string, trigger: 'manual'): Promise<void> {
    const knex = await this.#database.connect();
    await saveStatus(knex, { provider_id: providerId, next_trigger: trigger });
  }

  async takeTrigger(providerId: string): Promise<RunTrigger> {
    const knex = await this.#database.connect();
    // One statement: of two replicas that ask at the same time only one changes the row.
    const taken = await knex(STATUS)
      .where({ provider_id: providerId, next_trigger: 'manual' })
      .update({ next_trigger: null });
    return taken > 0 ? 'manual' : 'schedule';
  }

  async beginRun(providerId: string, start: RunStart): Promise<void> {
    const knex = await this.#database.connect();
    await saveStatus(knex, toStartRow(providerId, start));
  }

  async finishRun(
    providerId: string,
    run: FinishedRun,
    repositories: readonly RepositoryReport[],
  ): Promise<void> {
    const knex = await this.#database.connect();
    await knex.transaction(async transaction => {
      await saveStatus(transaction, toFinishRow(providerId, run));
      if (run.status === 'succeeded') {
        await transaction(REPORTS).where('provider_id', providerId).delete();
      }
      await saveReports(transaction, providerId, repositories);
    });
  }

  async failRun(providerId: string, failure: RunFailure): Promise<void> {
    const knex = await this.#database.connect();
    await saveStatus(knex, toFailureRow(providerId, failure));
  }

  async saveRepositories(
    providerId: string,
    repositories: readonly RepositoryReport[],
  ): Promise<void> {
    const knex = await this.#database.connect();
    await knex.transaction(transaction =>
      saveReports(transaction, providerId, repositories),
    );
  }

  async forgetRepositories(
    providerId: string,
    repositoryIds: readonly number[],
  ): Promise<void> {
    const knex = await this.#database.connect();
    await knex.transaction(async transaction => {
      for (const some of chunksOf(repositoryIds)) {
        await transaction(REPORTS)
          .where('provider_id', providerId)
          .whereIn('repository_id', some)
          .delete();
      }
    });
  }

  async loadDiscoveries(): Promise<StoredDiscovery[]> {
    const knex = await this.#database.connect();
    const rows: unknown[] = await knex(STATUS).select();
    return rows.map(parseStatusRow);
  }

  async loadDiscovery(providerId: string): Promise<StoredDiscovery | undefined> {
    const knex = await this.#database.connect();
    const row: unknown = await knex(STATUS).where('provider_id', providerId).first();
    return row === undefined ? undefined : parseStatusRow(row);
  }

  async loadHeldRemovals(providerId: string): Promise<HeldRemovalReport[]> {
    const knex = await this.#database.connect();
    const rows: unknown[] = await knex(HELD)
      .where(`${HELD}.provider_id`, providerId)
      .leftJoin(REPOSITORIES, {
        [`${REPOSITORIES}.provider_id`]: `${HELD}.provider_id`,
        [`${REPOSITORIES}.repository_id`]: `${HELD}.repository_id`,
      })
      .select(`${HELD}.*`, `${REPOSITORIES}.project_key`, `${REPOSITORIES}.slug`);
    return rows.map(parseHeldReportRow);
  }

  async pageRepositories(
    providerId: string,
    { outcome, project, limit, offset }: RepositoryQuery,
  ): Promise<RepositoryPage> {
    const knex = await this.#database.connect();
    const matching = knex(REPORTS).where({
      provider_id: providerId,
      ...(outcome !== undefined && { outcome }),
      ...(project !== undefined && { project_key_sort: toSortKey(project) }),
    });
    const count: unknown = await matching.clone().count({ total: '*' }).first();
    const rows: unknown[] = await matching
      .orderBy(['project_key_sort', 'slug_sort', 'repository_id'])
      .limit(limit)
      .offset(offset);
    return { items: rows.map(parseReportRow), totalItems: parseCountRow(count) };
  }

  async findRepository(
    providerId: string,
    projectKey: string,
    slug: string,
  ): Promise<RepositoryReport | undefined> {
    const knex = await this.#database.connect();
    const row: unknown = await knex(REPORTS)
      .where({
        provider_id: providerId,
        project_key_sort: toSortKey(projectKey),
        slug_sort: toSortKey(slug),
      })
      // Of two that were at one address, the one that came later has it now.
      .orderBy('repository_id', 'desc')
      .first();
    return row === undefined ? undefined : parseReportRow(row);
  }

  async findByTargets(
    providerId: string,
    targetUrls: readonly string[],
  ): Promise<RepositoryReport[]> {
    const knex = await this.#database.connect();
    const wanted = new Set(targetUrls);
    const addresses = [...wanted].flatMap(url => parseTarget(url) ?? []);
    // By address, since the database does not look into the lists of files.
    const unique = new Map(addresses.map(one => [addressKey(one), one]));
    const found: RepositoryReport[] = [];
    for (const some of chunksOf([...unique.values()])) {
      const rows: unknown[] = await knex(REPORTS)
        .where('provider_id', providerId)
        .whereIn(
          ['project_key_sort', 'slug_sort'],
          some.map(one => [toSortKey(one.projectKey), toSortKey(one.slug)]),
        );
      found.push(...rows.map(parseReportRow));
    }
    return found
      .filter(one => one.files.some(file => wanted.has(file.targetUrl)))
      .sort(compareReports);
  }
}

/** Columns that are not named stay as they are. */
async function saveStatus(
  knex: Knex,
  columns: { provider_id: string } & Record<string, string | number | boolean | null>,
): Promise<void> {
  await knex(STATUS).insert(columns).onConflict('provider_id').merge();
}

async function saveReports(
  knex: Knex,
  providerId: string,
  repositories: readonly RepositoryReport[],
): Promise<void> {
  // A statement that names a row twice fails.
  const byId = new Map(repositories.map(one => [one.repositoryId, one]));
  const rows = [...byId.values()].map(one => toReportRow(providerId, one));
  const identified = rows.filter(row => !isPlaceholderId(row.repository_id));
  for (const some of chunksOf(identified)) {
    await deletePlaceholders(knex, providerId, some);
  }
  for (const some of chunksOf(rows)) {
    await knex(REPORTS).insert(some).onConflict(['provider_id', 'repository_id']).merge();
  }
}

/** A repository whose id has become known must not show a second time under its placeholder. */
async function deletePlaceholders(
  knex: Knex,
  providerId: string,
  identified: readonly ReturnType<typeof toReportRow>[],
): Promise<void> {
  await knex(REPORTS)
    .where('provider_id', providerId)
    .where('repository_id', '<', 0)
    .whereIn(
      ['project_key_sort', 'slug_sort'],
      identified.map(row => [row.project_key_sort, row.slug_sort]),
    )
    .delete();
}
