/* Runs do not look at everything any more: when they last looked at a part lies with the provider. */

// @ts-check

const PROVIDERS = 'bitbucket_server_discovery_providers';

/** @param {import('knex').Knex} knex */
exports.up = async function up(knex) {
  await knex.schema.alterTable(PROVIDERS, table => {
    table
      .text('recheck')
      .nullable()
      .comment(
        'When complete runs last looked at which part of the repositories, as JSON',
      );
  });
};

/** @param {import('knex').Knex} knex */
exports.down = async function down(knex) {
  await knex.schema.alterTable(PROVIDERS, table => {
    table.dropColumn('recheck');
  });
};
