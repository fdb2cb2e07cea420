/**
 * The SQL statements on the repositories of a provider: in pages and batches, without
 * table scans. A row that cannot be read, because it is broken or was written by a newer
 * version, affects only its own repository, which becomes unknown.
 */

import type { Knex } from 'knex';
import { z } from 'zod';
import { getCheckTime } from '../discovery/recheck';
import { KnownRepository, RepositorySelector } from '../discovery/types';
import { RepositoryAddress } from '../model';
import { yieldToEventLoop } from '../util/clock';
import { DiscoveryDatabase, toChunks, inBatches } from './DiscoveryDatabase';
import { isPostgres } from './migrate';
import { ProviderRow } from './ProviderTable';
import { UnchangedChecks } from './records';
import {
  foreignAddresses,
  readRepositoryRow,
  SalvagedRow,
  salvageRow,
  Share,
  shareTexts,
  toRepositoryRow,
} from './repositoryRows';
import {
  BigNumber,
  FOREIGN_FILES,
  jsonColumn,
  PROGRESS,
  REPOSITORIES,
  toSortKey,
} from './tables';

/**
 * Number of rows to read before yielding to the event loop: SQLite blocks while it works.
 */
const ROWS_PER_PAGE = 500;

const RevisionRow = z.object({ repository_id: BigNumber, revision: BigNumber });
const IdRow = z.object({ repository_id: z.unknown() });
const ProgressRow = z
  .object({
    revision: BigNumber,
    checked_at_ms: BigNumber,
    repository_ids: jsonColumn(z.array(z.number())),
  })
  .transform((row): UnchangedChecks => ({
    repositoryIds: row.repository_ids,
    revision: row.revision,
    checkedAtMs: row.checked_at_ms,
  }));

/** The content of a row, or what could be salvaged from it. */
interface ReadRow {
  readonly known?: KnownRepository;
  readonly salvaged?: SalvagedRow;
}

type LastCheck = Pick<UnchangedChecks, 'revision' | 'checkedAtMs'>;

/** The repositories of one provider, on a connection or in a transaction. */
export class RepositoryTable {
  readonly #knex: Knex;
  readonly #providerId: string;
  readonly #database: Pick<DiscoveryDatabase, 'warn'>;

  /** @param database - is told of each row that cannot be read */
  constructor(knex: Knex, providerId: string, database: Pick<DiscoveryDatabase, 'warn'>) {
    this.#knex = knex;
    this.#providerId = providerId;
    this.#database = database;
  }

  /**
   * Reads all repositories, each with its last check, whether or not that check wrote the
   * row.
   */
  async readAll(
    provider: ProviderRow,
  ): Promise<{ known: KnownRepository[]; salvaged: SalvagedRow[] }> {
    const checks = new Map<number, LastCheck>();
    for (const { repositoryIds, ...check } of await this.#readProgress()) {
      repositoryIds.forEach(id => checks.set(id, check));
    }
    const known: KnownRepository[] = [];
    const salvaged: SalvagedRow[] = [];
    const share = shareTexts();
    for await (const rows of this.#pages()) {
      for (const row of rows) {
        const read = this.#read(row, share);
        const repository = read.known ?? read.salvaged?.repository;
        if (read.salvaged) {
          salvaged.push(read.salvaged);
        }
        if (repository) {
          const check = checks.get(repository.repositoryId);
          known.push(withLastCheck(repository, provider, check));
        }
      }
    }
    return { known, salvaged };
  }

