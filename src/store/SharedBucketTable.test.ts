/** Buckets in the database: what replicas get of them, whatever they do at the same time. */

import path from 'node:path';
import type { Knex } from 'knex';
import {
  asDatabaseService,
  createTestDatabases,
  emptyDatabase,
} from '../__testUtils__/testDatabases';
import { TokenRequest } from '../http/sharedBucket';
import { DiscoveryDatabase } from './DiscoveryDatabase';
import { isPostgres } from './migrate';
import { SharedBucketTable } from './SharedBucketTable';

const TABLE = 'bitbucket_server_discovery_buckets';
const KEY = 'a'.repeat(64);
const SHAPE = { capacity: 55, refillPerSecond: 1e-6 };
const databases = createTestDatabases();

const requestOf = (replicaId: string, count: number): TokenRequest => ({
  shape: { all: SHAPE, discovery: SHAPE },
  replicaId,
  requestClass: 'read',
  count,
  sent: { read: 0, discovery: 0 },
});

const openTable = (knex: Knex) =>
  new SharedBucketTable(new DiscoveryDatabase(asDatabaseService(knex)));

const inTime = () => new AbortController().signal;

describe.each(databases.eachSupportedId())('the buckets in %s', databaseId => {
  it('are only for databases that replicas share', async () => {
    const knex = await emptyDatabase(databases, databaseId);
    const table = openTable(knex);
    const grant = await table.take(KEY, requestOf('a', 1), inTime());
    await table.pause(KEY, { shape: requestOf('a', 1).shape, ms: 1 }, inTime());
    const rows: unknown[] = await knex(TABLE);
    expect([grant?.tokens, rows.length]).toEqual(
      isPostgres(knex) ? [1, 1] : [undefined, 0],
    );
  });

  it('can be taken back', async () => {
    const knex = await emptyDatabase(databases, databaseId);
    await openTable(knex).take(KEY, requestOf('a', 1), inTime());
    const config = {
      directory: path.resolve(__dirname, '../../migrations'),
      tableName: 'bitbucket_server_discovery_migrations',
    };
    await knex.migrate.down({ ...config, name: '20261128060000_buckets.js' });
    expect(await knex.schema.hasTable(TABLE)).toBe(false);
    await knex.migrate.latest(config);
    expect(await knex(TABLE)).toEqual([]);
  });

  it('give no more than there is to replicas that ask at once', async () => {
    const knex = await emptyDatabase(databases, databaseId);
    if (!isPostgres(knex)) return;
    const asked = ['a', 'b', 'c', 'd'].flatMap(replicaId => {
      const table = openTable(knex);
      return [9, 9].map(count => table.take(KEY, requestOf(replicaId, count), inTime()));
    });
    const grants = await Promise.all(asked);
    expect(grants.reduce((sum, grant) => sum + (grant?.tokens ?? 0), 0)).toBe(55);
    const last = await openTable(knex).take(KEY, requestOf('e', 1), inTime());
    expect(last).toMatchObject({ tokens: 0, replicas: 5 });
  });

  it('pause all replicas at once', async () => {
    const knex = await emptyDatabase(databases, databaseId);
    if (!isPostgres(knex)) return;
    const { shape } = requestOf('a', 1);
    await openTable(knex).pause(KEY, { shape, ms: 60_000 }, inTime());
    const grant = await openTable(knex).take(KEY, requestOf('b', 1), inTime());
    expect(grant?.tokens).toBe(0);
    expect(grant?.pausedMs).toBeGreaterThan(0);
  });

  it('count as full where nobody can read what is kept', async () => {
    const knex = await emptyDatabase(databases, databaseId);
    if (!isPostgres(knex)) return;
    const table = openTable(knex);
    await table.take(KEY, requestOf('a', 9), inTime());
    await knex(TABLE).update({ state: '{"tokens": "of a later version"}' });
    expect(await table.take(KEY, requestOf('a', 1), inTime())).toMatchObject({
      left: 54,
    });
  });

  it('are not asked any more once nobody waits', async () => {
    const knex = await emptyDatabase(databases, databaseId);
    if (!isPostgres(knex)) return;
    const late = openTable(knex).take(KEY, requestOf('a', 1), AbortSignal.abort('late'));
    await expect(late).rejects.toBe('late');
  });
});
