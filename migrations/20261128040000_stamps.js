/* Stamps, by which the URL reader knows whether a repository has changed since it was read. */

// @ts-check

const STAMPS = 'bitbucket_server_discovery_stamps';

/** @param {import('knex').Knex} knex */
exports.up = async function up(knex) {
  await knex.schema.createTable(STAMPS, table => {
    table.comment('A stamp per repository from which the URL reader has read files');
    table
      .string('repository_hash', 64)
      .primary()
      .comment('SHA-256 of host, project key and slug in lower case');
    table.text('host').notNullable();
    table.text('project_key').notNullable();
    table.text('slug').notNullable();
    table
      .string('stamp', 64)
      .notNullable()
      .comment('Random; replaced whenever a change of the repository becomes known');
  });
};

/** @param {import('knex').Knex} knex */
exports.down = async function down(knex) {
  await knex.schema.dropTable(STAMPS);
};
