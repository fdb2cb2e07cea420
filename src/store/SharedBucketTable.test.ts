/** Buckets in the database: how many tokens concurrent replicas get. */

import path from 'node:path';
import type { Knex } from 'knex';
import { z } from 'zod';
import { FakeClock } from '../__testUtils__/FakeClock';
import {
  asDatabaseService,
  createTestDatabases,
  emptyDatabase,
} from '../__testUtils__/testDatabases';
import { getCredentialKey, LimiterRegistry } from '../http/LimiterRegistry';
import { TokenRequest } from '../http/sharedBucket';
import { DiscoveryDatabase } from './DiscoveryDatabase';
import { isPostgres } from './migrate';
import { SharedBucketTable } from './SharedBucketTable';
import { jsonColumn } from './tables';

const TABLE = 'bitbucket_server_discovery_buckets';
const KEY = 'a'.repeat(64);
const SHAPE = { capacity: 55, refillPerSecond: 1e-6 };
const databases = createTestDatabases();

const createRequest = (replicaId: string, count: number): TokenRequest => ({
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
  it('are used only on databases that replicas share', async () => {
    const knex = await emptyDatabase(databases, databaseId);
    const table = openTable(knex);
    const grant = await table.take(KEY, createRequest('a', 1), inTime());
    await table.pause(KEY, { shape: createRequest('a', 1).shape, ms: 1 }, inTime());
    const rows: unknown[] = await knex(TABLE);
    expect([grant?.tokens, rows.length]).toEqual(
      isPostgres(knex) ? [1, 1] : [undefined, 0],
    );
  });

  it('can be rolled back', async () => {
    const knex = await emptyDatabase(databases, databaseId);
    await openTable(knex).take(KEY, createRequest('a', 1), inTime());
    const config = {
      directory: path.resolve(__dirname, '../../migrations'),
      tableName: 'bitbucket_server_discovery_migrations',
    };
    await knex.migrate.down({ ...config, name: '20261128060000_buckets.js' });
    expect(await knex.schema.hasTable(TABLE)).toBe(false);
    await knex.migrate.latest(config);
    expect(await knex(TABLE)).toEqual([]);
  });
});

const POSTGRES = 'POSTGRES_15';
const BURST = 100;
const Kept = z.object({
  state: jsonColumn(
    z.object({ bucket: z.object({ all: z.object({ tokens: z.number() }) }) }),
  ),
});

/** Two replicas with a configured rate, and the requests that they send. */
function startReplicas(knex: Knex) {
  let asking = 0;
  let isHung = false;
  let unanswered = 0;
  const warnings: string[] = [];
  // While the database may still answer, no time passes.
  const clock = new FakeClock({ holdWhile: () => asking > 0 && !isHung });
  const counted = <T>(question: Promise<T>): Promise<T> => {
    asking += 1;
    return question.finally(() => (asking -= 1));
  };
  const host = 'bitbucket.example.com';
  const integration = { host, apiBaseUrl: `https://${host}/rest/api/1.0` };
  const credentialKey = getCredentialKey(integration);
  const fixed = { requestsPerSecond: 0.001, burst: BURST };
  const pace = { auto: false, fixed };
  const replicas = [1, 2].map(() => {
    const table = openTable(knex);
    const registry = new LimiterRegistry({
      agreed: [{ host, credentialKey, concurrency: 8, pace }],
      defaultConcurrency: 8,
      clock,
      onWarning: warning => warnings.push(warning),
      onUnanswered: () => (unanswered += 1),
    });
    registry.shareWithReplicas({
      take: (...question) => counted(table.take(...question)),
      pause: (...news) => counted(table.pause(...news)),
    });
    return registry.limiterFor(integration);
  });
  const send = async () => {};
  const work = (count: number) =>
    Promise.all(
      replicas.flatMap(limiter =>
        Array.from({ length: count }, () => limiter.run(send, { requestClass: 'read' })),
      ),
    );
  return {
    ...{ clock, replicas, warnings, work },
    unanswered: () => unanswered,
    setHung: (hung: boolean) => (isHung = hung),
  };
}

const postgres = databases.supports(POSTGRES);

(postgres ? describe : describe.skip)('the buckets that replicas share', () => {
  it('grant concurrent replicas no more tokens than available', async () => {
    const knex = await emptyDatabase(databases, POSTGRES);
    const asked = ['a', 'b', 'c', 'd'].flatMap(replicaId => {
      const table = openTable(knex);
      return [9, 9].map(count =>
        table.take(KEY, createRequest(replicaId, count), inTime()),
      );
    });
    const grants = await Promise.all(asked);
    expect(grants.reduce((sum, grant) => sum + (grant?.tokens ?? 0), 0)).toBe(55);
    const last = await openTable(knex).take(KEY, createRequest('e', 1), inTime());
    expect(last).toMatchObject({ tokens: 0, replicas: 5 });
  });

  it('pause all replicas at the same time', async () => {
    const knex = await emptyDatabase(databases, POSTGRES);
    const { shape } = createRequest('a', 1);
    await openTable(knex).pause(KEY, { shape, ms: 60_000 }, inTime());
    const grant = await openTable(knex).take(KEY, createRequest('b', 1), inTime());
    expect(grant?.tokens).toBe(0);
    expect(grant?.pausedMs).toBeGreaterThan(0);
  });

  it('count as full when the stored value cannot be read', async () => {
    const knex = await emptyDatabase(databases, POSTGRES);
    const table = openTable(knex);
    await table.take(KEY, createRequest('a', 9), inTime());
    await knex(TABLE).update({ state: '{"tokens": "of a later version"}' });
    expect(await table.take(KEY, createRequest('a', 1), inTime())).toMatchObject({
      left: 54,
    });
  });

  it('are no longer queried once no request waits', async () => {
    const knex = await emptyDatabase(databases, POSTGRES);
    const late = openTable(knex).take(
      KEY,
      createRequest('a', 1),
      AbortSignal.abort('late'),
    );
    await expect(late).rejects.toBe('late');
  });

  it('limit each replica to its share while the database hangs, and count the sent requests once it answers', async () => {
    const knex = await emptyDatabase(databases, POSTGRES);
    const { clock, replicas, setHung, unanswered, warnings, work } = startReplicas(knex);
    await clock.run(work(5));
    expect(unanswered()).toBe(0);

    const lock = await knex.transaction();
    await lock.raw('LOCK TABLE ?? IN ACCESS EXCLUSIVE MODE', [TABLE]);
    setHung(true);
    const fromMs = clock.monotonicMs();
    await clock.run(work(20));
    expect(clock.monotonicMs() - fromMs).toBe(250);
    const warning = expect.stringContaining('uses only its own part of the budget');
    expect(warnings).toEqual(replicas.map(() => warning));
    expect(unanswered()).toBe(replicas.length);

    await lock.rollback();
    setHung(false);
    await clock.advance(5_000);
    await clock.run(work(1));
    expect(unanswered()).toBe(replicas.length);
    const state: unknown = await knex(TABLE).first('state');
    const { tokens } = Kept.parse(state).state.bucket.all;
    expect(tokens).toBeCloseTo(BURST - replicas.length * (5 + 20 + 1), 1);
  });
});
