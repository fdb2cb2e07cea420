/*
 * What each provider knows about its repositories. The tables
 * live beside the catalog's own, under a prefix of theirs.
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
        'When the pass began that has not reached its end yet; epoch milliseconds',
      );
    table
      .text('pass_scope')
      .nullable()
      .comment('What that pass looks for; a later run continues it only for the same');
  });

  await knex.schema.createTable('bitbucket_server_discovery_repositories', table => {
    table.comment('What is known about each repository');
    table.string('provider_id').notNullable();
    table
      .bigInteger('repository_id')
      .notNullable()
      .comment('Numeric id in Bitbucket; negative while it is not known yet');
    table.text('project_key').notNullable();
    table.text('slug').notNullable();
    table.text('files').notNullable().comment('What the catalog holds, as JSON');
    table
      .text('outcome')
      .nullable()
      .comment('The last outcome that is not unknown, as JSON');
    table
      .bigInteger('checked_at_ms')
      .nullable()
      .comment('Of that outcome; epoch milliseconds');
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
