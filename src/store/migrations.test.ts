/** How the tables are migrated to this version, and which data they keep. */

import { readdirSync } from 'node:fs';
import path from 'node:path';
import type { Knex } from 'knex';
import { FakeClock } from '../__testUtils__/FakeClock';
import { finishedRun, repositoryReport } from '../__testUtils__/reportData';
import {
  asDatabaseService,
  createTestDatabases,
  emptyDatabase,
} from '../__testUtils__/testDatabases';
import { DiscoveryDatabase } from './DiscoveryDatabase';
import { DiscoveryReport } from './DiscoveryReport';
import { ProviderStateStore } from './ProviderStateStore';

const databases = createTestDatabases();

const DIRECTORY = path.resolve(__dirname, '../../migrations');
const CONFIG = {
  directory: DIRECTORY,
  tableName: 'bitbucket_server_discovery_migrations',
};
const ONE_ROW = '20261127000000_one_row_per_repository.js';
const LOCATION_CONFLICTS = '20261127010000_location_conflicts.js';
const LOCK = `${CONFIG.tableName}_lock`;
const table = (name: string) => `bitbucket_server_discovery_${name}`;

const NOW = Date.UTC(2026, 0, 1);
const HOUR = 3_600_000;
const PAGE = 'https://host/projects/PAY/repos/';
const file = (slug: string) => ({
  path: 'catalog-info.yaml',
  targetUrl: `${PAGE}${slug}/browse/catalog-info.yaml`,
  presence: 'required' as const,
});

/** Creates the tables of the previous version. */
async function migrateToBefore(knex: Knex): Promise<void> {
  const before = readdirSync(DIRECTORY).filter(name => name < ONE_ROW);
  for (const _ of before) {
    await knex.migrate.up(CONFIG);
  }
}

/** Inserts rows as the previous version wrote them. */
async function fillAsBefore(knex: Knex): Promise<void> {
  const { host, trigger, ...report } = finishedRun({
    startedAtMs: NOW,
    finishedAtMs: NOW + HOUR,
  });
  await knex(table('providers')).insert({
    provider_id: 'default',
    server_urls: '["https://host"]',
  });
  await knex(table('status')).insert([
    {
      provider_id: 'default',
      host,
      running: false,
      started_at_ms: NOW,
      run_trigger: trigger,
      report: JSON.stringify(report),
      last_success_at_ms: NOW + HOUR,
    },
    { provider_id: 'asked-for', running: false, next_trigger: 'manual' },
  ]);
  const known = (id: number, slug: string, rest: object) => ({
    provider_id: 'default',
    repository_id: id,
    project_key: 'PAY',
    slug,
    files: JSON.stringify([file(slug)]),
    checked_at_ms: NOW,
    ...rest,
  });
  const registered = (slug: string) => ({ kind: 'registered', files: [file(slug)] });
  await knex(table('repositories')).insert([
    known(1, 'Api', { outcome: JSON.stringify(registered('Api')) }),
    known(2, 'none', {
      files: '[]',
      outcome: '{"kind":"absent","reason":"no-catalog-file"}',
    }),
    known(3, 'later', { outcome: '{"kind":"quarantined"}' }),
    known(4, 'broken', { outcome: '{"kind"' }),
    known(5, 'lost', { files: 'not JSON', outcome: JSON.stringify(registered('lost')) }),
    known(6, 'unreported', { outcome: JSON.stringify(registered('unreported')) }),
    known(-1, 'placeholder', { outcome: null, checked_at_ms: null }),
  ]);
  const reported = (id: number, slug: string, rest: object) => ({
    provider_id: 'default',
    repository_id: id,
    project_key: 'PAY',
    slug,
    project_key_sort: 'pay',
    slug_sort: slug.toLowerCase(),
    files: JSON.stringify([file(slug)]),
    checked_at_ms: NOW,
    ...rest,
  });
  await knex(table('reports')).insert([
    reported(1, 'Api', { outcome: 'registered' }),
    reported(2, 'none', { outcome: 'absent', reason: 'no-catalog-file', files: '[]' }),
    reported(3, 'later', { outcome: 'quarantined', reason: 'eaten' }),
    reported(4, 'broken', { outcome: 'unknown', reason: 'timeout', detail: 'late' }),
    reported(5, 'lost', { outcome: 'registered', files: 'not JSON' }),
  ]);
  await knex(table('held')).insert({
    provider_id: 'default',
    target_hash: 'a'.repeat(64),
    target_url: file('Api').targetUrl,
    repository_id: 1,
    since_ms: NOW,
    approved: true,
  });
}

