/** The statements on the tables of the state: pages, batches, and nothing that scans. */

import type { Knex } from 'knex';
import { z } from 'zod';
import { HeldRemoval, KnownRepository } from '../discovery/types';
import { yieldToEventLoop } from '../util/clock';
import { chunksOf } from './DiscoveryDatabase';
import { isPostgres } from './migrate';
import { ProviderRow, readProviderRow } from './providerRows';
import { UnchangedLooks } from './records';
import {
  BigNumber,
  foreignAddresses,
  hashOf,
  parseJson,
  toHeldRow,
  toRepositoryRow,
  toSortKey,
} from './stateRows';

export const PROVIDERS = 'bitbucket_server_discovery_providers';
export const REPOSITORIES = 'bitbucket_server_discovery_repositories';
export const HELD = 'bitbucket_server_discovery_held';
const FOREIGN_FILES = 'bitbucket_server_discovery_foreign_files';
const PROGRESS = 'bitbucket_server_discovery_progress';

/** So many are read, or written, before others get their turn: SQLite blocks while it works. */
const ROWS_PER_PAGE = 500;

/** Of rows of which only numbers are read. */
const IDS_PER_PAGE = 1_000;

const LookRow = z.object({ repository_id: BigNumber, revision: BigNumber });
const IdRow = z.object({ repository_id: z.unknown() });
const RevisionRow = z.object({ revision: BigNumber });

const ProgressRow = z.object({
  revision: BigNumber,
  checked_at_ms: BigNumber,
  repository_ids: z.string(),
});
const Ids = z.array(z.number());

/** The row of a provider. */
export async function providerRow(
  knex: Knex,
  providerId: string,
): Promise<ProviderRow | undefined> {
  const row: unknown = await knex(PROVIDERS).where('provider_id', providerId).first();
  return readProviderRow(row);
}

/** Columns that are not named stay as they are. */
export async function saveProvider(
  knex: Knex,
  providerId: string,
  columns: Readonly<Record<string, string | number | boolean | null>>,
): Promise<void> {
  await knex(PROVIDERS)
    .insert({ provider_id: providerId, ...columns })
    .onConflict('provider_id')
    .merge(Object.keys(columns));
}

/** All rows of a provider's repositories, page by page, in the order of their ids. */
export async function* repositoryPages(
  knex: Knex,
  providerId: string,
): AsyncGenerator<unknown[]> {
  let last: unknown;
  for (;;) {
    const page = knex(REPOSITORIES)
      .where('provider_id', providerId)
      .orderBy('repository_id')
      .limit(ROWS_PER_PAGE);
    const rows: unknown[] = await (last === undefined
      ? page
      : page.whereRaw('repository_id > ?', [toBinding(last)]));
    yield rows;
    if (rows.length < ROWS_PER_PAGE) {
      return;
    }
    last = IdRow.parse(rows.at(-1)).repository_id;
    await yieldToEventLoop();
  }
}

/** A value as the database has given it, to be found by it again. */
function toBinding(value: unknown): string | number | null {
  return typeof value === 'string' || typeof value === 'number' ? value : null;
}

/**
 * Writes repositories, except where the tables know something newer.
 *
 * @remarks In a transaction, so that a row and where its files lie go together.
 */
export async function writeRepositories(
  knex: Knex,
  providerId: string,
  repositories: readonly KnownRepository[],
): Promise<void> {
  const isOlder = isPostgres(knex)
    ? '??.revision <= excluded.revision'
    : // What is no number has been written by nobody who counts.
      "(typeof(??.revision) <> 'integer' or ??.revision <= excluded.revision)";
  const names = isPostgres(knex) ? [REPOSITORIES] : [REPOSITORIES, REPOSITORIES];
  // A statement that names a row twice fails.
  const byId = new Map(repositories.map(one => [one.repositoryId, one]));
  for (const some of chunksOf([...byId.values()])) {
    await knex(REPOSITORIES)
      .insert(some.map(one => toRepositoryRow(providerId, one)))
      .onConflict(['provider_id', 'repository_id'])
      .merge()
      .whereRaw(isOlder, names);
    await writeForeignFiles(knex, providerId, some);
    await yieldToEventLoop();
  }
}

