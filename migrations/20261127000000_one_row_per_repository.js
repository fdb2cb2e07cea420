/*
 * One row per repository and one per provider: the report of a repository becomes part of its
 * state, and so does the status of a provider. A counter (`revision`) determines the order,
 * never a clock.
 */

// @ts-check

const PROVIDERS = 'bitbucket_server_discovery_providers';
const REPOSITORIES = 'bitbucket_server_discovery_repositories';
const HELD = 'bitbucket_server_discovery_held';
const STATUS = 'bitbucket_server_discovery_status';
const REPORTS = 'bitbucket_server_discovery_reports';
const FOREIGN_FILES = 'bitbucket_server_discovery_foreign_files';
const PROGRESS = 'bitbucket_server_discovery_progress';

const ORDER_INDEX = 'bitbucket_server_discovery_repositories_order_idx';
const REVISION_INDEX = 'bitbucket_server_discovery_repositories_revision_idx';

/** The columns that move from the table of statuses to that of providers, and back. */
const STATUS_COLUMNS = [
  'host',
  'running',
  'started_at_ms',
  'run_trigger',
  'failed_at_ms',
  'failure',
  'report',
  'next_trigger',
  'last_success_at_ms',
];

/** @param {import('knex').Knex} knex */
function isPostgres(knex) {
  return String(knex.client.config.client).startsWith('pg');
}

/**
 * Adds a column that every database sorts by code points: PostgreSQL would use the collation of
 * the database, so that pages would differ between installations.
 *
 * @param {import('knex').Knex} knex
 * @param {import('knex').Knex.CreateTableBuilder} table
 * @param {string} name
 */
function sortedColumn(knex, table, name) {
  return table
    .specificType(name, isPostgres(knex) ? 'text collate "C"' : 'text')
    .notNullable()
    .defaultTo('');
}

/** @param {import('knex').Knex.CreateTableBuilder} table */
function addStatusColumns(table) {
  table.text('host').nullable();
  table.boolean('running').notNullable().defaultTo(false);
  table
    .bigInteger('started_at_ms')
    .nullable()
    .comment('Start of the last run; epoch milliseconds');
  table.string('run_trigger', 32).nullable().comment('The trigger of that run');
  table
    .bigInteger('failed_at_ms')
    .nullable()
    .comment('When that run failed without a result; epoch milliseconds');
  table.text('failure').nullable().comment('Why it failed');
  table.text('report').nullable().comment('The last run with a result, as JSON');
  table
    .string('next_trigger', 32)
    .nullable()
    .comment('The trigger of the next run, unless it is the schedule');
  table
    .bigInteger('last_success_at_ms')
    .nullable()
    .comment('End of the last successful run; epoch milliseconds');
}

/** @param {import('knex').Knex} knex */
async function extendTables(knex) {
  await knex.schema.alterTable(PROVIDERS, table => {
    table
      .boolean('adopted')
      .notNullable()
      .defaultTo(false)
      .comment('Whether the Locations of the provider in the catalog are known');
    table
      .bigInteger('revision')
      .notNullable()
      .defaultTo(0)
      .comment(
        'The last number that a run or an event took before its requests to Bitbucket',
      );
    table
      .bigInteger('run_revision')
      .notNullable()
      .defaultTo(0)
      .comment('The last revision that a run took');
    table
      .bigInteger('pass_since_revision')
      .nullable()
      .comment('The first revision of the pass while it is unfinished');
    table
      .bigInteger('checked_revision')
      .notNullable()
      .defaultTo(0)
      .comment(
        'The first revision of the last complete run, which also applies to rows that it did not write',
      );
    table
      .bigInteger('checked_at_ms')
      .nullable()
      .comment('Start of that run; epoch milliseconds');
    table
      .bigInteger('confirmed_at_ms')
      .nullable()
      .comment('End of that run, by the clock of the database if it has one');
    table
      .text('configuration')
      .nullable()
      .comment('Fingerprint of the configuration of the last run');
    addStatusColumns(table);
  });
  await knex.schema.alterTable(REPOSITORIES, table => {
    table.renameColumn('outcome', 'settled');
  });
  await knex.schema.alterTable(REPOSITORIES, table => {
    sortedColumn(knex, table, 'project_key_sort').comment(
      'The project key in lower case',
    );
    sortedColumn(knex, table, 'slug_sort').comment('The slug in lower case');
    table.string('outcome', 32).nullable().comment('Outcome of the last check');
    table.string('reason', 64).nullable();
    table.text('detail').nullable();
    table
      .text('hierarchy_id')
      .nullable()
      .comment("Bitbucket's id that a repository shares with its forks");
    table
      .bigInteger('revision')
      .notNullable()
      .defaultTo(0)
      .comment(
        'Revision of the check that wrote the row: an older one never overwrites it',
      );
    table.index(
      ['provider_id', 'project_key_sort', 'slug_sort', 'repository_id'],
      ORDER_INDEX,
    );
    table.index(['provider_id', 'revision'], REVISION_INDEX);
  });
  await knex.schema.alterTable(HELD, table => {
    table
      .bigInteger('confirmed_ms')
      .notNullable()
      .defaultTo(0)
      .comment('How long complete runs have confirmed the removal; milliseconds');
  });
}

