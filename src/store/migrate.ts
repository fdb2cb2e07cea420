/** Migrates the tables of this module, safely across concurrent replicas. */

import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Knex } from 'knex';
import { z } from 'zod';

/**
 * A separate table, since the catalog keeps its own list of migrations in the same
 * database.
 */
const MIGRATIONS = 'bitbucket_server_discovery_migrations';

/**
 * Where knex records that a migration is running; the lock outlives a process that is
 * killed.
 */
const MIGRATIONS_LOCK = `${MIGRATIONS}_lock`;

/** Beside `src` in the work tree and beside `dist` in the published package. */
const MIGRATIONS_DIRECTORY = path.resolve(__dirname, '../../migrations');

const NameRow = z.object({ name: z.string() });
const Client = z.object({ config: z.object({ client: z.string() }) });
const LockRow = z.object({ is_locked: z.coerce.boolean() });

/** Options for migrating the tables. */
export interface MigrateOptions {
  /**
   * Whether migrations are run elsewhere: `skipMigrations` of Backstage's database
   * configuration.
   */
  readonly skip: boolean;
  /** Called if a lock was left behind. */
  readonly onWarning: (message: string) => void;
}

/**
 * Whether the database is PostgreSQL, which has locks that end with their holder and a
 * clock of its own.
 */
export function isPostgres(knex: Knex): boolean {
  return Client.safeParse(knex.client).data?.config.client.startsWith('pg') ?? false;
}

/**
 * Runs pending migrations; without any, only reads from the database.
 *
 * @throws an error that names the remedy if the tables cannot be migrated
 */
export async function migrate(
  knex: Knex,
  { skip, onWarning }: MigrateOptions,
): Promise<void> {
  const pending = await pendingMigrations(knex);
  if (pending.length === 0) {
    return;
  }
  if (skip) {
    throw new Error(
      `${describePending(pending)} and migrations are skipped (skipMigrations). ` +
        'Start one backend of this version without skipMigrations, or run the files in ' +
        `the folder migrations of this package with knex, tableName ${MIGRATIONS}`,
    );
  }
  try {
    await inTurn(knex, transaction => runPending(transaction, onWarning));
  } catch (error) {
    throw new Error(
      `${describePending(pending)} and could not be brought up to date. The database ` +
        'user needs the right to create and change tables, or let one backend with a ' +
        `user that has it start once: ${error}`,
      { cause: error },
    );
  }
}

function describePending(pending: readonly string[]): string {
  return `The tables bitbucket_server_discovery_* lack ${pending.join(', ')}`;
}

async function pendingMigrations(knex: Knex): Promise<string[]> {
  const files = await readdir(MIGRATIONS_DIRECTORY);
  const wanted = files.filter(name => name.endsWith('.js')).sort();
  if (!(await knex.schema.hasTable(MIGRATIONS))) {
    return wanted;
  }
  const rows: unknown[] = await knex(MIGRATIONS).select('name');
  // After a downgrade the list contains migrations that this version does not have.
  const done = new Set(rows.map(row => NameRow.parse(row).name));
  return wanted.filter(name => !done.has(name));
}

/** Runs work in one replica at a time. */
async function inTurn(
  knex: Knex,
  work: (transaction: Knex) => Promise<void>,
): Promise<void> {
  if (!isPostgres(knex)) {
    await work(knex);
    return;
  }
  await knex.transaction(async transaction => {
    await transaction.raw('select pg_advisory_xact_lock(hashtextextended(?, 0))', [
      MIGRATIONS,
    ]);
    await work(transaction);
  });
}

/**
 * Runs the migrations while no other replica does: a knex lock that still exists was left
 * behind.
 */
async function runPending(
  knex: Knex,
  onWarning: MigrateOptions['onWarning'],
): Promise<void> {
  if ((await pendingMigrations(knex)).length === 0) {
    return;
  }
  if (await knex.schema.hasTable(MIGRATIONS_LOCK)) {
    const rows: unknown[] = await knex(MIGRATIONS_LOCK).select('is_locked');
    const locks = rows.map(row => LockRow.safeParse(row).data?.is_locked ?? true);
    if (locks.length !== 1 || locks[0]) {
      onWarning(
        `The table ${MIGRATIONS_LOCK} holds a lock that was left behind, for example by a ` +
          'process that was killed while it started; it is released',
      );
      await knex(MIGRATIONS_LOCK).delete();
      await knex(MIGRATIONS_LOCK).insert({ is_locked: 0 });
    }
  }
  await knex.migrate.latest({
    directory: MIGRATIONS_DIRECTORY,
    tableName: MIGRATIONS,
    disableMigrationsListValidation: true,
  });
}
