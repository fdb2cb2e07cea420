/* Conflicts about Locations are results of a run and move to its provider; the others stay. */

// @ts-check

const PROVIDERS = 'bitbucket_server_discovery_providers';
const CONFLICTS = 'bitbucket_server_discovery_conflicts';

/** @param {import('knex').Knex} knex */
exports.up = async function up(knex) {
  await knex.schema.alterTable(PROVIDERS, table => {
    table
      .text('conflicts')
      .nullable()
      .comment('Locations of the last run that another source claims, as JSON');
  });
  await knex(CONFLICTS).whereNot('kind', 'entity').delete();
};

/** @param {import('knex').Knex} knex */
exports.down = async function down(knex) {
  await knex.schema.alterTable(PROVIDERS, table => {
    table.dropColumn('conflicts');
  });
};
