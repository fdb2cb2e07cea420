/* The request budgets that replicas share. */

// @ts-check

const BUCKETS = 'bitbucket_server_discovery_buckets';

/** @param {import('knex').Knex} knex */
exports.up = async function up(knex) {
  await knex.schema.createTable(BUCKETS, table => {
    table.comment(
      'What is left of the budget of each Bitbucket user; used on PostgreSQL only',
    );
    table.string('bucket_key', 64).primary().comment('SHA-256 of host and user');
    table.bigInteger('version').notNullable().comment('Incremented by each change');
    table
      .text('state')
      .notNullable()
      .comment('JSON: tokens, pause and replicas; times by the clock of this database');
  });
};

/** @param {import('knex').Knex} knex */
exports.down = async function down(knex) {
  await knex.schema.dropTable(BUCKETS);
};