describe.each(databases.eachSupportedId())('the tables in %s', databaseId => {
  function open(knex: Knex, warnings: string[] = []) {
    const tables = new DiscoveryDatabase(asDatabaseService(knex), message =>
      warnings.push(message),
    );
    const store = new ProviderStateStore(tables, {
      clock: new FakeClock(),
      readBaseline: async () => ({ repositories: [], held: [] }),
    });
    return { tables, store, reports: new DiscoveryReport(tables) };
  }

  it('keep the data of the previous version, and mark rows that cannot be read as unknown', async () => {
    const knex = await emptyDatabase(databases, databaseId);
    await migrateToBefore(knex);
    await fillAsBefore(knex);
    const warnings: string[] = [];
    const { store, reports } = open(knex, warnings);

    const { items } = await reports.pageRepositories('default', { limit: 9, offset: 0 });
    expect(
      items.map(repository => [
        repository.repositorySlug,
        repository.outcome,
        repository.reason,
      ]),
    ).toEqual([
      ['Api', 'registered', undefined],
      ['broken', 'unknown', 'not-checked'],
      ['later', 'unknown', 'not-checked'],
      ['lost', 'unknown', 'not-checked'],
      ['none', 'absent', 'no-catalog-file'],
    ]);
    expect(items[0]).toEqual({
      ...repositoryReport(1, 'PAY/Api', { checkedAtMs: NOW }),
      files: [{ path: file('Api').path, targetUrl: file('Api').targetUrl }],
    });
    const state = await store.load('default');
    expect(state?.serverUrls).toEqual(['https://host']);
    expect(state?.held).toEqual([
      {
        repositoryId: 1,
        entryKey: file('Api').targetUrl,
        sinceMs: NOW,
        confirmedForMs: HOUR,
        approved: true,
      },
    ]);
    const known = state?.repositories.map(repository => [
      repository.slug,
      repository.conclusive?.kind,
    ]);
    expect(known).toEqual([
      ['placeholder', undefined],
      ['Api', 'registered'],
      ['none', 'absent'],
      ['later', undefined],
      ['broken', undefined],
      ['lost', undefined],
      ['unreported', 'registered'],
    ]);
    expect(new Set(warnings).size).toBe(3);
    expect((await reports.loadDiscovery('default'))?.lastRun?.status).toBe('succeeded');
    expect(await store.consumeTrigger('asked-for')).toBe('manual');
    expect(await store.takeRevision('asked-for')).toBeUndefined();
    expect(await store.takeRevision('default')).toBe(1);
  });

  it('can be rolled back and created again without losing data', async () => {
    const knex = await emptyDatabase(databases, databaseId);
    await migrateToBefore(knex);
    await fillAsBefore(knex);
    const { store } = open(knex);
    const before = await store.load('default');
    const changed = [
      {
        ...(before?.repositories[2] ?? {
          repositoryId: 2,
          projectKey: 'PAY',
          slug: 'none',
        }),
        files: [file('none')],
        conclusive: { kind: 'registered', files: [file('none')] } as const,
        revision: 7,
      },
    ];
    await store.recordInterim('default', { repositories: changed });

    await knex.migrate.down({ ...CONFIG, name: ONE_ROW });
    const names = ['reports', 'status', 'progress', 'foreign_files'].map(table);
    const exist = await Promise.all(names.map(name => knex.schema.hasTable(name)));
    expect(exist).toEqual([true, true, false, false]);
    const row: unknown = await knex(table('repositories'))
      .where({ repository_id: 2 })
      .first();
    expect(row).toMatchObject({ outcome: JSON.stringify(changed[0]?.conclusive) });
    expect(
      await knex(table('reports')).where({ repository_id: 2 }).first(),
    ).toMatchObject({ outcome: 'registered', slug_sort: 'none' });
    expect(await knex(table('status')).orderBy('provider_id')).toMatchObject([
      { provider_id: 'asked-for', next_trigger: 'manual' },
      { provider_id: 'default', host: 'bitbucket.test' },
    ]);
    expect(await knex(table('providers'))).toMatchObject([{ provider_id: 'default' }]);

    const again = await open(knex).store.load('default');
    const withoutRevision = (stored: object) => ({ ...stored, revision: 0 });
    expect(again?.repositories.map(withoutRevision)).toEqual(
      before?.repositories.map(repository =>
        withoutRevision(repository.repositoryId === 2 ? { ...changed[0] } : repository),
      ),
    );
  });

  it('lose conflicts about Locations, which the next run finds again, and keep the others', async () => {
    const knex = await emptyDatabase(databases, databaseId);
    await knex.migrate.latest(CONFIG);
    await knex.migrate.down({ ...CONFIG, name: LOCATION_CONFLICTS });
    expect(await knex.schema.hasColumn(table('providers'), 'conflicts')).toBe(false);
    const conflict = { refused_key: 'x', holder_key: 'y', seen_at_ms: NOW };
    await knex(table('conflicts')).insert(
      ['location', 'entity'].map(kind => ({
        ...conflict,
        kind,
        conflict_hash: kind,
        entity_ref: kind,
      })),
    );

    await knex.migrate.latest(CONFIG);

    expect(await knex(table('conflicts'))).toMatchObject([{ kind: 'entity' }]);
    expect(await knex.schema.hasColumn(table('providers'), 'conflicts')).toBe(true);
  });

  it('are not changed once they exist, whatever the version and the lock of knex', async () => {
    const knex = await emptyDatabase(databases, databaseId);
    await open(knex).tables.connect();
    await knex(LOCK).update({ is_locked: 1 });
    await knex(LOCK).insert({ is_locked: 1 });
    await knex(CONFIG.tableName).insert({
      name: '29990101000000_from_the_future.js',
      batch: 2,
      migration_time: new Date(0),
    });
    const warnings: string[] = [];

    await expect(open(knex, warnings).store.load('default')).resolves.toBeDefined();
    expect(warnings).toEqual([]);
  });

  it.each([
    ['is locked by a process that was killed', [{ is_locked: 1 }]],
    ['holds two rows', [{ is_locked: 0 }, { is_locked: 0 }]],
    ['is empty', []],
  ])('are created even when the lock %s, with a warning', async (_, rows) => {
    const knex = await emptyDatabase(databases, databaseId);
    await knex.migrate.up(CONFIG);
    await knex(LOCK).delete();
    for (const row of rows) {
      await knex(LOCK).insert(row);
    }
    const warnings: string[] = [];

    await expect(open(knex, warnings).store.load('default')).resolves.toBeDefined();
    expect(warnings).toEqual([expect.stringContaining(LOCK)]);
  });

  it('are used without a warning when they are created elsewhere, and missing ones lead to an error with the remedy', async () => {
    const knex = await emptyDatabase(databases, databaseId);
    const skipping = () =>
      new DiscoveryDatabase({ getClient: async () => knex, migrations: { skip: true } });

    await expect(skipping().connect()).rejects.toThrow(
      /skipMigrations.*Start one backend/s,
    );
    expect(await knex.schema.hasTable(CONFIG.tableName)).toBe(false);

    await open(knex).tables.connect();
    await expect(skipping().connect()).resolves.toBe(knex);
  });
});