async function writeForeignFiles(
  knex: Knex,
  providerId: string,
  repositories: readonly KnownRepository[],
): Promise<void> {
  await knex(FOREIGN_FILES)
    .where('provider_id', providerId)
    .whereIn(
      'repository_id',
      repositories.map(one => one.repositoryId),
    )
    .delete();
  const rows = repositories.flatMap(one =>
    foreignAddresses(one).map(({ projectKey, slug }) => ({
      provider_id: providerId,
      repository_id: one.repositoryId,
      project_key_sort: toSortKey(projectKey),
      slug_sort: toSortKey(slug),
    })),
  );
  for (const some of chunksOf(rows)) {
    await knex(FOREIGN_FILES).insert(some);
  }
}

/** @param ids - as the database has given them, where they may be no numbers */
export async function deleteRepositories(
  knex: Knex,
  providerId: string,
  ids: readonly unknown[],
): Promise<void> {
  for (const some of chunksOf(ids.map(toBinding))) {
    for (const table of [REPOSITORIES, FOREIGN_FILES]) {
      await knex(table)
        .where('provider_id', providerId)
        .whereIn('repository_id', some)
        .delete();
    }
    await yieldToEventLoop();
  }
}

/** Forgets all repositories of a provider. */
export async function deleteAllRepositories(
  knex: Knex,
  providerId: string,
): Promise<void> {
  for (const table of [REPOSITORIES, FOREIGN_FILES, PROGRESS]) {
    await knex(table).where('provider_id', providerId).delete();
  }
}

/** Whether there are repositories of one of these projects. */
export async function hasProject(
  knex: Knex,
  providerId: string,
  projectKeys: readonly string[],
): Promise<boolean> {
  for (const projectKey of projectKeys) {
    const row: unknown = await knex(REPOSITORIES)
      .where({ provider_id: providerId, project_key_sort: toSortKey(projectKey) })
      .first('repository_id');
    if (row !== undefined) {
      return true;
    }
  }
  return false;
}

/** The repositories that hold a file that lies at one of these addresses, beside those that are there. */
export async function idsWithFilesAt(
  knex: Knex,
  providerId: string,
  addresses: readonly (readonly [projectKeySort: string, slugSort: string])[],
): Promise<number[]> {
  const rows: unknown[] = await knex(FOREIGN_FILES)
    .where('provider_id', providerId)
    .whereIn(
      ['project_key_sort', 'slug_sort'],
      addresses.map(one => [...one]),
    )
    .select('repository_id');
  return rows.map(row => BigNumber.parse(IdRow.parse(row).repository_id));
}

/** Ids of what was stored under later revisions than a given one, and than the own one of each. */
export async function idsNewerThan(
  knex: Knex,
  providerId: string,
  revision: number,
  seen: (repositoryId: number) => number,
): Promise<number[]> {
  const newer: number[] = [];
  let last = -Infinity;
  for (;;) {
    const page = knex(REPOSITORIES)
      .where('provider_id', providerId)
      .where('revision', '>', revision)
      .orderBy('repository_id')
      .limit(IDS_PER_PAGE)
      .select('repository_id', 'revision');
    const rows: unknown[] = await (last === -Infinity
      ? page
      : page.where('repository_id', '>', last));
    const looks = rows.flatMap(row => LookRow.safeParse(row).data ?? []);
    newer.push(
      ...looks
        .filter(one => one.revision > seen(one.repository_id))
        .map(one => one.repository_id),
    );
    last = Math.max(last, ...looks.map(one => one.repository_id));
    if (rows.length < IDS_PER_PAGE) {
      return newer;
    }
    await yieldToEventLoop();
  }
}

/** Takes the next revision. */
export async function nextRevision(
  knex: Knex,
  providerId: string,
  { isRun }: { readonly isRun: boolean },
): Promise<number | undefined> {
  const rows: unknown[] = await knex(PROVIDERS)
    .where({ provider_id: providerId, adopted: true })
    .update({
      revision: knex.raw('revision + 1'),
      ...(isRun && { run_revision: knex.raw('revision + 1') }),
    })
    .returning('revision');
  return rows.map(row => RevisionRow.parse(row).revision)[0];
}

