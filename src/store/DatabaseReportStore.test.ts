import { HOUR, known, NOW, target } from '../__testUtils__/discoveryData';
import { InProcessReportStore } from '../__testUtils__/InProcessReportStore';
import { finishedRun, repositoryReport as report } from '../__testUtils__/reportData';
import { asDatabaseService, createTestDatabases } from '../__testUtils__/testDatabases';
import { compareReports, RepositoryReport } from '../discovery/report';
import { DatabaseMemoryStore } from './DatabaseMemoryStore';
import { DatabaseReportStore } from './DatabaseReportStore';
import { DiscoveryDatabase } from './DiscoveryDatabase';
import { ReportStore } from './ReportStore';

const databases = createTestDatabases();

const FIRST_PAGE = { limit: 100, offset: 0 };

async function itemsOf(
  store: ReportStore,
  providerId = 'default',
): Promise<readonly RepositoryReport[]> {
  return (await store.pageRepositories(providerId, FIRST_PAGE)).items;
}

const KINDS = ['the fake', ...databases.eachSupportedId().map(([id]) => id)] as const;

describe.each(KINDS)('the report in %s', kind => {
  async function createStore(): Promise<ReportStore> {
    if (kind === 'the fake') {
      return new InProcessReportStore();
    }
    const knex = await databases.init(kind);
    return new DatabaseReportStore(new DiscoveryDatabase(asDatabaseService(knex)));
  }

  it('knows nothing of a provider that never ran', async () => {
    const store = await createStore();

    expect(await store.loadDiscovery('default')).toBeUndefined();
    expect(await store.loadDiscoveries()).toEqual([]);
    expect(await store.pageRepositories('default', FIRST_PAGE)).toEqual({
      items: [],
      totalItems: 0,
    });
    expect(await store.findRepository('default', 'PAY', 'api')).toBeUndefined();
    expect(await store.loadHeldRemovals('default')).toEqual([]);
  });

  it('shows a run that began and has not ended', async () => {
    const store = await createStore();
    const start = { host: 'host', startedAtMs: NOW, trigger: 'manual' } as const;

    await store.beginRun('default', start);

    expect(await store.loadDiscovery('default')).toEqual({
      providerId: 'default',
      running: true,
      lastStart: start,
    });
  });

  it('shows how a run ended, each provider its own', async () => {
    const store = await createStore();
    const { host, trigger, ...record } = finishedRun({ startedAtMs: NOW, requests: 7 });
    await store.beginRun('default', { host, trigger, startedAtMs: NOW });

    await store.finishRun('default', { host, trigger, ...record }, [
      report(1, 'PAY/api'),
    ]);
    await store.finishRun('other', finishedRun({ status: 'failed', error: 'no' }), []);

    expect(await store.loadDiscovery('default')).toEqual({
      providerId: 'default',
      running: false,
      lastStart: { host, trigger, startedAtMs: NOW },
      lastRun: record,
      lastSuccessAtMs: record.finishedAtMs,
    });
    const stored = await store.loadDiscoveries();
    expect(stored.map(one => [one.providerId, one.lastRun?.status]).sort()).toEqual([
      ['default', 'succeeded'],
      ['other', 'failed'],
    ]);
    expect(await itemsOf(store)).toEqual([report(1, 'PAY/api')]);
    expect(await itemsOf(store, 'other')).toEqual([]);
  });

  it('still shows how the last run ended while the next one goes on', async () => {
    const store = await createStore();
    const { host, trigger, ...record } = finishedRun({});
    await store.finishRun('default', { host, trigger, ...record }, []);

    await store.beginRun('default', { host, trigger, startedAtMs: NOW + HOUR });

    expect(await store.loadDiscovery('default')).toMatchObject({
      running: true,
      lastStart: { startedAtMs: NOW + HOUR },
      lastRun: record,
    });
  });

  it('shows that a run broke off, until the next one begins, and keeps what was found', async () => {
    const store = await createStore();
    const { host, trigger, ...record } = finishedRun({});
    await store.finishRun('default', { host, trigger, ...record }, [
      report(1, 'PAY/api'),
    ]);
    await store.beginRun('default', { host, trigger, startedAtMs: NOW + HOUR });
    const failure = { finishedAtMs: NOW + HOUR + 1, error: 'the catalog is away' };

    await store.failRun('default', failure);

    expect(await store.loadDiscovery('default')).toEqual({
      providerId: 'default',
      running: false,
      lastStart: { host, trigger, startedAtMs: NOW + HOUR },
      failure,
      lastRun: record,
      lastSuccessAtMs: record.finishedAtMs,
    });
    expect(await itemsOf(store)).toEqual([report(1, 'PAY/api')]);
    await store.beginRun('default', { host, trigger, startedAtMs: NOW + 2 * HOUR });
    expect((await store.loadDiscovery('default'))?.failure).toBeUndefined();
    await store.failRun('default', failure);
    await store.finishRun('default', finishedRun({}), []);
    expect((await store.loadDiscovery('default'))?.failure).toBeUndefined();
  });

  it('keeps every field of a repository', async () => {
    const store = await createStore();
    const full = report(9_007_199_254_740_991, '~JDoe/Ünï-code', {
      outcome: 'unknown',
      reason: 'timeout',
      detail: 'It said: "wait"\n…',
      files: [{ path: 'ä b.yaml', targetUrl: target('PAY/api', '%C3%A4%20b.yaml') }],
      checkedAtMs: NOW,
    });
    const bare = report(-3, 'PAY/old', {
      outcome: 'absent',
      reason: 'no-catalog-file',
      files: [],
      checkedAtMs: undefined,
    });

    await store.finishRun('default', finishedRun({}), [full, bare]);

    expect(await itemsOf(store)).toEqual([bare, full]);
  });

  it('forgets what a complete run did not see', async () => {
    const store = await createStore();
    const [api, web] = [report(1, 'PAY/api'), report(2, 'PAY/web')];
    await store.finishRun('default', finishedRun({}), [api, web]);
    await store.finishRun('other', finishedRun({}), [api]);

    await store.finishRun('default', finishedRun({}), [web]);

    expect(await itemsOf(store)).toEqual([web]);
    expect(await itemsOf(store, 'other')).toEqual([api]);
  });

  it('keeps what a run that failed did not name, and replaces what it did', async () => {
    const store = await createStore();
    const [api, web] = [report(1, 'PAY/api'), report(2, 'PAY/web')];
    const unknown = report(2, 'PAY/web', { outcome: 'unknown', reason: 'not-checked' });
    await store.finishRun('default', finishedRun({}), [api, web]);

    await store.finishRun('default', finishedRun({ status: 'failed' }), [unknown]);

    expect(await itemsOf(store)).toEqual([api, unknown]);
  });

  it('finds repositories by their files, each provider its own', async () => {
    const store = await createStore();
    const [api, web] = [report(1, 'PAY/api'), report(2, 'PAY/web')];
    const personal = report(3, '~JDOE/api', {
      files: [{ path: 'catalog-info.yaml', targetUrl: target('~jdoe/api') }],
    });
    const many = Array.from({ length: 250 }, (_, i) => report(10 + i, `PAY/r${i}`));
    await store.finishRun('default', finishedRun({}), [web, api, personal, ...many]);
    await store.finishRun('other', finishedRun({}), [web]);

    const find = (...urls: readonly string[]) => store.findByTargets('default', urls);
    expect(await find(target('PAY/web'), target('~jdoe/api'), target('PAY/api'))).toEqual(
      [api, web, personal],
    );
    expect(await find(target('PAY/api', 'other.yaml'), 'https://x/y', 'no URL')).toEqual(
      [],
    );
    expect(await find()).toEqual([]);
    expect(
      await find(...many.map(one => target(`PAY/${one.repositorySlug}`))),
    ).toHaveLength(250);
    expect(await store.findByTargets('other', [target('PAY/api')])).toEqual([]);
  });

  it('bears a repository that is named twice', async () => {
    const store = await createStore();
    const renamed = report(1, 'PAY/new');

    await store.finishRun('default', finishedRun({}), [report(1, 'PAY/old'), renamed]);

    expect(await itemsOf(store)).toEqual([renamed]);
  });

  it('adds and replaces single repositories, and moves one that was renamed', async () => {
    const store = await createStore();
    await store.finishRun('default', finishedRun({}), [
      report(1, 'PAY/api'),
      report(2, 'PAY/web'),
    ]);

    await store.saveRepositories('default', [
      report(1, 'SHOP/api'),
      report(3, 'PAY/new'),
    ]);
    await store.saveRepositories('default', []);

    expect((await itemsOf(store)).map(one => one.repositoryId)).toEqual([3, 2, 1]);
    expect(await store.findRepository('default', 'PAY', 'api')).toBeUndefined();
  });

  it('does not list a repository twice once its id is known', async () => {
    const store = await createStore();
    await store.finishRun('default', finishedRun({}), [
      report(-1, 'PAY/api'),
      report(-2, 'PAY/web'),
    ]);
    await store.saveRepositories('other', [report(-1, 'PAY/api')]);

    await store.saveRepositories('default', [report(1, 'pay/API')]);

    expect(await itemsOf(store)).toEqual([report(1, 'pay/API'), report(-2, 'PAY/web')]);
    expect(await itemsOf(store, 'other')).toHaveLength(1);
  });

  it('forgets single repositories, of that provider only', async () => {
    const store = await createStore();
    const [api, web] = [report(1, 'PAY/api'), report(2, 'PAY/web')];
    await store.saveRepositories('default', [api, web]);
    await store.saveRepositories('other', [api]);

    await store.forgetRepositories('default', [1, 99]);
    await store.forgetRepositories('default', []);

    expect(await itemsOf(store)).toEqual([web]);
    expect(await itemsOf(store, 'other')).toEqual([api]);
  });

  it('finds a repository whatever the case, and the later one of two at one address', async () => {
    const store = await createStore();
    await store.saveRepositories('default', [
      report(5, 'PAY/Api'),
      report(4, 'pay/api'),
      report(6, 'PAY/api-2'),
    ]);

    expect(await store.findRepository('default', 'pAy', 'API')).toEqual(
      report(5, 'PAY/Api'),
    );
    expect(await store.findRepository('default', 'PAY', 'ap')).toBeUndefined();
    expect(await store.findRepository('default', 'PA_', 'a%')).toBeUndefined();
    expect(await store.findRepository('other', 'PAY', 'api')).toBeUndefined();
  });

  it('narrows by outcome and by project, and counts what matches', async () => {
    const store = await createStore();
    const absent = { outcome: 'absent', reason: 'no-catalog-file' } as const;
    await store.saveRepositories('default', [
      report(1, 'PAY/api'),
      report(2, 'PAY/web', absent),
      report(3, 'PAYMENTS/web', absent),
      report(4, 'PAY/zoo', absent),
    ]);
    const ask = async (query: object) => {
      const page = await store.pageRepositories('default', { ...FIRST_PAGE, ...query });
      return { ids: page.items.map(one => one.repositoryId), total: page.totalItems };
    };

    expect(await ask({ outcome: 'absent' })).toEqual({ ids: [2, 4, 3], total: 3 });
    expect(await ask({ project: 'pay' })).toEqual({ ids: [1, 2, 4], total: 3 });
    expect(await ask({ project: 'Pay', outcome: 'absent', limit: 1 })).toEqual({
      ids: [2],
      total: 2,
    });
    expect(await ask({ project: 'PA%' })).toEqual({ ids: [], total: 0 });
    expect(await ask({ outcome: 'excluded' })).toEqual({ ids: [], total: 0 });
    expect(await ask({ offset: 4 })).toEqual({ ids: [], total: 4 });
    expect(await ask({ offset: Number.MAX_SAFE_INTEGER })).toEqual({ ids: [], total: 4 });
  });

  it('sorts as every other list does, punctuation and foreign letters included', async () => {
    const store = await createStore();
    const slugs = [
      'a.b',
      'a-b',
      'a_b',
      'ab',
      'a',
      'AB2',
      'äb',
      'zz',
      'é',
      '1',
      '10',
      '~',
    ];
    const reports = ['PAY', 'pay2', '~jdoe', 'A_B', 'A-B'].flatMap((key, k) =>
      slugs.map((slug, s) => report(100 * k + s, `${key}/${slug}`)),
    );
    await store.saveRepositories('default', reports);

    expect(await itemsOf(store)).toEqual([...reports].sort(compareReports));
  });

  it('yields each of 10,000 repositories once, page by page, in order', async () => {
    const store = await createStore();
    const reports = Array.from({ length: 10_000 }, (_, id) =>
      // In an order that is neither that of the ids nor that of the names.
      report(id, `P${(id * 7) % 13}/${id % 2 ? 'R' : 'r'}${(id * 7_919) % 10_007}`),
    );
    await store.finishRun('default', finishedRun({}), reports);

    const paged: RepositoryReport[] = [];
    for (let offset = 0; offset < 10_000; offset += 999) {
      const page = await store.pageRepositories('default', { limit: 999, offset });
      expect(page.totalItems).toBe(10_000);
      paged.push(...page.items);
    }

    expect(paged).toEqual([...reports].sort(compareReports));
  });

  it('gives a request for a run to the next run, once, and of that provider only', async () => {
    const store = await createStore();
    await store.noteTrigger('default', 'manual');
    await store.noteTrigger('default', 'manual');

    expect(await store.takeTrigger('other')).toBe('schedule');
    const both = [store.takeTrigger('default'), store.takeTrigger('default')];
    expect((await Promise.all(both)).sort()).toEqual(['manual', 'schedule']);
    expect(await store.takeTrigger('default')).toBe('schedule');
  });

  it('does not lose a request that arrives while a run goes on', async () => {
    const store = await createStore();
    const run = finishedRun({ trigger: 'schedule' });
    await store.beginRun('default', run);
    await store.noteTrigger('default', 'manual');
    await store.finishRun('default', run, []);

    expect((await store.loadDiscovery('default'))?.lastStart?.trigger).toBe('schedule');
    expect(await store.takeTrigger('default')).toBe('manual');
  });

  it('has never run where a run is only asked for', async () => {
    const store = await createStore();
    await store.noteTrigger('default', 'manual');

    expect(await store.loadDiscovery('default')).toEqual({
      providerId: 'default',
      running: false,
    });
  });
});

