/* Whether webhooks of each project arrive, derived from those that were received. */

// @ts-check

const WEBHOOKS = 'bitbucket_server_discovery_webhooks';

/** @param {import('knex').Knex} knex */
exports.up = async function up(knex) {
  await knex.schema.createTable(WEBHOOKS, table => {
    table.comment('Changes in each project that webhooks have reported, or have not');
    table.string('provider_id', 255).notNullable();
    table
      .string('project_key_sort', 300)
      .notNullable()
      .comment('The project key in lower case');
    table.string('project_key', 300).notNullable();
    table
      .integer('registered')
      .notNullable()
      .defaultTo(0)
      .comment('Number of its registered repositories in the last complete run');
    table
      .bigInteger('last_event_at_ms')
      .nullable()
      .comment('Epoch milliseconds, at most a minute old');
    table
      .bigInteger('unannounced')
      .notNullable()
      .defaultTo(0)
      .comment('Number of changes that runs have found and no event had announced');
    table.bigInteger('last_unannounced_at_ms').nullable().comment('Epoch milliseconds');
    table.primary(['provider_id', 'project_key_sort']);
  });
};

/** @param {import('knex').Knex} knex */
exports.down = async function down(knex) {
  await knex.schema.dropTable(WEBHOOKS);
};
