/* A listing that a run has no time to finish is continued by the next run. */

// @ts-check

const PROVIDERS = 'bitbucket_server_discovery_providers';

/** @param {import('knex').Knex} knex */
exports.up = async function up(knex) {
  await knex.schema.alterTable(PROVIDERS, table => {
    table
      .text('pass_listing')
      .nullable()
      .comment('Where the listing of the unfinished pass continues, as JSON');
  });
};

/** @param {import('knex').Knex} knex */
exports.down = async function down(knex) {
  await knex.schema.alterTable(PROVIDERS, table => {
    table.dropColumn('pass_listing');
  });
};
