/* Conflicts about Locations are a result of a run and lie with its provider; the table has the rest. */

// @ts-check

const PROVIDERS = 'bitbucket_server_discovery_providers';
const CONFLICTS = 'bitbucket_server_discovery_conflicts';

/** @param {import('knex').Knex} knex */
exports.up = async function up(knex) {
  await knex.schema.alterTable(PROVIDERS, table => {
    table
      .text('conflicts')
      .nullable()
      .comment('Locations that the last run gave and another side claims, as JSON');
  });
  await knex(CONFLICTS).whereNot('kind', 'entity').delete();
};

/** @param {import('knex').Knex} knex */
exports.down = async function down(knex) {
  await knex.schema.alterTable(PROVIDERS, table => {
    table.dropColumn('conflicts');
  });
};
