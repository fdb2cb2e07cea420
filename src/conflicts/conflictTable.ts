/** The statements about the table of conflicts. */

import type { Knex } from 'knex';
import { ConflictKind, RecordedConflict } from './describeConflicts';
import { parseConflictRow, StoredConflict, toConflictRow } from './conflictRows';
import { chunksOf } from '../store/DiscoveryDatabase';

const CONFLICTS = 'bitbucket_server_discovery_conflicts';

/** All, or those of one kind; in an order that stays. */
export async function readStored(
  knex: Knex,
  kind?: ConflictKind,
): Promise<StoredConflict[]> {
  const rows: unknown[] = await knex(CONFLICTS)
    .where(kind === undefined ? {} : { kind })
    .orderBy('conflict_hash');
  return rows.map(parseConflictRow);
}

/** Adds or replaces. */
export async function write(
  knex: Knex,
  conflicts: readonly (RecordedConflict & { readonly resultHash?: string })[],
  seenAtMs: number,
): Promise<void> {
  const rows = conflicts.map(one => toConflictRow(one, seenAtMs));
  // A statement that names a row twice fails.
  const byHash = new Map(rows.map(row => [row.conflict_hash, row]));
  for (const some of chunksOf([...byHash.values()])) {
    await knex(CONFLICTS).insert(some).onConflict('conflict_hash').merge();
  }
}

/** Those that are named, unless the catalog has said so again since they were read. */
export async function forget(
  knex: Knex,
  conflicts: readonly StoredConflict[],
): Promise<void> {
  for (const some of chunksOf(conflicts)) {
    await knex(CONFLICTS)
      .whereIn(
        'conflict_hash',
        some.flatMap(one => (one.resultHash === undefined ? [one.hash] : [])),
      )
      .whereNull('result_hash')
      .delete();
    await knex(CONFLICTS)
      .whereIn(
        ['conflict_hash', 'result_hash'],
        some.flatMap(({ hash, resultHash }) =>
          resultHash === undefined ? [] : [[hash, resultHash]],
        ),
      )
      .delete();
  }
}

/** Makes room among what was read from files: what was seen last stays. */
export async function forgetOldest(knex: Knex, most: number): Promise<void> {
  const tooMany: unknown[] = await knex(CONFLICTS)
    .where('kind', 'entity')
    .orderBy([{ column: 'seen_at_ms', order: 'desc' }, { column: 'conflict_hash' }])
    .offset(most)
    // Without a limit, SQLite takes no offset.
    .limit(most);
  await forget(knex, tooMany.map(parseConflictRow));
}
