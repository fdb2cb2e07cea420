/* Entities that two sides claim, one of them ours: the catalog takes one and keeps no note of it. */

// @ts-check

const CONFLICTS = 'bitbucket_server_discovery_conflicts';

/** @param {import('knex').Knex} knex */
exports.up = async function up(knex) {
  await knex.schema.createTable(CONFLICTS, table => {
    table.comment('Entities that two sides claim, one of them ours');
    table
      .string('conflict_hash', 64)
      .primary()
      .comment('SHA-256 of the kind, the entity and the side that was refused');
    table.string('kind', 16).notNullable().index();
    table.text('entity_ref').notNullable();
    table.text('refused_key').notNullable().comment('Location key of who was refused');
    table.text('refused_target').nullable().comment('URL of the file it comes from');
    table.text('holder_key').notNullable().comment('Location key of who has the entity');
    table.text('holder_target').nullable().comment('URL of the file it comes from');
    table
      .text('result_hash')
      .nullable()
      .comment(
        'What the catalog made of the refused file then; where it makes something else of it now, the conflict may be gone',
      );
    table.bigInteger('seen_at_ms').notNullable().index().comment('Epoch milliseconds');
  });
};

/** @param {import('knex').Knex} knex */
exports.down = async function down(knex) {
  await knex.schema.dropTable(CONFLICTS);
};
