/** The process that measures this module. */

import knexFactory from 'knex';
import { z } from 'zod';
import { readDiscoveryConfig } from '../src/config/readProviderConfigs';
import { createProviders } from '../src/provider/createProviders';
import { DiscoveryDatabase } from '../src/store/DiscoveryDatabase';
import { ProviderStateStore } from '../src/store/ProviderStateStore';
import { systemClock } from '../src/util/clock';
import { measureProcess, SubjectSetup } from './measureProcess';

/** PostgreSQL updates its statistics with a delay. */
const STATISTICS_MS = 11_000;

/** Opens a separate database, as in production. */
async function openDatabase(setup: SubjectSetup) {
  const { databaseFile: filename = ':memory:', postgresUrl } = setup;
  if (!postgresUrl) {
    const knex = knexFactory({
      client: 'better-sqlite3',
      connection: { filename },
      useNullAsDefault: true,
    });
    const rowsWritten = async () =>
      getCount(await knex.raw('SELECT total_changes() AS count'));
    return { knex, rowsWritten, close: () => knex.destroy() };
  }
  const server = knexFactory({ client: 'pg', connection: postgresUrl });
  const name = `bench_${process.pid}_${Date.now()}`;
  await server.raw('CREATE DATABASE ??', [name]);
  const connection = Object.assign(new URL(postgresUrl), { pathname: `/${name}` }).href;
  const knex = knexFactory({ client: 'pg', connection });
  return {
    knex,
    rowsWritten: async () => {
      await systemClock.sleep(STATISTICS_MS);
      const { rows } = await knex.raw(
        'SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::int AS count FROM pg_stat_user_tables',
      );
      return getCount(rows);
    },
    close: async () => {
      await knex.destroy();
      await server.raw('DROP DATABASE IF EXISTS ??', [name]);
      await server.destroy();
    },
  };
}

function getCount(rows: unknown): number {
  return z.tuple([z.object({ count: z.number().nullable() })]).parse(rows)[0].count ?? 0;
}

measureProcess(async setup => {
  const { config, logger, connection } = setup;
  const { knex, rowsWritten, close } = await openDatabase(setup);
  const tables = new DiscoveryDatabase({ getClient: async () => knex });
  // A backend creates its tables at startup, not during a run.
  await tables.connect();
  const readBaseline = async () => ({ repositories: [], held: [] });
  const [created] = createProviders(readDiscoveryConfig(config), {
    logger,
    store: new ProviderStateStore(tables, { clock: systemClock, readBaseline }),
  });
  if (!created) {
    throw new Error('the configuration describes no provider');
  }
  const { provider } = created;
  await provider.connect(connection);
  return { run: () => provider.refresh(), rowsWritten, close };
});