const postgres = databases.supports('POSTGRES_15');

(postgres ? describe : describe.skip)(
  'the tables in a PostgreSQL that replicas share',
  () => {
    it('are created once when replicas start at the same time, one after the other', async () => {
      const knex = await emptyDatabase(databases, 'POSTGRES_15');
      const warnings: string[] = [];
      const replicas = Array.from(
        { length: 6 },
        () =>
          new DiscoveryDatabase(asDatabaseService(knex), message =>
            warnings.push(message),
          ),
      );

      await Promise.all(replicas.map(replica => replica.connect()));

      expect(await knex(LOCK)).toHaveLength(1);
      expect(await knex(CONFIG.tableName)).toHaveLength(readdirSync(DIRECTORY).length);
      expect(warnings).toEqual([]);
    });

    it('are used by a role that may not change tables, and missing ones lead to an error with the remedy', async () => {
      const knex = await emptyDatabase(databases, 'POSTGRES_15');
      const role = `reader_${process.pid}_${String(Date.now()).slice(-6)}`;
      const asRole = async <T>(work: (database: DiscoveryDatabase) => Promise<T>) =>
        knex.transaction(async transaction => {
          await transaction.raw('set local role ??', [role]);
          return work(new DiscoveryDatabase(asDatabaseService(transaction)));
        });
      await knex.raw('create role ??', [role]);
      try {
        await knex.raw('grant usage on schema public to ??', [role]);
        await expect(asRole(database => database.connect())).rejects.toThrow(
          /needs the right to create.*permission denied/s,
        );

        await new DiscoveryDatabase(asDatabaseService(knex)).connect();
        await knex.raw('grant select on all tables in schema public to ??', [role]);
        await expect(asRole(database => database.connect())).resolves.toBeDefined();
      } finally {
        await knex.raw('drop owned by ??', [role]);
        await knex.raw('drop role ??', [role]);
      }
    });
  },
);
