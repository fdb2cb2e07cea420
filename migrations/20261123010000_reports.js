/*
 * The result of each repository in the last run and the status of each provider, so that the HTTP
 * report is the same on every replica.
 */

// @ts-check

/**
 * Adds a column that every database sorts by code points: PostgreSQL would use the collation of
 * the database, so that pages would differ between installations.
 *
 * @param {import('knex').Knex} knex
 * @param {import('knex').Knex.CreateTableBuilder} table
 * @param {string} name
 */
function sortedColumn(knex, table, name) {
  const isPostgres = String(knex.client.config.client).startsWith('pg');
  return isPostgres
    ? table.specificType(name, 'text collate "C"')
    : table.specificType(name, 'text');
}

/** @param {import('knex').Knex} knex */
exports.up = async function up(knex) {
  await knex.schema.createTable('bitbucket_server_discovery_status', table => {
    table.comment('The status of each provider and the result of its last run');
    table.string('provider_id').primary();
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
  });

  await knex.schema.createTable('bitbucket_server_discovery_reports', table => {
    table.comment('The result of each repository in the last run');
    table.string('provider_id').notNullable();
    table.bigInteger('repository_id').notNullable().comment('Numeric id in Bitbucket');
    table.text('project_key').notNullable();
    table.text('slug').notNullable();
    sortedColumn(knex, table, 'project_key_sort')
      .notNullable()
      .comment('The project key in lower case');
    sortedColumn(knex, table, 'slug_sort')
      .notNullable()
      .comment('The slug in lower case');
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
};

/** @param {import('knex').Knex} knex */
exports.down = async function down(knex) {
  await knex.schema.dropTable('bitbucket_server_discovery_reports');
  await knex.schema.dropTable('bitbucket_server_discovery_status');
};
