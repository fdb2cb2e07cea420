/* Whether webhooks come, project by project: told from what was received. */

// @ts-check

const WEBHOOKS = 'bitbucket_server_discovery_webhooks';

/** @param {import('knex').Knex} knex */
exports.up = async function up(knex) {
  await knex.schema.createTable(WEBHOOKS, table => {
    table.comment('What webhooks have told of each project, and what they have not');
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
      .comment('Repositories of it that the last complete run ended with as registered');
    table
      .bigInteger('last_event_at_ms')
      .nullable()
      .comment('Epoch milliseconds, at most a minute behind');
    table
      .bigInteger('unannounced')
      .notNullable()
      .defaultTo(0)
      .comment('Changes that runs have found and no event had announced');
    table.bigInteger('last_unannounced_at_ms').nullable().comment('Epoch milliseconds');
    table.primary(['provider_id', 'project_key_sort']);
  });
};

/** @param {import('knex').Knex} knex */
exports.down = async function down(knex) {
  await knex.schema.dropTable(WEBHOOKS);
};