/** @param {import('knex').Knex} knex */
async function createTables(knex) {
  await knex.schema.createTable(FOREIGN_FILES, table => {
    table.comment(
      'Addresses of the files of a repository that are not at its own address',
    );
    table.string('provider_id').notNullable();
    table.bigInteger('repository_id').notNullable();
    sortedColumn(knex, table, 'project_key_sort');
    sortedColumn(knex, table, 'slug_sort');
    table.primary(['provider_id', 'repository_id', 'project_key_sort', 'slug_sort']);
    table.index(
      ['provider_id', 'project_key_sort', 'slug_sort'],
      'bitbucket_server_discovery_foreign_files_address_idx',
    );
  });
  await knex.schema.createTable(PROGRESS, table => {
    table.comment('Repositories that an unfinished run has checked and found unchanged');
    table.string('provider_id').notNullable();
    table.bigInteger('batch').notNullable().comment('A revision, which makes it unique');
    table
      .bigInteger('revision')
      .notNullable()
      .comment('The lowest revision of these checks');
    table.bigInteger('checked_at_ms').notNullable().comment('Time of the earliest check');
    table.text('repository_ids').notNullable().comment('As JSON');
    table.primary(['provider_id', 'batch']);
  });
}

/** @param {import('knex').Knex} knex */
async function copyIntoNewColumns(knex) {
  const of = (/** @type {string} */ column) =>
    knex(REPORTS)
      .select(column)
      .where(`${REPORTS}.provider_id`, knex.ref(`${REPOSITORIES}.provider_id`))
      .where(`${REPORTS}.repository_id`, knex.ref(`${REPOSITORIES}.repository_id`));
  await knex(REPOSITORIES).update({
    outcome: of('outcome'),
    reason: of('reason'),
    detail: of('detail'),
    project_key_sort: knex.raw('coalesce((?), lower(project_key))', [
      of('project_key_sort'),
    ]),
    slug_sort: knex.raw('coalesce((?), lower(slug))', [of('slug_sort')]),
  });
  await knex(PROVIDERS).update({ adopted: true });
  for (const row of await knex(STATUS).select('provider_id', ...STATUS_COLUMNS)) {
    await knex(PROVIDERS).insert(row).onConflict('provider_id').merge(STATUS_COLUMNS);
  }
  for (const row of await knex(PROVIDERS).select('provider_id', 'last_success_at_ms')) {
    const { provider_id: id, last_success_at_ms: confirmedAtMs } = row;
    await knex(HELD)
      .where('provider_id', id)
      .where('since_ms', '<', Number(confirmedAtMs) || 0)
      .update({ confirmed_ms: knex.raw('? - since_ms', [Number(confirmedAtMs) || 0]) });
  }
}

