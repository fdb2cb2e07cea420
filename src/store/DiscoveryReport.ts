/**
 * The report: queries on the stored state, so that any replica can answer for all of
 * them.
 */

import type { Knex } from 'knex';
import { z } from 'zod';
import { addressKey } from '../discovery/identify';
import {
  compareReports,
  HeldRemovalReport,
  reportRepository,
  RepositoryReport,
} from '../discovery/report';
import { recheckDueAtMs } from '../discovery/recheck';
import { OutcomeKind, RepositoryAddress } from '../model';
import { parseTarget } from '../util/parseUrls';
import { toChunks, DiscoveryDatabase } from './DiscoveryDatabase';
import {
  ProviderRow,
  ProviderTable,
  readHeldRow,
  readProviderRow,
  toStoredDiscovery,
} from './ProviderTable';
import { StoredDiscovery } from './records';
import { RepositoryTable, toSortKeys, toAddressColumns } from './RepositoryTable';
import { BigNumber, HELD, PROVIDERS, REPOSITORIES, toSortKey } from './tables';

/** Which repositories to return. */
export interface RepositoryQuery {
  readonly outcome?: OutcomeKind;
  /** A project key, ignoring case. */
  readonly project?: string;
  readonly limit: number;
  readonly offset: number;
}

/** A page of the matching repositories. */
export interface RepositoryPage {
  readonly items: readonly RepositoryReport[];
  /** Total number of matching repositories. */
  readonly totalItems: number;
}

const CountRow = z.object({ total: BigNumber });
const AddressRow = z.object({
  project_key: z.string().nullish(),
  slug: z.string().nullish(),
});

/** The stored state of a provider. */
interface Stored {
  readonly knex: Knex;
  readonly provider: ProviderRow;
  readonly repositories: RepositoryTable;
}

/** Answers queries for every provider. */
export class DiscoveryReport {
  readonly #database: DiscoveryDatabase;

  constructor(database: DiscoveryDatabase) {
    this.#database = database;
  }

  /**
   * Loads the discoveries of every provider with stored state, including those no longer
   * configured.
   */
  async loadDiscoveries(): Promise<StoredDiscovery[]> {
    const knex = await this.#database.connect();
    const rows: unknown[] = await knex(PROVIDERS).select();
    return rows.map(readProviderRow).flatMap(row => (row ? toStoredDiscovery(row) : []));
  }

  async loadDiscovery(providerId: string): Promise<StoredDiscovery | undefined> {
    const stored = await this.#open(providerId);
    return stored && toStoredDiscovery(stored.provider);
  }

  /** Loads the current held removals, in no particular order. */
  async loadHeldRemovals(providerId: string): Promise<HeldRemovalReport[]> {
    const knex = await this.#database.connect();
    const rows: unknown[] = await knex(HELD)
      .where(`${HELD}.provider_id`, providerId)
      .leftJoin(REPOSITORIES, {
        [`${REPOSITORIES}.provider_id`]: `${HELD}.provider_id`,
        [`${REPOSITORIES}.repository_id`]: `${HELD}.repository_id`,
      })
      .select(`${HELD}.*`, `${REPOSITORIES}.project_key`, `${REPOSITORIES}.slug`);
    return rows.flatMap(toHeldReport);
  }

  /** Returns repositories in the order of `compareReports`. */
  async pageRepositories(
    providerId: string,
    { outcome, project, limit, offset }: RepositoryQuery,
  ): Promise<RepositoryPage> {
    const stored = await this.#open(providerId);
    if (!stored) {
      return { items: [], totalItems: 0 };
    }
    const matching = reported(stored).where({
      ...(outcome !== undefined && { outcome }),
      ...(project !== undefined && { project_key_sort: toSortKey(project) }),
    });
    const count: unknown = await matching.clone().count({ total: '*' }).first();
    const rows: unknown[] = await matching
      .orderBy(['project_key_sort', 'slug_sort', 'repository_id'])
      .limit(limit)
      .offset(offset);
    return { items: toReports(stored, rows), totalItems: CountRow.parse(count).total };
  }

