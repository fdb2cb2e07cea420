/* Runs no longer check everything each time: the provider stores when each part was last checked. */

// @ts-check

const PROVIDERS = 'bitbucket_server_discovery_providers';

/** @param {import('knex').Knex} knex */
exports.up = async function up(knex) {
  await knex.schema.alterTable(PROVIDERS, table => {
    table
      .text('recheck')
      .nullable()
      .comment('When complete runs last checked each part of the repositories, as JSON');
  });
};

/** @param {import('knex').Knex} knex */
exports.down = async function down(knex) {
  await knex.schema.alterTable(PROVIDERS, table => {
    table.dropColumn('recheck');
  });
};