/** @param {import('knex').Knex} knex */
exports.up = async function up(knex) {
  await extendTables(knex);
  await createTables(knex);
  await copyIntoNewColumns(knex);
  await knex.schema.dropTable(REPORTS);
  await knex.schema.dropTable(STATUS);
};

/** @param {import('knex').Knex} knex */
async function recreateTables(knex) {
  await knex.schema.createTable(STATUS, table => {
    table.comment('The status of each provider and the result of its last run');
    table.string('provider_id').primary();
    addStatusColumns(table);
  });
  await knex.schema.createTable(REPORTS, table => {
    table.comment('The result of each repository in the last run');
    table.string('provider_id').notNullable();
    table.bigInteger('repository_id').notNullable().comment('Numeric id in Bitbucket');
    table.text('project_key').notNullable();
    table.text('slug').notNullable();
    sortedColumn(knex, table, 'project_key_sort').comment(
      'The project key in lower case',
    );
    sortedColumn(knex, table, 'slug_sort').comment('The slug in lower case');
    table.string('outcome', 32).notNullable();
    table.string('reason', 64).nullable();
    table.text('detail').nullable();
    table.text('files').notNullable().comment('Its files in the catalog, as JSON');
    table
      .bigInteger('checked_at_ms')
      .nullable()
      .comment('Time of the last successful check; epoch milliseconds');
    table.primary(['provider_id', 'repository_id']);
    table.index(
      ['provider_id', 'project_key_sort', 'slug_sort', 'repository_id'],
      'bitbucket_server_discovery_reports_order_idx',
    );
  });
}

/** @param {import('knex').Knex} knex */
async function copyIntoFormerTables(knex) {
  const reported = [
    'provider_id',
    'repository_id',
    'project_key',
    'slug',
    'project_key_sort',
    'slug_sort',
    'outcome',
    'reason',
    'detail',
    'files',
    'checked_at_ms',
  ];
  await knex(knex.raw('?? (??)', [REPORTS, reported])).insert(
    knex(REPOSITORIES).select(reported).whereNotNull('outcome'),
  );
  const status = ['provider_id', ...STATUS_COLUMNS];
  await knex(knex.raw('?? (??)', [STATUS, status])).insert(
    knex(PROVIDERS).select(status).whereNotNull('host').orWhereNotNull('next_trigger'),
  );
  const withoutOutcome = () => knex(REPOSITORIES).whereNull('settled');
  await withoutOutcome()
    .where('outcome', 'registered')
    .update({
      settled: knex.raw(`'{"kind":"registered","files":' || files || '}'`),
    });
  await withoutOutcome()
    .whereIn('outcome', ['excluded', 'absent'])
    .update({
      settled: knex.raw(
        `'{"kind":"' || outcome || '","reason":"' || coalesce(reason, '') || '"}'`,
      ),
    });
  await knex(PROVIDERS).where('adopted', false).delete();
}

/** @param {import('knex').Knex} knex */
exports.down = async function down(knex) {
  await recreateTables(knex);
  await copyIntoFormerTables(knex);
  await knex.schema.dropTable(PROGRESS);
  await knex.schema.dropTable(FOREIGN_FILES);
  await knex.schema.alterTable(HELD, table => {
    table.dropColumn('confirmed_ms');
  });
  await knex.schema.alterTable(REPOSITORIES, table => {
    table.dropIndex([], ORDER_INDEX);
    table.dropIndex([], REVISION_INDEX);
  });
  await knex.schema.alterTable(REPOSITORIES, table => {
    table.dropColumns(
      'project_key_sort',
      'slug_sort',
      'outcome',
      'reason',
      'detail',
      'hierarchy_id',
      'revision',
    );
  });
  await knex.schema.alterTable(REPOSITORIES, table => {
    table.renameColumn('settled', 'outcome');
  });
  await knex.schema.alterTable(PROVIDERS, table => {
    table.dropColumns(
      'adopted',
      'revision',
      'run_revision',
      'pass_since_revision',
      'checked_revision',
      'checked_at_ms',
      'confirmed_at_ms',
      'configuration',
      ...STATUS_COLUMNS,
    );
  });
};