  /** Finds the repository at an address, ignoring case. */
  async findRepository(
    providerId: string,
    projectKey: string,
    slug: string,
  ): Promise<RepositoryReport | undefined> {
    const stored = await this.#open(providerId);
    if (!stored) {
      return undefined;
    }
    const rows: unknown[] = await reported(stored)
      .where(toAddressColumns({ projectKey, slug }))
      // If two were at this address, the newer one has it now.
      .orderBy('repository_id', 'desc')
      .limit(1);
    return toReports(stored, rows)[0];
  }

  /**
   * Finds the repositories that have one of these files, in the order of
   * `compareReports`.
   */
  async findByTargets(
    providerId: string,
    targetUrls: readonly string[],
  ): Promise<RepositoryReport[]> {
    const wanted = new Set(targetUrls);
    const addresses = [...wanted].flatMap(url => parseTarget(url) ?? []);
    // Searched by address, since the database cannot query the lists of files.
    return (await this.findAt(providerId, addresses))
      .filter(report => report.files.some(file => wanted.has(file.targetUrl)))
      .sort(compareReports);
  }

  /** Finds the repositories at these addresses, and those that hold a file there. */
  async findAt(
    providerId: string,
    addresses: readonly RepositoryAddress[],
  ): Promise<RepositoryReport[]> {
    const stored = addresses.length > 0 ? await this.#open(providerId) : undefined;
    if (!stored) {
      return [];
    }
    const unique = new Map(addresses.map(address => [addressKey(address), address]));
    const found = new Map<number, RepositoryReport>();
    for (const chunk of toChunks([...unique.values()])) {
      const reports = await findAt(stored, chunk);
      reports.forEach(report => found.set(report.repositoryId, report));
    }
    return [...found.values()];
  }

  /** @returns `undefined` if the provider has no stored state */
  async #open(providerId: string): Promise<Stored | undefined> {
    const knex = await this.#database.connect();
    const provider = await new ProviderTable(knex, providerId).read();
    const repositories = new RepositoryTable(knex, providerId, this.#database);
    return provider && { knex, provider, repositories };
  }
}

/** Finds the repositories at one of these addresses, and those that hold a file there. */
async function findAt(
  stored: Stored,
  addresses: readonly RepositoryAddress[],
): Promise<RepositoryReport[]> {
  const holders = await stored.repositories.idsWithFilesAt(addresses);
  const rows: unknown[] = await reported(stored).andWhere(related => {
    related.whereIn(['project_key_sort', 'slug_sort'], addresses.map(toSortKeys));
    related.orWhereIn('repository_id', holders);
  });
  return toReports(stored, rows);
}

/** Converts rows to reports, without repositories that no run has checked. */
function toReports(
  { provider, repositories }: Stored,
  rows: readonly unknown[],
): RepositoryReport[] {
  return rows.flatMap(row => {
    const known = repositories.readOne(provider, row);
    const { problem, conclusive } = known ?? {};
    const outcome = problem ? ({ kind: 'unknown', ...problem } as const) : conclusive;
    if (!known || !outcome) {
      return [];
    }
    const { repositoryId: id, projectKey, slug } = known;
    const result = { repository: { id, projectKey, slug }, outcome };
    return [reportRepository(result, known, recheckDueAtMs(provider.recheck, known))];
  });
}

function toHeldReport(row: unknown): HeldRemovalReport[] {
  const held = readHeldRow(row);
  const { project_key: projectKey, slug } = AddressRow.safeParse(row).data ?? {};
  // As long as its id is unknown, only its target identifies the repository.
  const address =
    projectKey && slug ? { projectKey, slug } : parseTarget(held?.entryKey ?? '');
  return held ? [{ ...held, address }] : [];
}

/**
 * Selects the repositories that a run or an event has checked; a repository whose id is
 * known by now is not shown a second time under its placeholder.
 */
function reported({ knex, provider: { provider_id: providerId } }: Stored) {
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
