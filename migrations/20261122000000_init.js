/*
 * The state of each provider and its repositories. The tables are in the catalog's database, with
 * their own prefix.
 */

// @ts-check

/** @param {import('knex').Knex} knex */
exports.up = async function up(knex) {
  await knex.schema.createTable('bitbucket_server_discovery_providers', table => {
    table.comment('One row per provider whose Locations in the catalog are known');
    table.string('provider_id').primary();
    table
      .bigInteger('pass_since_ms')
      .nullable()
      .comment(
        'Start of the pass (the runs that together check everything once) while it is unfinished; epoch milliseconds',
      );
    table
      .text('pass_scope')
      .nullable()
      .comment('Scope of that pass; a later run continues it only with the same scope');
  });

  await knex.schema.createTable('bitbucket_server_discovery_repositories', table => {
    table.comment('The state of each repository');
    table.string('provider_id').notNullable();
    table
      .bigInteger('repository_id')
      .notNullable()
      .comment('Numeric id in Bitbucket; negative while it is not known yet');
    table.text('project_key').notNullable();
    table.text('slug').notNullable();
    table.text('files').notNullable().comment('Its files in the catalog, as JSON');
    table
      .text('outcome')
      .nullable()
      .comment('The last outcome other than unknown, as JSON');
    table
      .bigInteger('checked_at_ms')
      .nullable()
      .comment('Time of that outcome; epoch milliseconds');
    table.primary(['provider_id', 'repository_id']);
  });

  await knex.schema.createTable('bitbucket_server_discovery_held', table => {
    table.comment('Removals that are due and held back');
    table.string('provider_id').notNullable();
    table.string('target_hash', 64).notNullable().comment('SHA-256 of the target URL');
    table.text('target_url').notNullable();
    table.bigInteger('repository_id').notNullable();
    table.bigInteger('since_ms').notNullable().comment('Epoch milliseconds');
    table.boolean('approved').notNullable().defaultTo(false);
    table.primary(['provider_id', 'target_hash']);
  });
};

/** @param {import('knex').Knex} knex */
exports.down = async function down(knex) {
  await knex.schema.dropTable('bitbucket_server_discovery_held');
  await knex.schema.dropTable('bitbucket_server_discovery_repositories');
  await knex.schema.dropTable('bitbucket_server_discovery_providers');
};
