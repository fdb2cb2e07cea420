/** Statements that take too long. */

import { createTestDatabases } from '../__testUtils__/testDatabases';
import { withinTime } from './DiscoveryDatabase';

const databases = createTestDatabases();

describe.each(databases.eachSupportedId())('a statement in %s', databaseId => {
  it('is not ended if it answers in time', async () => {
    const knex = await databases.init(databaseId);
    await knex.schema.createTable('stamps', table => table.integer('stamp'));
    await withinTime(knex, knex('stamps').insert({ stamp: 1 }));
    expect(await withinTime(knex, knex('stamps'))).toEqual([{ stamp: 1 }]);
  });
});

const POSTGRES = 'POSTGRES_15';

(databases.supports(POSTGRES) ? describe : describe.skip)('a statement', () => {
  it('that waits for a lock is ended, so that its connection and its place at the server are free', async () => {
    const knex = await databases.init(POSTGRES);
    await knex.raw('CREATE TABLE stamps (stamp integer)');
    const lock = await knex.transaction();
    await lock.raw('LOCK TABLE stamps IN ACCESS EXCLUSIVE MODE');
    // More than the connections of the pool.
    const all = Array.from({ length: 7 }, async () =>
      withinTime(knex, knex('stamps').first(), 100),
    );
    const results = await Promise.allSettled(all);
    expect(results.map(({ status }) => status)).toEqual(all.map(() => 'rejected'));

    const waiting: unknown[] = await knex('pg_stat_activity')
      .whereRaw('datname = current_database()')
      .andWhere('wait_event_type', 'Lock');
    expect(waiting).toEqual([]);
    await lock.rollback();
    expect(await withinTime(knex, knex('stamps'))).toEqual([]);
  });
});
