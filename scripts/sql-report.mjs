/**
 * Writes `report.sql.md`: the tables that the migrations create on PostgreSQL, or with
 * `--check` fails when it differs. Without PostgreSQL it is skipped with a message.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import knexFactory from 'knex';
import { format } from 'prettier';
import { createDatabase } from './consumer/postgres.mjs';
import { assert, check, summarize } from './lib/checks.mjs';
import { root } from './lib/files.mjs';

const REPORT = join(root, 'report.sql.md');
/** The same as in src/store/migrate.ts. */
const MIGRATIONS = 'bitbucket_server_discovery_migrations';

const TABLES = `
  select table_name, obj_description(format('%I', table_name)::regclass) as comment
  from information_schema.tables where table_schema = 'public' order by table_name`;
const COLUMNS = `
  select column_name, data_type, is_nullable, column_default,
    col_description(format('%I', table_name)::regclass, ordinal_position) as comment
  from information_schema.columns
  where table_schema = 'public' and table_name = ? order by column_name`;
const INDICES = `
  select indexname, indexdef from pg_indexes
  where schemaname = 'public' and tablename = ? order by indexname`;

const row = cells =>
  `| ${cells.map(cell => String(cell ?? '').replaceAll('|', '\\|')).join(' | ')} |`;
const code = text => (text ? `\`${text}\`` : '');

async function describeTable(knex, { table_name: name, comment }) {
  const { rows: columns } = await knex.raw(COLUMNS, [name]);
  const { rows: indices } = await knex.raw(INDICES, [name]);
  return [
    `## ${code(name)}`,
    comment ?? '',
    [
      row(['Column', 'Type', 'Nullable', 'Default', 'Meaning']),
      row(['---', '---', '---', '---', '---']),
      ...columns.map(one =>
        row([
          code(one.column_name),
          one.data_type,
          one.is_nullable === 'YES' ? 'yes' : 'no',
          code(one.column_default),
          one.comment,
        ]),
      ),
    ].join('\n'),
    indices.map(one => `- ${code(one.indexdef.replaceAll(' public.', ' '))}`).join('\n'),
  ];
}

async function makeReport(knex) {
  await knex.migrate.latest({
    directory: join(root, 'migrations'),
    tableName: MIGRATIONS,
  });
  const { rows: tables } = await knex.raw(TABLES);
  const parts = ['# Tables'];
  parts.push(
    'As the migrations make them on PostgreSQL, in the database of the catalog. Written by `npm run sql-report`.',
  );
  for (const table of tables) {
    parts.push(...(await describeTable(knex, table)));
  }
  const text = parts.filter(part => part !== '').join('\n\n');
  return format(text, { parser: 'markdown' });
}

await check('report.sql.md', async () => {
  const database = await createDatabase();
  const knex = knexFactory({ client: 'pg', connection: database.url });
  try {
    const report = await makeReport(knex);
    if (process.argv.includes('--check')) {
      const isSame = readFileSync(REPORT, 'utf8') === report;
      assert(isSame, 'is not up to date: run `npm run sql-report`');
    } else {
      writeFileSync(REPORT, report);
    }
  } finally {
    await knex.destroy();
    await database.drop();
  }
});
summarize('SQL report');
