import { NOW } from '../__testUtils__/discoveryData';
import {
  asDatabaseService,
  createTestDatabases,
  emptyDatabase,
} from '../__testUtils__/testDatabases';
import { ProjectSummary } from '../discovery/summarizeProjects';
import { DiscoveryDatabase } from './DiscoveryDatabase';
import { MAX_PROJECTS, ProjectWebhooks, WebhookStore } from './WebhookStore';

const databases = createTestDatabases();

const TABLE = 'bitbucket_server_discovery_webhooks';
const RUN = { startedAtMs: NOW, finishedAtMs: NOW + 10 };

function project(projectKey: string, rest: Partial<ProjectSummary> = {}): ProjectSummary {
  return { projectKey, registered: 1, unannounced: 0, ...rest };
}

function heard(projectKey: string, rest: Partial<ProjectWebhooks> = {}): ProjectWebhooks {
  return { projectKey, registered: 1, unannounced: 0, ...rest };
}

describe.each(databases.eachSupportedId())('the webhooks in %s', databaseId => {
  async function open() {
    const knex = await emptyDatabase(databases, databaseId);
    const openStore = () =>
      new WebhookStore(new DiscoveryDatabase(asDatabaseService(knex)));
    const store = openStore();
    await store.load('default');
    return { knex, store, replica: openStore() };
  }

  it('have the last event of each project, on every replica and separately for each provider', async () => {
    const { store, replica } = await open();

    await store.recordEvent('default', 'PAY', NOW);
    await replica.recordEvent('default', 'pay', NOW + 5);
    await store.recordEvent('default', '~jdoe', NOW + 1);
    await store.recordEvent('other', 'PAY', NOW + 9);

    expect(await replica.load('default')).toEqual([
      heard('PAY', { registered: 0, lastEventAtMs: NOW + 5 }),
      heard('~jdoe', { registered: 0, lastEventAtMs: NOW + 1 }),
    ]);
    expect(await store.load('third')).toEqual([]);
  });

  it('have after a run the number of registered repositories and the sum of unannounced changes', async () => {
    const { store } = await open();
    await store.recordEvent('default', 'PAY', NOW);

    await store.recordRun(
      'default',
      [project('PAY', { registered: 3, unannounced: 2 }), project('OPS')],
      RUN,
    );
    await store.recordRun('default', [project('PAY', { unannounced: 1 })], {
      startedAtMs: NOW + 20,
      finishedAtMs: NOW + 30,
    });

    expect(await store.load('default')).toEqual([
      heard('PAY', {
        lastEventAtMs: NOW,
        unannounced: 3,
        lastUnannouncedAtMs: NOW + 30,
      }),
    ]);
  });

  it('keep the time of an event that arrives while a run is written', async () => {
    const { store, replica } = await open();
    await store.recordRun('default', [project('PAY')], RUN);

    await Promise.all([
      replica.recordEvent('default', 'PAY', NOW + 7),
      store.recordRun('default', [project('PAY', { registered: 2 })], RUN),
    ]);

    expect(await store.load('default')).toEqual([
      heard('PAY', { registered: 2, lastEventAtMs: NOW + 7 }),
    ]);
  });

  it('are deleted with their project, unless an event arrived during the run', async () => {
    const { store } = await open();
    await store.recordEvent('default', 'OLD', NOW - 1);
    await store.recordEvent('default', 'NEW', NOW + 1);
    await store.recordEvent('other', 'OLD', NOW - 1);

    await store.recordRun('default', [], RUN);

    expect((await store.load('default')).map(project => project.projectKey)).toEqual([
      'NEW',
    ]);
    expect(await store.load('other')).toHaveLength(1);
  });

  it('need no write after a run with the same results', async () => {
    const { knex, store } = await open();
    await store.recordRun('default', [project('PAY'), project('OPS')], RUN);
    const statements: string[] = [];
    knex.on('query', ({ sql }: { sql: string }) => statements.push(sql));

    await store.recordRun('default', [project('OPS'), project('PAY')], RUN);

    expect(statements.filter(sql => !/^select/i.test(sql))).toEqual([]);
  });

  it('are stored for a limited number of projects, first for those with registered repositories', async () => {
    const { store } = await open();
    const many = Array.from({ length: MAX_PROJECTS + 1 }, (_, index) =>
      project(`P${index}`, { registered: index === 0 ? 0 : 1 }),
    );

    await store.recordRun('default', many, RUN);

    const kept = await store.load('default');
    expect(kept).toHaveLength(MAX_PROJECTS);
    expect(kept.some(project => project.projectKey === 'P0')).toBe(false);
  });

  it('accept keys with characters that no database accepts', async () => {
    const { store } = await open();

    await store.recordEvent('default', 'P\0\ud800', NOW);

    expect(await store.load('default')).toEqual([
      heard('P\ufffd\ufffd', { registered: 0, lastEventAtMs: NOW }),
    ]);
  });

  it('are dropped by a rollback, and the table is created again afterwards', async () => {
    const { knex, store } = await open();
    const config = {
      directory: 'migrations',
      tableName: 'bitbucket_server_discovery_migrations',
    };
    await knex.migrate.down({ ...config, name: '20261128020000_webhooks.js' });
    expect(await knex.schema.hasTable(TABLE)).toBe(false);

    await knex.migrate.latest(config);

    expect(await store.load('default')).toEqual([]);
  });
});
