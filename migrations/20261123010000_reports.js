/*
 * How each repository ended the last run, and what each provider is doing: what the HTTP
 * report shows, on every replica the same.
 */

// @ts-check

/**
 * A column that sorts by code points on every database: PostgreSQL would go by the
 * language of the database, and pages would differ from one installation to the next.
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
    table.comment('What each provider is doing and how its last run ended');
    table.string('provider_id').primary();
    table.text('host').nullable();
    table.boolean('running').notNullable().defaultTo(false);
    table
      .bigInteger('started_at_ms')
      .nullable()
      .comment('Of the last run that began; epoch milliseconds');
    table.string('run_trigger', 32).nullable().comment('What started that run');
    table
      .bigInteger('failed_at_ms')
      .nullable()
      .comment('When that run broke off without a result; epoch milliseconds');
    table.text('failure').nullable().comment('Why it did');
    table.text('report').nullable().comment('Of the last run with a result, as JSON');
    table
      .string('next_trigger', 32)
      .nullable()
      .comment('What the next run is started by, where that is not the schedule');
  });

  await knex.schema.createTable('bitbucket_server_discovery_reports', table => {
    table.comment('How each repository ended the last run');
    table.string('provider_id').notNullable();
    table.bigInteger('repository_id').notNullable().comment('Numeric id in Bitbucket');
    table.text('project_key').notNullable();
    table.text('slug').notNullable();
    sortedColumn(knex, table, 'project_key_sort')
      .notNullable()
      .comment('The project key in lower case');
    sortedColumn(knex, table, 'slug_sort').notNullable().comment('In lower case');
    table.string('outcome', 32).notNullable();
    table.string('reason', 64).nullable();
    table.text('detail').nullable();
    table.text('files').notNullable().comment('What the catalog holds, as JSON');
    table
      .bigInteger('checked_at_ms')
      .nullable()
      .comment('When it was last looked at with success; epoch milliseconds');
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