  /** Reads the selected repositories, and those that hold a file at their addresses. */
  async readRelated({
    repositoryIds,
    addresses,
  }: RepositorySelector): Promise<KnownRepository[]> {
    const holders = await this.idsWithFilesAt(addresses);
    // A union instead of a condition with `or`, for which SQLite reads every row.
    const rows: unknown[] = await this.#own()
      .whereIn('repository_id', [...repositoryIds, ...holders])
      .unionAll(addresses.map(address => this.#own().where(toAddressColumns(address))));
    const related = this.#readKnown(rows);
    return [...new Map(related.map(known => [known.repositoryId, known])).values()];
  }

  /**
   * Reads the repositories stored with a later revision than the given one and than the
   * one returned by `seen`.
   */
  async readNewer(
    revision: number,
    seen: (repositoryId: number) => number,
  ): Promise<KnownRepository[]> {
    const newer: KnownRepository[] = [];
    for await (const page of this.#pages(revision)) {
      const ids = page
        .flatMap(row => RevisionRow.safeParse(row).data ?? [])
        .filter(row => row.revision > seen(row.repository_id))
        .map(row => row.repository_id);
      if (ids.length > 0) {
        newer.push(...this.#readKnown(await this.#own().whereIn('repository_id', ids)));
      }
    }
    return newer;
  }

  /**
   * Converts a row for a report; `undefined` if not even the repository can be
   * identified.
   */
  readOne(provider: ProviderRow, row: unknown): KnownRepository | undefined {
    const read = this.#read(row);
    const known = read.known ?? read.salvaged?.repository;
    return known && withLastCheck(known, provider, undefined);
  }

  /** Returns whether there are repositories of one of these projects. */
  async hasProject(projectKeys: readonly string[]): Promise<boolean> {
    for (const projectKey of projectKeys) {
      const row: unknown = await this.#own()
        .where('project_key_sort', toSortKey(projectKey))
        .first('repository_id');
      if (row !== undefined) {
        return true;
      }
    }
    return false;
  }

  /**
   * Returns the ids of the repositories that hold a file at one of these addresses while
   * being elsewhere themselves.
   */
  async idsWithFilesAt(addresses: readonly RepositoryAddress[]): Promise<number[]> {
    const rows: unknown[] = await this.#own(FOREIGN_FILES)
      .whereIn(['project_key_sort', 'slug_sort'], addresses.map(toSortKeys))
      .select('repository_id');
    return rows.map(row => BigNumber.parse(IdRow.parse(row).repository_id));
  }

  /**
   * Writes repositories, except where the table has newer rows.
   *
   * @remarks To be called in a transaction, so that a row and the addresses of its files
   * stay consistent.
   */
  async write(repositories: readonly KnownRepository[]): Promise<void> {
    const isOlder = isPostgres(this.#knex)
      ? '??.revision <= excluded.revision'
      : // A value that is not a number does not come from this store.
        "(typeof(??.revision) <> 'integer' or ??.revision <= excluded.revision)";
    const names = isPostgres(this.#knex) ? [REPOSITORIES] : [REPOSITORIES, REPOSITORIES];
    // A statement that inserts a row twice fails.
    const byId = new Map(repositories.map(known => [known.repositoryId, known]));
    await inBatches([...byId.values()], async batch => {
      await this.#knex(REPOSITORIES)
        .insert(batch.map(known => toRepositoryRow(this.#providerId, known)))
        .onConflict(['provider_id', 'repository_id'])
        .merge()
        .whereRaw(isOlder, names);
      const ids = batch.map(known => known.repositoryId);
      await this.#own(FOREIGN_FILES).whereIn('repository_id', ids).delete();
      const foreign = batch.flatMap(known =>
        foreignAddresses(known).map(address => ({
          provider_id: this.#providerId,
          repository_id: known.repositoryId,
          ...toAddressColumns(address),
        })),
      );
      for (const rows of toChunks(foreign)) {
        await this.#knex(FOREIGN_FILES).insert(rows);
      }
    });
  }

  /** Replaces the rows that could not be read. */
  async replaceSalvaged(salvaged: readonly SalvagedRow[]): Promise<void> {
    await this.delete(salvaged.map(row => row.rawId));
    await this.write(salvaged.flatMap(row => row.repository ?? []));
  }

  /** @param ids - as the database returned them, possibly not numbers */
  async delete(ids: readonly unknown[]): Promise<void> {
    await inBatches(ids.map(toBinding), async batch => {
      for (const table of [REPOSITORIES, FOREIGN_FILES]) {
        await this.#own(table).whereIn('repository_id', batch).delete();
      }
    });
  }

  /** Deletes all of them. */
  async deleteAll(): Promise<void> {
    for (const table of [REPOSITORIES, FOREIGN_FILES, PROGRESS]) {
      await this.#own(table).delete();
    }
  }

  /** Records the repositories that were checked and have not changed. */
  async writeProgress(batch: number, checks: UnchangedChecks): Promise<void> {
    await this.#knex(PROGRESS)
      .insert({
        provider_id: this.#providerId,
        batch,
        revision: checks.revision,
        checked_at_ms: checks.checkedAtMs,
        repository_ids: JSON.stringify(checks.repositoryIds),
      })
      .onConflict(['provider_id', 'batch'])
      .merge();
  }

  /**
   * Writes the progress of an interrupted run that is not resumed to the rows of its
   * repositories.
   */
  async settleProgress(): Promise<void> {
    for (const { repositoryIds, revision, checkedAtMs } of await this.#readProgress()) {
      await inBatches(repositoryIds, batch =>
        this.#own()
          .whereIn('repository_id', batch)
          .where('revision', '<', revision)
          .update({ revision, checked_at_ms: checkedAtMs }),
      );
    }
    await this.deleteProgress();
  }

  async deleteProgress(): Promise<void> {
    await this.#own(PROGRESS).delete();
  }

  /** Reads the checks of runs that did not complete, oldest first. */
  async #readProgress(): Promise<UnchangedChecks[]> {
    const rows: unknown[] = await this.#own(PROGRESS).orderBy('batch');
    return rows.flatMap(row => ProgressRow.safeParse(row).data ?? []);
  }

  /**
   * Reads all rows ordered by id.
   *
   * @param newerThan - reads only ids and revisions, and only of rows with a later
   * revision
   */
  async *#pages(newerThan?: number): AsyncGenerator<unknown[]> {
    let last: unknown;
    for (;;) {
      const page = this.#own().orderBy('repository_id').limit(ROWS_PER_PAGE);
      if (newerThan !== undefined) {
        page.where('revision', '>', newerThan).select('repository_id', 'revision');
      }
      if (last !== undefined) {
        page.whereRaw('repository_id > ?', [toBinding(last)]);
      }
      const rows: unknown[] = await page;
      yield rows;
      if (rows.length < ROWS_PER_PAGE) {
        return;
      }
      last = IdRow.parse(rows.at(-1)).repository_id;
      await yieldToEventLoop();
    }
  }

  #own(table = REPOSITORIES) {
    return this.#knex(table).where('provider_id', this.#providerId);
  }

  #readKnown(rows: readonly unknown[]): KnownRepository[] {
    return rows.flatMap(row => this.#read(row).known ?? []);
  }

  #read(row: unknown, share?: Share): ReadRow {
    const known = readRepositoryRow(row, share);
    if (known) {
      return { known };
    }
    const salvaged = salvageRow(row);
    this.#database.warn(
      `The stored state of ${salvaged.name} (provider ${this.#providerId}) cannot be read: it is broken, or a newer version wrote it. The next run checks the repository again and replaces the row`,
    );
    return { salvaged };
  }
}

/** Converts a value returned by the database to one that finds the row again. */
function toBinding(value: unknown): string | number | null {
  return typeof value === 'string' || typeof value === 'number' ? value : null;
}

/** Returns an address in comparable form. */
export function toSortKeys({ projectKey, slug }: RepositoryAddress): [string, string] {
  return [toSortKey(projectKey), toSortKey(slug)];
}

/** Returns an address in comparable form, as columns. */
export function toAddressColumns(address: RepositoryAddress) {
  const [project_key_sort, slug_sort] = toSortKeys(address);
  return { project_key_sort, slug_sort };
}

/**
 * Adds the last check to a row that it did not write: one by a complete run, or by one in
 * progress. Changes the new object in place: with a copy, each would take twice the memory.
 */
function withLastCheck(
  known: KnownRepository,
  provider: ProviderRow,
  check: LastCheck | undefined,
): KnownRepository {
  const own = known.revision ?? 0;
  if (known.problem || !known.conclusive) {
    return known;
  }
  if (check && check.revision > own) {
    return Object.assign(known, check);
  }
  const { checked_revision: revision, checked_at_ms: checkedAtMs, recheck } = provider;
  if (known.conclusive.kind !== 'excluded') {
    const atBucket = getCheckTime(recheck, known);
    return atBucket && atBucket.revision > own
      ? Object.assign(known, { revision: atBucket.revision, checkedAtMs: atBucket.atMs })
      : known;
  }
  return revision > own && checkedAtMs !== null
    ? Object.assign(known, { revision, checkedAtMs })
    : known;
}
