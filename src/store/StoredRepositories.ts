/**
 * Reads the rows of repositories. A row that cannot be read, broken or of a newer version,
 * is the problem of that row: its repository is unknown.
 */

import type { Knex } from 'knex';
import { RepositoryReport, reportRepository } from '../discovery/report';
import {
  KnownRepository,
  RepositoryResult,
  RepositorySelector,
} from '../discovery/types';
import { ProviderRow } from './providerRows';
import { readRepositoryRow, SalvagedRow, salvageRow, toSortKey } from './stateRows';
import {
  deleteRepositories,
  idsWithFilesAt,
  readProgress,
  REPOSITORIES,
  repositoryPages,
  writeRepositories,
} from './stateTables';

/** What a row says, or what is left of it. */
export interface ReadRow {
  readonly known?: KnownRepository;
  readonly salvaged?: SalvagedRow;
}

interface Look {
  readonly revision: number;
  readonly checkedAtMs: number;
}

/** Reads rows, and names each that cannot be read once. */
export class StoredRepositories {
  readonly #onWarning: (message: string) => void;
  readonly #warned = new Set<string>();

  constructor(onWarning: (message: string) => void) {
    this.#onWarning = onWarning;
  }

  /** All of a provider, each with its last look, whether that wrote the row or left it alone. */
  async readAll(
    knex: Knex,
    provider: ProviderRow,
  ): Promise<{ known: KnownRepository[]; salvaged: SalvagedRow[] }> {
    const { provider_id: providerId } = provider;
    const looks = new Map<number, Look>();
    for (const { repositoryIds, ...look } of await readProgress(knex, providerId)) {
      repositoryIds.forEach(id => looks.set(id, look));
    }
    const known: KnownRepository[] = [];
    const salvaged: SalvagedRow[] = [];
    for await (const rows of repositoryPages(knex, providerId)) {
      for (const row of rows) {
        const read = this.read(providerId, row);
        const one = read.known ?? read.salvaged?.repository;
        salvaged.push(...(read.salvaged ? [read.salvaged] : []));
        if (one) {
          known.push(withLastLook(one, provider, looks.get(one.repositoryId)));
        }
      }
    }
    return { known, salvaged };
  }

  /** Those of a few, and those that hold a file of theirs. */
  async readRelated(
    knex: Knex,
    providerId: string,
    { repositoryIds, addresses }: RepositorySelector,
  ): Promise<KnownRepository[]> {
    const keys = addresses.map(
      ({ projectKey, slug }) => [toSortKey(projectKey), toSortKey(slug)] as const,
    );
    const holders = await idsWithFilesAt(knex, providerId, keys);
    const own = () => knex(REPOSITORIES).where('provider_id', providerId);
    // Strung together, not alternatives in one condition: for that SQLite reads every row.
    const rows: unknown[] = await own()
      .whereIn('repository_id', [...repositoryIds, ...holders])
      .unionAll(
        keys.map(([project_key_sort, slug_sort]) =>
          own().where({ project_key_sort, slug_sort }),
        ),
      );
    const related = rows.flatMap(row => this.read(providerId, row).known ?? []);
    return [...new Map(related.map(known => [known.repositoryId, known])).values()];
  }

  read(providerId: string, row: unknown): ReadRow {
    const known = readRepositoryRow(row);
    if (known) {
      return { known };
    }
    const salvaged = salvageRow(row);
    const name = `${salvaged.name} (provider ${providerId})`;
    if (!this.#warned.has(name)) {
      this.#warned.add(name);
      this.#onWarning(
        `What is stored of ${name} cannot be read: it is broken, or a newer version wrote it. The next run looks at the repository again and writes it anew`,
      );
    }
    return { salvaged };
  }

  /** What people are shown of a row; nothing where no run has come to the repository. */
  report(provider: ProviderRow, row: unknown): RepositoryReport[] {
    const read = this.read(provider.provider_id, row);
    const one = read.known ?? read.salvaged?.repository;
    const known = one && withLastLook(one, provider, undefined);
    const outcome = known && outcomeOf(known);
    if (!outcome) {
      return [];
    }
    const { repositoryId: id, projectKey, slug } = known;
    return [reportRepository({ repository: { id, projectKey, slug }, outcome }, known)];
  }
}

function outcomeOf({
  problem,
  settled,
}: KnownRepository): RepositoryResult['outcome'] | undefined {
  return problem ? { kind: 'unknown', ...problem } : settled;
}

/** A complete run, or the progress of one that goes on, stands for rows that it left alone. */
function withLastLook(
  known: KnownRepository,
  provider: ProviderRow,
  look: Look | undefined,
): KnownRepository {
  const own = known.revision ?? 0;
  if (known.problem || !known.settled) {
    return known;
  }
  if (look && look.revision > own) {
    return { ...known, ...look };
  }
  const { checked_revision: revision, checked_at_ms: checkedAtMs } = provider;
  return revision > own && checkedAtMs !== null
    ? { ...known, revision, checkedAtMs }
    : known;
}

/** Writes rows anew that could not be read. */
export async function replaceSalvaged(
  knex: Knex,
  providerId: string,
  salvaged: readonly SalvagedRow[],
): Promise<void> {
  if (salvaged.length > 0) {
    await knex.transaction(async transaction => {
      const ids = salvaged.map(one => one.rawId);
      await deleteRepositories(transaction, providerId, ids);
      const repositories = salvaged.flatMap(one => one.repository ?? []);
      await writeRepositories(transaction, providerId, repositories);
    });
  }
}
