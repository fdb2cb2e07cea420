/* When discovery last succeeded: the metrics tell its age, failed runs after it or not. */

// @ts-check

const STATUS = 'bitbucket_server_discovery_status';

/** @param {import('knex').Knex} knex */
exports.up = async function up(knex) {
  await knex.schema.alterTable(STATUS, table => {
    table
      .bigInteger('last_success_at_ms')
      .nullable()
      .comment('When a run last ended with success; epoch milliseconds');
  });
};

/** @param {import('knex').Knex} knex */
exports.down = async function down(knex) {
  await knex.schema.alterTable(STATUS, table => {
    table.dropColumn('last_success_at_ms');
  });
};