/** A restored backup, or a row that was broken, must not make everything look newer than what comes. */
export async function raiseRevision(knex: Knex, providerId: string): Promise<void> {
  const highest: unknown = await knex(REPOSITORIES)
    .where('provider_id', providerId)
    .max({ revision: 'revision' })
    .first();
  const stored: unknown = await knex(PROVIDERS)
    .where('provider_id', providerId)
    .select('revision')
    .first();
  const [least, current] = [highest, stored].map(
    row => RevisionRow.safeParse(row).data?.revision,
  );
  if (current === undefined || current < (least ?? 0)) {
    await knex(PROVIDERS)
      .where('provider_id', providerId)
      .update({ revision: least ?? 0, run_revision: 0 });
  }
}

/** Notes what was looked at and has not changed. */
export async function writeProgress(
  knex: Knex,
  providerId: string,
  batch: number,
  { repositoryIds, revision, checkedAtMs }: UnchangedLooks,
): Promise<void> {
  if (repositoryIds.length > 0) {
    await knex(PROGRESS)
      .insert({
        provider_id: providerId,
        batch,
        revision,
        checked_at_ms: checkedAtMs,
        repository_ids: JSON.stringify(repositoryIds),
      })
      .onConflict(['provider_id', 'batch'])
      .merge();
  }
}

/** What runs that never reached their end have looked at, the oldest first. */
export async function readProgress(
  knex: Knex,
  providerId: string,
): Promise<UnchangedLooks[]> {
  const rows: unknown[] = await knex(PROGRESS)
    .where('provider_id', providerId)
    .orderBy('batch');
  return rows.flatMap(row => {
    const { data } = ProgressRow.safeParse(row);
    const ids = Ids.safeParse(parseJson(data?.repository_ids ?? ''));
    return data && ids.success
      ? {
          repositoryIds: ids.data,
          revision: data.revision,
          checkedAtMs: data.checked_at_ms,
        }
      : [];
  });
}

/** Writes the progress of an interrupted run that is given up into the rows it is about. */
export async function settleProgress(knex: Knex, providerId: string): Promise<void> {
  for (const looks of await readProgress(knex, providerId)) {
    for (const some of chunksOf(looks.repositoryIds)) {
      await knex(REPOSITORIES)
        .where('provider_id', providerId)
        .whereIn('repository_id', some)
        .where('revision', '<', looks.revision)
        .update({ revision: looks.revision, checked_at_ms: looks.checkedAtMs });
      await yieldToEventLoop();
    }
  }
  await deleteProgress(knex, providerId);
}

export async function deleteProgress(knex: Knex, providerId: string): Promise<void> {
  await knex(PROGRESS).where('provider_id', providerId).delete();
}

/** Makes these all that is held back; what is still held keeps its approval. */
export async function replaceHeld(
  knex: Knex,
  providerId: string,
  held: readonly HeldRemoval[],
): Promise<void> {
  const stored: { target_hash: string }[] = await knex(HELD)
    .where('provider_id', providerId)
    .select('target_hash');
  const wanted = new Set(held.map(one => hashOf(one.targetUrl)));
  const resolved = stored.map(row => row.target_hash).filter(hash => !wanted.has(hash));
  await deleteHeld(knex, providerId, resolved);
  await writeHeld(knex, providerId, held);
}

/** @param hashes - of entry keys */
export async function deleteHeld(
  knex: Knex,
  providerId: string,
  hashes: readonly string[],
): Promise<void> {
  for (const some of chunksOf(hashes)) {
    await knex(HELD)
      .where('provider_id', providerId)
      .whereIn('target_hash', some)
      .delete();
  }
}

/** Adds to what is held back. */
export async function writeHeld(
  knex: Knex,
  providerId: string,
  held: readonly HeldRemoval[],
): Promise<void> {
  for (const some of chunksOf(held)) {
    await knex(HELD)
      .insert(some.map(one => toHeldRow(providerId, one)))
      .onConflict(['provider_id', 'target_hash'])
      .merge();
    await yieldToEventLoop();
  }
}
