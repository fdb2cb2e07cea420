/** Stamps: equal on every replica until a change is reported. */

import path from 'node:path';
import { FakeClock } from '../__testUtils__/FakeClock';
import {
  asDatabaseService,
  createTestDatabases,
  emptyDatabase,
} from '../__testUtils__/testDatabases';
import { DiscoveryDatabase } from './DiscoveryDatabase';
import { StampTable } from './StampTable';

const databases = createTestDatabases();
const HOST = 'bitbucket.example.com';
const API = { projectKey: 'PAY', slug: 'api' };
const WEB = { projectKey: 'PAY', slug: 'web' };

describe.each(databases.eachSupportedId())('stamps in %s', databaseId => {
  async function open() {
    const knex = await emptyDatabase(databases, databaseId);
    const replica = (seed: number) =>
      new StampTable(
        new DiscoveryDatabase(asDatabaseService(knex)),
        new FakeClock({ seed }),
      );
    return { knex, replica, stamps: replica(1) };
  }

  it('stay the same, in whatever case the repository is written', async () => {
    const { stamps, replica } = await open();
    const stamp = await stamps.load(HOST, API);
    expect(stamp).toMatch(/^[\w-]{8,64}$/);
    expect(await replica(2).load(HOST, { projectKey: 'pay', slug: 'API' })).toBe(stamp);
  });

  it('differ after a change, of that repository and no other', async () => {
    const { stamps, replica } = await open();
    const before = [await stamps.load(HOST, API), await stamps.load(HOST, WEB)];
    const elsewhere = await stamps.load('other.example.com', API);
    await replica(2).renew(HOST, [{ projectKey: 'pay', slug: 'Api' }]);
    expect(await stamps.load(HOST, API)).not.toBe(before[0]);
    expect(await stamps.load(HOST, WEB)).toBe(before[1]);
    expect(await stamps.load('other.example.com', API)).toBe(elsewhere);
  });

  it('are not stored for repositories that were never read', async () => {
    const { knex, stamps } = await open();
    await stamps.renew(HOST, [API]);
    await stamps.renew(HOST, []);
    expect(await knex('bitbucket_server_discovery_stamps')).toEqual([]);
  });

  it('are the same for concurrent first requests', async () => {
    const { stamps, replica } = await open();
    await stamps.load(HOST, WEB);
    const all = [1, 2, 3, 4].map(seed => replica(seed).load(HOST, API));
    expect(new Set(await Promise.all(all)).size).toBe(1);
  });

  it('are renewed for a thousand repositories at once', async () => {
    const { stamps } = await open();
    const many = Array.from({ length: 1_000 }, (_, index) => ({
      projectKey: 'PAY',
      slug: `svc-${index}`,
    }));
    const last = { projectKey: 'PAY', slug: 'svc-999' };
    const before = await stamps.load(HOST, last);
    await stamps.renew(HOST, many);
    expect(await stamps.load(HOST, last)).not.toBe(before);
  });

  it('can be rolled back', async () => {
    const { knex, stamps } = await open();
    await stamps.load(HOST, API);
    const config = {
      directory: path.resolve(__dirname, '../../migrations'),
      tableName: 'bitbucket_server_discovery_migrations',
    };
    await knex.migrate.down({ ...config, name: '20261128040000_stamps.js' });
    expect(await knex.schema.hasTable('bitbucket_server_discovery_stamps')).toBe(false);
    await knex.migrate.latest(config);
    expect(await stamps.load(HOST, API)).toMatch(/\w/);
  });
});
