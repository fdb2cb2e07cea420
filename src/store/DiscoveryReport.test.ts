import { HOUR, NOW, target } from '../__testUtils__/discoveryData';
import { FakeClock } from '../__testUtils__/FakeClock';
import {
  stateAfterFullRun,
  finishedRun,
  repositoryReport as report,
  runSummary,
  storeEvaluation,
  storeRun,
} from '../__testUtils__/reportData';
import {
  asDatabaseService,
  createTestDatabases,
  emptyDatabase,
} from '../__testUtils__/testDatabases';
import { compareReports, RepositoryReport } from '../discovery/report';
import { DiscoveryDatabase } from './DiscoveryDatabase';
import { DiscoveryReport } from './DiscoveryReport';
import { ProviderStateStore } from './ProviderStateStore';
import { PROVIDERS, REPOSITORIES } from './tables';

const databases = createTestDatabases();

const FIRST_PAGE = { limit: 100, offset: 0 };

async function getItems(
  reports: DiscoveryReport,
  providerId = 'default',
): Promise<readonly RepositoryReport[]> {
  return (await reports.pageRepositories(providerId, FIRST_PAGE)).items;
}

describe.each(databases.eachSupportedId())('the report in %s', databaseId => {
  async function createStores() {
    const knex = await emptyDatabase(databases, databaseId);
    const warnings: string[] = [];
    const open = () => {
      const tables = new DiscoveryDatabase(asDatabaseService(knex), warning =>
        warnings.push(warning),
      );
      const store = new ProviderStateStore(tables, {
        clock: new FakeClock(),
        readBaseline: async () => undefined,
      });
      return { store, reports: new DiscoveryReport(tables) };
    };
    return { knex, open, warnings, ...open() };
  }

  it('has no entry for a provider that never ran', async () => {
    const { reports } = await createStores();

    expect(await reports.loadDiscovery('default')).toBeUndefined();
    expect(await reports.loadDiscoveries()).toEqual([]);
    expect(await reports.pageRepositories('default', FIRST_PAGE)).toEqual({
      items: [],
      totalItems: 0,
    });
    expect(await reports.findRepository('default', 'PAY', 'api')).toBeUndefined();
    expect(await reports.loadHeldRemovals('default')).toEqual([]);
  });

  it('shows a run that has started and not ended', async () => {
    const { store, reports } = await createStores();
    const start = { host: 'host', startedAtMs: NOW, trigger: 'manual' } as const;

    await store.recordStart('default', start);

    expect(await reports.loadDiscovery('default')).toEqual({
      providerId: 'default',
      running: true,
      lastStart: start,
    });
  });

  it('shows how the run of each provider ended', async () => {
    const { store, reports } = await createStores();
    const { host, trigger, ...record } = finishedRun({ startedAtMs: NOW, requests: 7 });
    await store.recordStart('default', { host, trigger, startedAtMs: NOW });

    await storeRun(store, 'default', { host, trigger, ...record }, [
      report(1, 'PAY/api'),
    ]);
    await storeRun(store, 'other', finishedRun({ status: 'failed', error: 'no' }), []);

    expect(await reports.loadDiscovery('default')).toEqual({
      providerId: 'default',
      running: false,
      lastStart: { host, trigger, startedAtMs: NOW },
      lastRun: record,
      lastSuccessAtMs: record.finishedAtMs,
    });
    const stored = await reports.loadDiscoveries();
    expect(
      stored.map(provider => [provider.providerId, provider.lastRun?.status]).sort(),
    ).toEqual([
      ['default', 'succeeded'],
      ['other', 'failed'],
    ]);
    expect(await getItems(reports)).toEqual([report(1, 'PAY/api')]);
    expect(await getItems(reports, 'other')).toEqual([]);
  });

  it('still shows how the last run ended while the next one is in progress', async () => {
    const { store, reports } = await createStores();
    const { host, trigger, ...record } = finishedRun({});
    await storeRun(store, 'default', { host, trigger, ...record }, []);

    await store.recordStart('default', { host, trigger, startedAtMs: NOW + HOUR });

    expect(await reports.loadDiscovery('default')).toMatchObject({
      running: true,
      lastStart: { startedAtMs: NOW + HOUR },
      lastRun: record,
    });
  });

  it('shows that a run failed, until the next one starts, and keeps its results', async () => {
    const { store, reports } = await createStores();
    const { host, trigger, ...record } = finishedRun({});
    await storeRun(store, 'default', { host, trigger, ...record }, [
      report(1, 'PAY/api'),
    ]);
    await store.recordStart('default', { host, trigger, startedAtMs: NOW + HOUR });
    const failure = { finishedAtMs: NOW + HOUR + 1, error: 'the catalog is away' };

    await store.recordFailure('default', failure);

    expect(await reports.loadDiscovery('default')).toEqual({
      providerId: 'default',
      running: false,
      lastStart: { host, trigger, startedAtMs: NOW + HOUR },
      failure,
      lastRun: record,
      lastSuccessAtMs: record.finishedAtMs,
    });
    expect(await getItems(reports)).toEqual([report(1, 'PAY/api')]);
    await store.recordStart('default', { host, trigger, startedAtMs: NOW + 2 * HOUR });
    expect((await reports.loadDiscovery('default'))?.failure).toBeUndefined();
    await store.recordFailure('default', failure);
    await storeRun(store, 'default', finishedRun({}), []);
    expect((await reports.loadDiscovery('default'))?.failure).toBeUndefined();
  });

  it('keeps every field of a repository', async () => {
    const { store, reports } = await createStores();
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

    await storeRun(store, 'default', finishedRun({}), [full, bare]);

    expect(await getItems(reports)).toEqual([bare, full]);
  });

  it('deletes repositories that a complete run did not list', async () => {
    const { store, reports } = await createStores();
    const [api, web] = [report(1, 'PAY/api'), report(2, 'PAY/web')];
    await storeRun(store, 'default', finishedRun({}), [api, web]);
    await storeRun(store, 'other', finishedRun({}), [api]);

    await storeRun(store, 'default', finishedRun({}), [web]);

    expect(await getItems(reports)).toEqual([web]);
    expect(await getItems(reports, 'other')).toEqual([api]);
  });

  it('keeps repositories that a failed run did not reach, and replaces those that it did', async () => {
    const { store, reports } = await createStores();
    const [api, web] = [report(1, 'PAY/api'), report(2, 'PAY/web')];
    const unknown = report(2, 'PAY/web', {
      outcome: 'unknown',
      reason: 'not-checked',
      detail: 'nobody knows',
    });
    await storeRun(store, 'default', finishedRun({}), [api, web]);

    await storeRun(store, 'default', finishedRun({ status: 'failed' }), [unknown]);

    expect(await getItems(reports)).toEqual([api, unknown]);
  });

  it('finds repositories by their files, separately for each provider', async () => {
    const { store, reports } = await createStores();
    const [api, web] = [report(1, 'PAY/api'), report(2, 'PAY/web')];
    const personal = report(3, '~JDOE/api', {
      files: [{ path: 'catalog-info.yaml', targetUrl: target('~jdoe/api') }],
    });
    const many = Array.from({ length: 250 }, (_, i) => report(10 + i, `PAY/r${i}`));
    await storeRun(store, 'default', finishedRun({}), [web, api, personal, ...many]);
    await storeRun(store, 'other', finishedRun({}), [web]);

    const find = (...urls: readonly string[]) => reports.findByTargets('default', urls);
    expect(await find(target('PAY/web'), target('~jdoe/api'), target('PAY/api'))).toEqual(
      [api, web, personal],
    );
    expect(await find(target('PAY/api', 'other.yaml'), 'https://x/y', 'no URL')).toEqual(
      [],
    );
    expect(await find()).toEqual([]);
    expect(
      await find(...many.map(repository => target(`PAY/${repository.repositorySlug}`))),
    ).toHaveLength(250);
    expect(await reports.findByTargets('other', [target('PAY/api')])).toEqual([]);
  });

  it('accepts a repository that is listed twice', async () => {
    const { store, reports } = await createStores();
    const renamed = report(1, 'PAY/new');

    await storeRun(store, 'default', finishedRun({}), [report(1, 'PAY/old'), renamed]);

    expect(await getItems(reports)).toEqual([renamed]);
  });

  it('adds and replaces single repositories, and moves one that was renamed', async () => {
    const { store, reports } = await createStores();
    await storeRun(store, 'default', finishedRun({}), [
      report(1, 'PAY/api'),
      report(2, 'PAY/web'),
    ]);

    await storeEvaluation(store, 'default', [
      report(1, 'SHOP/api'),
      report(3, 'PAY/new'),
    ]);
    await storeEvaluation(store, 'default', []);

    expect((await getItems(reports)).map(repository => repository.repositoryId)).toEqual([
      3, 2, 1,
    ]);
    expect(await reports.findRepository('default', 'PAY', 'api')).toBeUndefined();
  });

  it('does not list a repository twice once its id is known', async () => {
    const { store, reports } = await createStores();
    await storeRun(store, 'default', finishedRun({}), [
      report(-1, 'PAY/api'),
      report(-2, 'PAY/web'),
    ]);
    await storeEvaluation(store, 'other', [report(-1, 'PAY/api')]);

    await storeEvaluation(store, 'default', [report(1, 'pay/API')]);

    expect(await getItems(reports)).toEqual([
      report(1, 'pay/API'),
      report(-2, 'PAY/web'),
    ]);
    expect(await getItems(reports, 'other')).toHaveLength(1);
  });

  it('deletes single repositories, of that provider only', async () => {
    const { store, reports } = await createStores();
    const [api, web] = [report(1, 'PAY/api'), report(2, 'PAY/web')];
    await storeEvaluation(store, 'default', [api, web]);
    await storeEvaluation(store, 'other', [api]);

    await storeEvaluation(store, 'default', [], [1, 99]);
    await storeEvaluation(store, 'default', [], []);

    expect(await getItems(reports)).toEqual([web]);
    expect(await getItems(reports, 'other')).toEqual([api]);
  });

  it('finds a repository in any case, and the later one of two at one address', async () => {
    const { store, reports } = await createStores();
    await storeEvaluation(store, 'default', [
      report(5, 'PAY/Api'),
      report(4, 'pay/api'),
      report(6, 'PAY/api-2'),
    ]);

    expect(await reports.findRepository('default', 'pAy', 'API')).toEqual(
      report(5, 'PAY/Api'),
    );
    expect(await reports.findRepository('default', 'PAY', 'ap')).toBeUndefined();
    expect(await reports.findRepository('default', 'PA_', 'a%')).toBeUndefined();
    expect(await reports.findRepository('other', 'PAY', 'api')).toBeUndefined();
  });

  it('filters by outcome and by project, and counts the matches', async () => {
    const { store, reports } = await createStores();
    const absent = { outcome: 'absent', reason: 'no-catalog-file' } as const;
    await storeEvaluation(store, 'default', [
      report(1, 'PAY/api'),
      report(2, 'PAY/web', absent),
      report(3, 'PAYMENTS/web', absent),
      report(4, 'PAY/zoo', absent),
    ]);
    const ask = async (query: object) => {
      const page = await reports.pageRepositories('default', { ...FIRST_PAGE, ...query });
      return {
        ids: page.items.map(repository => repository.repositoryId),
        total: page.totalItems,
      };
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

  it('sorts like every other list, including punctuation and non-ASCII letters', async () => {
    const { store, reports } = await createStores();
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
    const repositories = ['PAY', 'pay2', '~jdoe', 'A_B', 'A-B'].flatMap((key, k) =>
      slugs.map((slug, s) => report(100 * k + s, `${key}/${slug}`)),
    );
    await storeEvaluation(store, 'default', repositories);

    expect(await getItems(reports)).toEqual([...repositories].sort(compareReports));
  });

  it('yields each of 10,000 repositories once, page by page, in order', async () => {
    const { store, reports } = await createStores();
    const repositories = Array.from({ length: 10_000 }, (_, id) =>
      // In an order that is neither by id nor by name.
      report(id, `P${(id * 7) % 13}/${id % 2 ? 'R' : 'r'}${(id * 7_919) % 10_007}`),
    );
    await storeRun(store, 'default', finishedRun({}), repositories);

    const paged: RepositoryReport[] = [];
    for (let offset = 0; offset < 10_000; offset += 999) {
      const page = await reports.pageRepositories('default', { limit: 999, offset });
      expect(page.totalItems).toBe(10_000);
      paged.push(...page.items);
    }

    expect(paged).toEqual([...repositories].sort(compareReports));
  });

  it('passes a request for a run to the next run once, for that provider only', async () => {
    const { store } = await createStores();
    await store.requestManualRun('default');
    await store.requestManualRun('default');

    expect(await store.consumeTrigger('other')).toBe('schedule');
    const both = [store.consumeTrigger('default'), store.consumeTrigger('default')];
    expect((await Promise.all(both)).sort()).toEqual(['manual', 'schedule']);
    expect(await store.consumeTrigger('default')).toBe('schedule');
  });

  it('does not lose a request that arrives during a run', async () => {
    const { store, reports } = await createStores();
    const run = finishedRun({ trigger: 'schedule' });
    await store.recordStart('default', run);
    await store.requestManualRun('default');
    await storeRun(store, 'default', run, []);

    expect((await reports.loadDiscovery('default'))?.lastStart?.trigger).toBe('schedule');
    expect(await store.consumeTrigger('default')).toBe('manual');
  });

  it('shows no run when one is only requested', async () => {
    const { store, reports } = await createStores();
    await store.requestManualRun('default');

    expect(await reports.loadDiscovery('default')).toEqual({
      providerId: 'default',
      running: false,
    });
  });

  it('is the same on another replica', async () => {
    const { store, reports, open } = await createStores();
    await storeRun(store, 'default', finishedRun({}), [report(1, 'PAY/api')]);
    await store.requestManualRun('default');

    const replica = open();

    const seen = await replica.reports.loadDiscoveries();
    expect(seen).toEqual(await reports.loadDiscoveries());
    expect(await getItems(replica.reports)).toEqual([report(1, 'PAY/api')]);
    expect(await replica.store.consumeTrigger('default')).toBe('manual');
    expect(await store.consumeTrigger('default')).toBe('schedule');
  });

  it('lists held removals with their repository and approval', async () => {
    const { store, reports } = await createStores();
    const held = ['web', 'api'].map((slug, index) => ({
      repositoryId: index,
      entryKey: target(`PAY/${slug}`),
      sinceMs: NOW - index,
      confirmedForMs: 0,
      approved: false,
    }));
    const renamed = report(0, 'SHOP/web-renamed', { files: [] });
    await storeRun(store, 'default', finishedRun({}), [renamed], held);
    await storeRun(store, 'other', finishedRun({}), [], held.slice(1));
    await store.approve('default', [target('PAY/web')]);

    const stored = await reports.loadHeldRemovals('default');

    expect(stored).toHaveLength(2);
    expect(stored).toContainEqual({
      ...held[0],
      approved: true,
      address: { projectKey: 'SHOP', slug: 'web-renamed' },
    });
    // For an unknown repository, the target identifies it.
    expect(stored).toContainEqual({
      ...held[1],
      approved: false,
      address: expect.objectContaining({ projectKey: 'PAY', slug: 'api' }),
    });
  });

  it('no longer counts a removal as held once it was approved and applied', async () => {
    const { store, reports } = await createStores();
    const summary = runSummary({ locations: 9, heldBack: 3 });
    await storeRun(store, 'default', finishedRun({ summary }), [report(1, 'PAY/api')]);

    await store.recordApproval(
      'default',
      [{ repositoryId: 1, projectKey: 'PAY', slug: 'api', files: [], revision: 9 }],
      2,
    );

    const { lastRun } = (await reports.loadDiscovery('default')) ?? {};
    expect(lastRun?.summary).toEqual({ ...summary, locations: 7, heldBack: 1 });
  });

  it('shows the time of the last complete run for rows that it did not change', async () => {
    const { store, reports } = await createStores();
    const later = { startedAtMs: NOW + HOUR };
    await storeRun(store, 'default', finishedRun({}), [report(1, 'PAY/api')]);
    const state = await store.load('default');
    const { origin } = await store.beginRun(
      'default',
      state ?? { repositories: [], held: [] },
      sinceRevision => ({ sinceMs: NOW + HOUR, sinceRevision, scope: '' }),
    );
    await store.recordRun('default', {
      run: finishedRun(later),
      state: {
        changed: [],
        forgottenIds: [],
        held: [],
        recheck: stateAfterFullRun(origin),
        origin,
        isComplete: true,
        isUnfinished: false,
      },
    });

    expect(await getItems(reports)).toEqual([
      report(1, 'PAY/api', { checkedAtMs: NOW + HOUR }),
    ]);
  });

  it('changes nothing when a run cannot be stored', async () => {
    const { store, reports } = await createStores();
    await storeRun(store, 'default', finishedRun({}), [report(1, 'PAY/api')]);
    const before = await reports.loadDiscoveries();
    // No database can store this: an id is a number and never missing.
    const broken = report(Number.NaN, 'PAY/web');

    await expect(
      storeRun(store, 'default', finishedRun({ requests: 9 }), [
        report(3, 'PAY/new'),
        broken,
      ]),
    ).rejects.toBeDefined();

    expect(await reports.loadDiscoveries()).toEqual(before);
    expect(await getItems(reports)).toEqual([report(1, 'PAY/api')]);
  });

  it('stores text of a server that contains characters that no database accepts', async () => {
    const { store, reports } = await createStores();
    const reason = 'timeout';
    const odd = report(1, 'PAY/a\0pi', {
      outcome: 'unknown',
      reason,
      detail: 'a\0b\uD83D',
    });

    await storeEvaluation(store, 'default', [odd]);
    await store.recordFailure('default', { finishedAtMs: NOW, error: 'a\0b\uDE00' });

    expect(await getItems(reports)).toEqual([
      { ...odd, repositorySlug: 'a\uFFFDpi', detail: 'a\uFFFDb\uFFFD' },
    ]);
    expect((await reports.loadDiscovery('default'))?.failure?.error).toBe(
      'a\uFFFDb\uFFFD',
    );
    expect(await reports.findRepository('default', 'PAY', 'a\0pi')).toBeDefined();
  });

  it.each([
    ['an outcome of a newer version', { outcome: 'quarantined' }],
    ['a reason of a newer version', { outcome: 'absent', reason: 'eaten' }],
    ['files that are not JSON', { files: '[{' }],
    ['files of another shape', { files: '{"a":1}' }],
  ])(
    'shows %s as unknown, and the others with their stored outcome',
    async (_, broken) => {
      const { store, reports, knex, warnings } = await createStores();
      const [api, web] = [report(1, 'PAY/api'), report(2, 'PAY/web')];
      await storeRun(store, 'default', finishedRun({}), [api, web]);
      await knex(REPOSITORIES).where({ repository_id: 1 }).update(broken);

      const [unknown, known] = await getItems(reports);

      expect(unknown).toMatchObject({
        repositorySlug: 'api',
        outcome: 'unknown',
        reason: 'not-checked',
      });
      expect(known).toEqual(web);
      expect(await reports.findRepository('default', 'PAY', 'api')).toEqual(unknown);
      expect(warnings.join()).toContain('PAY/api (provider default)');
    },
  );

  it('shows the legible part of a broken row, and all other rows', async () => {
    const { store, reports, knex } = await createStores();
    await storeRun(store, 'default', finishedRun({}), [report(1, 'PAY/api')]);
    await storeRun(store, 'gone', finishedRun({}), [report(1, 'PAY/api')]);
    await knex(PROVIDERS)
      .where({ provider_id: 'gone' })
      .update({ report: '{}', run_trigger: 'by a ghost' });

    const stored = await reports.loadDiscoveries();

    expect(
      stored.map(provider => [provider.providerId, provider.lastRun?.status]).sort(),
    ).toEqual([
      ['default', 'succeeded'],
      ['gone', undefined],
    ]);
  });
});

const postgres = databases.supports('POSTGRES_15');

(postgres ? describe : describe.skip)('the order of pages in PostgreSQL', () => {
  it('does not depend on the language of the database', async () => {
    const knex = await emptyDatabase(databases, 'POSTGRES_15');
    await new DiscoveryDatabase(asDatabaseService(knex)).connect();

    const columns: unknown = await knex('information_schema.columns')
      .where('table_name', REPOSITORIES)
      .where('column_name', 'like', '%_sort')
      .orderBy('column_name')
      .select('column_name as name', 'collation_name as collation');

    expect(columns).toEqual([
      { name: 'project_key_sort', collation: 'C' },
      { name: 'slug_sort', collation: 'C' },
    ]);
  });
});
