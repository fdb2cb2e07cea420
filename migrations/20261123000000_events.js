/*
 * Data for events: the default branches of repositories, the deliveries that a replica has already
 * handled, and the base URLs of the server.
 */

// @ts-check

/** @param {import('knex').Knex} knex */
exports.up = async function up(knex) {
  await knex.schema.alterTable('bitbucket_server_discovery_providers', table => {
    table
      .text('server_urls')
      .nullable()
      .comment('Base URLs in the links of the last listing, as JSON');
  });

  await knex.schema.createTable('bitbucket_server_discovery_branches', table => {
    table.comment('The default branches of repositories with a push');
    table.string('host').notNullable();
    table.bigInteger('repository_id').notNullable();
    table.text('default_branch').notNullable().comment('Short name');
    table.bigInteger('read_at_ms').notNullable().comment('Epoch milliseconds');
    table.primary(['host', 'repository_id']);
  });

  await knex.schema.createTable('bitbucket_server_discovery_deliveries', table => {
    table.comment('Events that a replica handles, so that no other replica handles them');
    table.string('identity', 64).primary().comment('SHA-256 of key and content');
    table.bigInteger('taken_at_ms').notNullable().index().comment('Epoch milliseconds');
  });
};

/** @param {import('knex').Knex} knex */
exports.down = async function down(knex) {
  await knex.schema.dropTable('bitbucket_server_discovery_deliveries');
  await knex.schema.dropTable('bitbucket_server_discovery_branches');
  await knex.schema.alterTable('bitbucket_server_discovery_providers', table => {
    table.dropColumn('server_urls');
  });
};
