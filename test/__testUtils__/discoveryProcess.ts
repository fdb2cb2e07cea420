/**
 * A separate process that runs discovery once on a SQLite file, so that a test can kill it. The
 * entities of its "catalog" are in a table of the same file, like those of a real one.
 */

import knexFactory, { Knex } from 'knex';
import { LoggerService, RootConfigService } from '@backstage/backend-plugin-api';
import { ConfigReader } from '@backstage/config';
import { EntityProviderConnection } from '@backstage/plugin-catalog-node';
import { z } from 'zod';
import { readDiscoveryConfig } from '../../src/config/readProviderConfigs';
import { createProviders } from '../../src/provider/createProviders';
import { DiscoveryDatabase } from '../../src/store/DiscoveryDatabase';
import { ProviderStateStore } from '../../src/store/ProviderStateStore';
import { systemClock } from '../../src/util/clock';

const Task = z.object({ file: z.string(), config: z.record(z.string(), z.json()) });

/** The table that represents the catalog. */
export const HELD_TABLE = 'held_by_the_catalog';

/** Opens the file; the catalog's table is made where it is missing. */
export async function openCatalogFile(file: string): Promise<Knex> {
  const knex = knexFactory({
    client: 'better-sqlite3',
    connection: { filename: file },
    useNullAsDefault: true,
  });
  if (!(await knex.schema.hasTable(HELD_TABLE))) {
    await knex.schema.createTable(HELD_TABLE, table => table.string('name').primary());
  }
  return knex;
}

function connectionTo(knex: Knex): EntityProviderConnection {
  const toName = (emitted: { entity: { metadata: { name: string } } }) => ({
    name: emitted.entity.metadata.name,
  });
  const add = async (rows: { name: string }[]) => {
    for (const row of rows) {
      await knex(HELD_TABLE).insert(row).onConflict('name').ignore();
    }
  };
  return {
    async applyMutation(mutation) {
      if (mutation.type === 'full') {
        await knex(HELD_TABLE).delete();
        await add(mutation.entities.map(toName));
      } else {
        await add(mutation.added.map(toName));
      }
    },
    async refresh() {},
  };
}

async function main(): Promise<void> {
  const task = Task.parse(JSON.parse(process.argv[2] ?? ''));
  const knex = await openCatalogFile(task.file);
  const config: RootConfigService = new ConfigReader(task.config);
  const logger: LoggerService = {
    error: () => {},
    warn: () => {},
    info: () => {},
    debug: () => {},
    child: () => logger,
  };
  const database = { getClient: async () => knex };
  const [created] = createProviders(readDiscoveryConfig(config), {
    logger,
    store: new ProviderStateStore(new DiscoveryDatabase(database), {
      clock: systemClock,
      readBaseline: async () => ({ repositories: [], held: [] }),
    }),
  });
  await created?.provider.connect(connectionTo(knex));
  await created?.provider.refresh();
  await knex.destroy();
}

if (require.main === module) {
  main().then(
    () => process.exit(0),
    error => {
      process.stderr.write(`${error}\n`);
      process.exit(1);
    },
  );
}