describe.each(databases.eachSupportedId())(
  'the report in the tables of %s',
  databaseId => {
    async function createStore() {
      const knex = await databases.init(databaseId);
      const open = () => new DiscoveryDatabase(asDatabaseService(knex));
      return { knex, open, store: new DatabaseReportStore(open()) };
    }

    it('is the same for another replica', async () => {
      const { store, open } = await createStore();
      await store.finishRun('default', finishedRun({}), [report(1, 'PAY/api')]);
      await store.noteTrigger('default', 'manual');

      const replica = new DatabaseReportStore(open());

      expect(await replica.loadDiscoveries()).toEqual(await store.loadDiscoveries());
      expect(await itemsOf(replica)).toEqual([report(1, 'PAY/api')]);
      expect(await replica.takeTrigger('default')).toBe('manual');
      expect(await store.takeTrigger('default')).toBe('schedule');
    });

    it('lists what is held back, with its repository and with what is approved', async () => {
      const { store, open } = await createStore();
      const memory = new DatabaseMemoryStore(open(), async () => undefined);
      const held = ['web', 'api'].map((slug, index) => ({
        repositoryId: index,
        targetUrl: target(`PAY/${slug}`),
        sinceMs: NOW - index,
        approved: false,
      }));
      const repositories = [known(0, 'SHOP/web-renamed', [])];
      await memory.save('default', { repositories, held });
      await memory.save('other', { repositories: [], held: held.slice(1) });
      await memory.approve('default', [target('PAY/web')]);

      const stored = await store.loadHeldRemovals('default');

      expect(stored).toHaveLength(2);
      expect(stored).toContainEqual({
        ...held[0],
        approved: true,
        address: { projectKey: 'SHOP', slug: 'web-renamed' },
      });
      // Where nothing is remembered of the repository, the target tells which one it is.
      expect(stored).toContainEqual({
        ...held[1],
        approved: false,
        address: expect.objectContaining({ projectKey: 'PAY', slug: 'api' }),
      });
    });

    it('leaves all as it was when a run cannot be stored', async () => {
      const { store } = await createStore();
      await store.finishRun('default', finishedRun({}), [report(1, 'PAY/api')]);
      const before = await store.loadDiscoveries();
      // No database can store it: an id is a number and never missing.
      const broken = report(Number.NaN, 'PAY/web');

      await expect(
        store.finishRun('default', finishedRun({ requests: 9 }), [
          report(3, 'PAY/new'),
          broken,
        ]),
      ).rejects.toBeDefined();

      expect(await store.loadDiscoveries()).toEqual(before);
      expect(await itemsOf(store)).toEqual([report(1, 'PAY/api')]);
    });

    it('stores what a server said although no database takes its null characters', async () => {
      const { store } = await createStore();
      const odd = report(1, 'PAY/api', { outcome: 'unknown', detail: 'a\0b' });

      await store.saveRepositories('default', [odd]);
      await store.failRun('default', { finishedAtMs: NOW, error: 'a\0b' });

      expect(await itemsOf(store)).toEqual([{ ...odd, detail: 'a\uFFFDb' }]);
      expect((await store.loadDiscovery('default'))?.failure?.error).toBe('a\uFFFDb');
    });

    it('fails, rather than guessing, when its tables hold something else', async () => {
      const { store, knex } = await createStore();
      await store.finishRun('default', finishedRun({}), [report(1, 'PAY/api')]);
      await knex('bitbucket_server_discovery_reports').update({ outcome: 'lost' });
      await knex('bitbucket_server_discovery_status').update({ report: '{}' });

      await expect(itemsOf(store)).rejects.toThrow();
      await expect(store.findRepository('default', 'PAY', 'api')).rejects.toThrow();
      await expect(store.loadDiscovery('default')).rejects.toThrow();
    });

    it('can be taken back and made again by its migrations', async () => {
      const { store, knex, open } = await createStore();
      await store.saveRepositories('default', [report(1, 'PAY/api')]);
      const migrations = {
        directory: 'migrations',
        tableName: 'bitbucket_server_discovery_migrations',
      };

      await knex.migrate.down({ ...migrations, name: '20261123010000_reports.js' });
      expect(await knex.schema.hasTable('bitbucket_server_discovery_reports')).toBe(
        false,
      );

      expect(await itemsOf(new DatabaseReportStore(open()))).toEqual([]);
    });
  },
);

const postgres = databases.supports('POSTGRES_15');

(postgres ? describe : describe.skip)('the order of pages in PostgreSQL', () => {
  it('does not depend on the language of the database', async () => {
    const knex = await databases.init('POSTGRES_15');
    await new DiscoveryDatabase(asDatabaseService(knex)).connect();

    const columns: unknown = await knex('information_schema.columns')
      .where('table_name', 'bitbucket_server_discovery_reports')
      .where('column_name', 'like', '%_sort')
      .orderBy('column_name')
      .select('column_name as name', 'collation_name as collation');

    expect(columns).toEqual([
      { name: 'project_key_sort', collation: 'C' },
      { name: 'slug_sort', collation: 'C' },
    ]);
  });
});
