/* The time of the last successful run, whose age is a metric even after failed runs. */

// @ts-check

const STATUS = 'bitbucket_server_discovery_status';

/** @param {import('knex').Knex} knex */
exports.up = async function up(knex) {
  await knex.schema.alterTable(STATUS, table => {
    table
      .bigInteger('last_success_at_ms')
      .nullable()
      .comment('End of the last successful run; epoch milliseconds');
  });
};

/** @param {import('knex').Knex} knex */
exports.down = async function down(knex) {
  await knex.schema.alterTable(STATUS, table => {
    table.dropColumn('last_success_at_ms');
  });
};
