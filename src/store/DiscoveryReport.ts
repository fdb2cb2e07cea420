/** The report: questions to what is stored, so that any replica can answer for all of them. */

import type { Knex } from 'knex';
import { z } from 'zod';
import { addressKey } from '../discovery/identify';
import { compareReports, HeldRemovalReport, RepositoryReport } from '../discovery/report';
import { OutcomeKind } from '../model';
import { parseTarget } from '../util/parseUrls';
import { chunksOf, DiscoveryDatabase } from './DiscoveryDatabase';
import { ProviderRow, readProviderRow, toStoredDiscovery } from './providerRows';
import { StoredDiscovery } from './records';
import { BigNumber, readHeldReportRow, toSortKey } from './stateRows';
import {
  HELD,
  idsWithFilesAt,
  providerRow,
  PROVIDERS,
  REPOSITORIES,
} from './stateTables';
import { StoredRepositories } from './StoredRepositories';

/** Which repositories are asked for. */
export interface RepositoryQuery {
  readonly outcome?: OutcomeKind;
  /** A project key, whatever the case of its letters. */
  readonly project?: string;
  readonly limit: number;
  readonly offset: number;
}

/** A part of the repositories that match. */
export interface RepositoryPage {
  readonly items: readonly RepositoryReport[];
  /** How many match altogether. */
  readonly totalItems: number;
}

const CountRow = z.object({ total: BigNumber });

/** Answers for each provider. */
export class DiscoveryReport {
  readonly #database: DiscoveryDatabase;
  readonly #repositories: StoredRepositories;

  constructor(database: DiscoveryDatabase) {
    this.#database = database;
    this.#repositories = new StoredRepositories(message => database.warn(message));
  }

  /** Of every provider that something is stored of, also one that is not configured any more. */
  async loadDiscoveries(): Promise<StoredDiscovery[]> {
    const knex = await this.#database.connect();
    const rows: unknown[] = await knex(PROVIDERS).select();
    return rows.map(readProviderRow).flatMap(row => (row ? toStoredDiscovery(row) : []));
  }

  async loadDiscovery(providerId: string): Promise<StoredDiscovery | undefined> {
    const knex = await this.#database.connect();
    const row = await providerRow(knex, providerId);
    return row && toStoredDiscovery(row);
  }

  /** The removals that are held back now, in no order. */
  async loadHeldRemovals(providerId: string): Promise<HeldRemovalReport[]> {
    const knex = await this.#database.connect();
    const rows: unknown[] = await knex(HELD)
      .where(`${HELD}.provider_id`, providerId)
      .leftJoin(REPOSITORIES, {
        [`${REPOSITORIES}.provider_id`]: `${HELD}.provider_id`,
        [`${REPOSITORIES}.repository_id`]: `${HELD}.repository_id`,
      })
      .select(`${HELD}.*`, `${REPOSITORIES}.project_key`, `${REPOSITORIES}.slug`);
    return rows.flatMap(row => readHeldReportRow(row) ?? []);
  }

  /** In the order of `compareReports`. */
  async pageRepositories(
    providerId: string,
    { outcome, project, limit, offset }: RepositoryQuery,
  ): Promise<RepositoryPage> {
    const knex = await this.#database.connect();
    const provider = await providerRow(knex, providerId);
    if (!provider) {
      return { items: [], totalItems: 0 };
    }
    const matching = reported(knex, providerId).where({
      ...(outcome !== undefined && { outcome }),
      ...(project !== undefined && { project_key_sort: toSortKey(project) }),
    });
    const count: unknown = await matching.clone().count({ total: '*' }).first();
    const rows: unknown[] = await matching
      .orderBy(['project_key_sort', 'slug_sort', 'repository_id'])
      .limit(limit)
      .offset(offset);
    return {
      items: rows.flatMap(row => this.#repositories.report(provider, row)),
      totalItems: CountRow.parse(count).total,
    };
  }

  /** Finds the repository at an address, whatever the case of its letters. */
  async findRepository(
    providerId: string,
    projectKey: string,
    slug: string,
  ): Promise<RepositoryReport | undefined> {
    const knex = await this.#database.connect();
    const provider = await providerRow(knex, providerId);
    const row: unknown = await reported(knex, providerId)
      .where({ project_key_sort: toSortKey(projectKey), slug_sort: toSortKey(slug) })
      // Of two that were at one address, the one that came later has it now.
      .orderBy('repository_id', 'desc')
      .first();
    return provider && row !== undefined
      ? this.#repositories.report(provider, row)[0]
      : undefined;
  }

  /** The repositories that have one of these files, in the order of `compareReports`. */
  async findByTargets(
    providerId: string,
    targetUrls: readonly string[],
  ): Promise<RepositoryReport[]> {
    const knex = await this.#database.connect();
    const provider = await providerRow(knex, providerId);
    const wanted = new Set(targetUrls);
    const addresses = [...wanted].flatMap(url => parseTarget(url) ?? []);
    // By address, since the database does not look into the lists of files.
    const unique = new Map(addresses.map(one => [addressKey(one), one]));
    const found = new Map<number, RepositoryReport>();
    for (const some of provider ? chunksOf([...unique.values()]) : []) {
      for (const one of await this.#atAddresses(knex, provider, some)) {
        found.set(one.repositoryId, one);
      }
    }
    return [...found.values()]
      .filter(one => one.files.some(file => wanted.has(file.targetUrl)))
      .sort(compareReports);
  }

  async #atAddresses(
    knex: Knex,
    provider: ProviderRow | undefined,
    addresses: readonly { projectKey: string; slug: string }[],
  ): Promise<RepositoryReport[]> {
    if (!provider) {
      return [];
    }
    const { provider_id: id } = provider;
    const keys = addresses.map(
      one => [toSortKey(one.projectKey), toSortKey(one.slug)] as const,
    );
    const holders = await idsWithFilesAt(knex, id, keys);
    const rows: unknown[] = await reported(knex, id).andWhere(related => {
      related.whereIn(
        ['project_key_sort', 'slug_sort'],
        keys.map(one => [...one]),
      );
      related.orWhereIn('repository_id', holders);
    });
    return rows.flatMap(row => this.#repositories.report(provider, row));
  }
}

/**
 * What a run or an event has looked at; a repository whose id has become known does not
 * show a second time under its placeholder.
 */
function reported(knex: Knex, providerId: string) {
  return knex(REPOSITORIES)
    .where('provider_id', providerId)
    .whereNotNull('outcome')
    .where(shown => {
      shown.where('repository_id', '>=', 0).orWhereNotExists(
        knex
          .select(knex.raw('1'))
          .from(`${REPOSITORIES} as identified`)
          .where('identified.provider_id', providerId)
          .where(
            'identified.project_key_sort',
            knex.ref(`${REPOSITORIES}.project_key_sort`),
          )
          .where('identified.slug_sort', knex.ref(`${REPOSITORIES}.slug_sort`))
          .where('identified.repository_id', '>=', 0)
          .whereNotNull('identified.outcome'),
      );
    });
}
