import type { Knex } from 'knex';
import {
  asDatabaseService,
  createTestDatabases,
  emptyDatabase,
} from '../__testUtils__/testDatabases';
import { describeLostProviders } from './describeLostProviders';

const databases = createTestDatabases();

/** Of the catalog, as far as it is read. */
async function giveEntities(knex: Knex, counts: Readonly<Record<string, number>>) {
  await knex.schema.createTable('refresh_state_references', table => {
    table.string('source_key');
    table.string('target_entity_ref');
  });
  for (const [source_key, count] of Object.entries(counts)) {
    for (let index = 0; index < count; index += 1) {
      const target_entity_ref = `location:default/${index}`;
      await knex('refresh_state_references').insert({ source_key, target_entity_ref });
    }
  }
}

describe.each(databases.eachSupportedId())(
  'providers that are no longer configured, on %s',
  databaseId => {
    it('are named with the number of their entities and how to keep them', async () => {
      const knex = await emptyDatabase(databases, databaseId);
      await giveEntities(knex, {
        'bitbucketServer-provider:default': 12,
        'bitbucketServer-provider:payments': 2,
        'bitbucketServer-provider:old one:x': 1,
        'github-provider:default': 5,
      });
      const warning = await describeLostProviders(asDatabaseService(knex), ['payments']);
      expect(warning).toContain(
        'no longer configured: "default" (12), "old one:x" (1). It removes them now',
      );
      expect(warning).toContain('catalog.orphanProviderStrategy');
      expect(warning).toContain('give its id to a provider');
    });

    it('are none if all are configured, the catalog is new, or there is none yet', async () => {
      const knex = await emptyDatabase(databases, databaseId);
      const database = asDatabaseService(knex);
      expect(await describeLostProviders(database, ['default'])).toBeUndefined();
      await giveEntities(knex, { 'bitbucketServer-provider:default': 1 });
      expect(await describeLostProviders(database, ['default', 'new'])).toBeUndefined();
    });
  },
);
