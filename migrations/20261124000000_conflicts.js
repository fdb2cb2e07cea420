/* Conflicts about entities that a provider and another source claim; the catalog does not record them. */

// @ts-check

const CONFLICTS = 'bitbucket_server_discovery_conflicts';

/** @param {import('knex').Knex} knex */
exports.up = async function up(knex) {
  await knex.schema.createTable(CONFLICTS, table => {
    table.comment('Entities that both a provider and another source claim');
    table
      .string('conflict_hash', 64)
      .primary()
      .comment('SHA-256 of the kind, the entity and the refused claim');
    table.string('kind', 16).notNullable().index();
    table.text('entity_ref').notNullable();
    table.text('refused_key').notNullable().comment('Location key of the refused claim');
    table.text('refused_target').nullable().comment('URL of its file');
    table.text('holder_key').notNullable().comment('Location key of the accepted claim');
    table.text('holder_target').nullable().comment('URL of its file');
    table
      .text('result_hash')
      .nullable()
      .comment(
        "Hash of the catalog's processing result of the refused file at that time; once it differs, the conflict may be resolved",
      );
    table.bigInteger('seen_at_ms').notNullable().index().comment('Epoch milliseconds');
  });
};

/** @param {import('knex').Knex} knex */
exports.down = async function down(knex) {
  await knex.schema.dropTable(CONFLICTS);
};
