import { HOUR, NOW, target } from '../__testUtils__/discoveryData';
import { FakeClock } from '../__testUtils__/FakeClock';
import {
  finishedRun,
  repositoryReport,
  runSummary,
  storeRun,
} from '../__testUtils__/reportData';
import {
  asDatabaseService,
  createTestDatabases,
  emptyDatabase,
} from '../__testUtils__/testDatabases';
import { createLogRecorder } from '../__testUtils__/testProvider';
import { createTestStores } from '../__testUtils__/testStores';
import { CatalogReporter, FailingRepository } from '../catalog/CatalogReporter';
import { RecordedConflict } from '../conflicts/describeConflicts';
import { ConflictReporter } from '../conflicts/ConflictReporter';
import { DiscoveryDatabase } from '../store/DiscoveryDatabase';
import { DiscoveryReport } from '../store/DiscoveryReport';
import { ProviderStateStore } from '../store/ProviderStateStore';
import { WebhookStore } from '../store/WebhookStore';
import { installMetrics, uninstallMetrics } from './__testUtils__/collectMetrics';
import { METRICS } from './instruments';
import { observeReports } from './observeReports';

const databases = createTestDatabases();
const AGE = METRICS.lastSuccessAge.name;
const GAUGES = [
  AGE,
  METRICS.repositories.name,
  METRICS.locations.name,
  METRICS.spared.name,
];

const SUMMARY = runSummary({
  repositories: 3,
  registered: 1,
  unknown: 2,
  reasons: { registered: {}, excluded: {}, absent: {}, unknown: { timeout: 2 } },
  locations: 5,
  heldBack: 3,
  carriedForward: 2,
  spared: { recheck: 7, read: 3, search: 0 },
});

const shutdown: AbortController[] = [];
afterEach(() => {
  shutdown.splice(0).forEach(controller => controller.abort());
  uninstallMetrics();
});

/** A replica: an SDK of its own on a store that others have too. */
function startReplica(
  reports: Pick<DiscoveryReport, 'loadDiscoveries'>,
  {
    clock = new FakeClock({ startMs: NOW }),
    providerIds = ['default'],
    conflicts,
    inCatalog,
    webhooks,
  }: {
    readonly clock?: FakeClock;
    readonly providerIds?: readonly string[];
    readonly conflicts?: Pick<ConflictReporter, 'of'>;
    readonly inCatalog?: Pick<CatalogReporter, 'failing'>;
    readonly webhooks?: Pick<WebhookStore, 'load'>;
  } = {},
) {
  const sdk = installMetrics();
  const logger = createLogRecorder();
  const ending = new AbortController();
  shutdown.push(ending);
  const { signal } = ending;
  observeReports({
    ...{ reports, conflicts, inCatalog, webhooks },
    ...{ providerIds, logger, clock, signal },
  });
  return { ...sdk, clock, logger, shutDown: () => ending.abort() };
}

/** A report that can be taken away. */
function createFailingReport() {
  const { store, reports } = createTestStores();
  const failing = {
    isAway: false,
    asked: 0,
    async loadDiscoveries() {
      failing.asked += 1;
      if (failing.isAway) {
        throw new Error('the database is away');
      }
      return reports.loadDiscoveries();
    },
  };
  return { store, reports: failing };
}

describe('the gauges', () => {
  it.each(['repositories', 'locations', 'spared'] as const)(
    'show %s as of the last run, with 0 for values that did not occur',
    async which => {
      const { store, reports } = createTestStores();
      await storeRun(store, 'default', finishedRun({ summary: SUMMARY }), []);

      const { points } = await startReplica(reports).collect();

      const shown = points
        .filter(point => point.name === METRICS[which].name && point.value > 0)
        .map(point => [point.attributes, point.value]);
      const provider = 'default';
      expect(shown).toEqual(
        {
          repositories: [
            [{ provider, outcome: 'registered' }, 1],
            [{ provider, outcome: 'unknown', reason: 'timeout' }, 2],
          ],
          locations: [
            [{ provider, state: 'known' }, 5],
            [{ provider, state: 'held_back' }, 3],
            [{ provider, state: 'carried_forward' }, 2],
          ],
          spared: [
            [{ provider, by: 'recheck' }, 7],
            [{ provider, by: 'read' }, 3],
          ],
        }[which],
      );
    },
  );

  it('show the current number of distinct conflicts, with 0 for other kinds', async () => {
    const { store, reports } = createTestStores();
    const repositories = [
      repositoryReport(1, 'PAY/api'),
      repositoryReport(2, 'PAY/fork'),
    ];
    await storeRun(store, 'default', finishedRun(), repositories);
    const side = (at: string) => ({
      locationKey: `url:${target(at)}`,
      targetUrl: target(at),
    });
    let recorded: RecordedConflict[] = [
      {
        kind: 'entity',
        entityRef: 'component:default/api',
        refused: side('PAY/fork'),
        holder: side('PAY/api'),
      },
    ];
    const conflicts = new ConflictReporter({
      store: { load: async () => recorded },
      reports,
      providers: new Map([['bitbucketServer-provider:default', 'default']]),
    });
    const replica = startReplica(reports, { conflicts });
    const shown = async () =>
      (await replica.collect()).points
        .filter(point => point.name === METRICS.conflicts.name)
        .map(point => [point.attributes, point.value]);
    const provider = 'default';

    expect(await shown()).toEqual([
      [{ provider, kind: 'location' }, 0],
      [{ provider, kind: 'entity' }, 1],
    ]);

    recorded = [];
    expect((await shown()).map(([, value]) => value)).toEqual([0, 0]);
  });

  it('show the number of repositories with errors in the catalog, counted once per minute', async () => {
    const { store, reports } = createTestStores();
    await storeRun(store, 'default', finishedRun(), []);
    const failing = { report: repositoryReport(1, 'PAY/api'), errors: [] };
    let found: FailingRepository[] = [failing, failing];
    const replica = startReplica(reports, { inCatalog: { failing: async () => found } });
    const shown = async () =>
      (await replica.collect()).points
        .filter(point => point.name === METRICS.catalogErrors.name)
        .map(point => [point.attributes, point.value]);

    expect(await shown()).toEqual([[{ provider: 'default' }, 2]]);
    found = [];
    await replica.clock.advance(59_000);
    expect(await shown()).toEqual([[{ provider: 'default' }, 2]]);
    await replica.clock.advance(1_000);
    expect(await shown()).toEqual([[{ provider: 'default' }, 0]]);
  });

  it('do not show 0 if the number is not known', async () => {
    const { store, reports } = createTestStores();
    await storeRun(store, 'default', finishedRun(), []);
    const replica = startReplica(reports, {
      inCatalog: { failing: async () => undefined },
    });

    const { points } = await replica.collect();

    expect(points.some(point => point.name === METRICS.catalogErrors.name)).toBe(false);
    expect(points.some(point => point.name === METRICS.locations.name)).toBe(true);
  });

  it('show all others if conflicts cannot be read, and log a warning', async () => {
    const { store, reports } = createTestStores();
    await storeRun(store, 'default', finishedRun({ summary: SUMMARY }), []);
    const conflicts = {
      of: async () => {
        throw new Error('the table is away');
      },
    };
    const replica = startReplica(reports, { conflicts });

    const { points } = await replica.collect();

    expect(points.some(point => point.name === METRICS.conflicts.name)).toBe(false);
    expect(points.some(point => point.name === METRICS.locations.name)).toBe(true);
    expect(replica.logger.messages('warn')).toEqual([
      expect.stringContaining('the table is away'),
    ]);
  });

  it('show the age of the last event of each project, and the number of unannounced changes', async () => {
    const { store, reports, webhooks } = createTestStores();
    await storeRun(store, 'default', finishedRun(), []);
    const projects = ['PAY', 'OPS', 'NONE'].map(projectKey => ({
      projectKey,
      registered: projectKey === 'NONE' ? 0 : 1,
      unannounced: 2,
    }));
    const run = { startedAtMs: NOW, finishedAtMs: NOW };
    await webhooks.recordRun('default', projects, run);
    await webhooks.recordEvent('default', 'PAY', NOW - HOUR);
    await webhooks.recordEvent('former', 'OPS', NOW);

    const { points } = await startReplica(reports, { webhooks }).collect();

    const shown = points
      .filter(point => point.name.startsWith('bitbucket_server.webhooks.'))
      .map(point => [point.name, point.attributes, point.value]);
    const provider = 'default';
    expect(shown).toEqual([
      [METRICS.webhookAge.name, { provider, project: 'PAY' }, HOUR / 1000],
      [METRICS.silentProjects.name, { provider }, 1],
      [METRICS.unannouncedChanges.name, { provider }, 6],
    ]);
  });

  it('reset a reason that no repository has any more', async () => {
    const { store, reports } = createTestStores();
    const replica = startReplica(reports);
    await storeRun(store, 'default', finishedRun({ summary: SUMMARY }), []);
    const unknown = { outcome: 'unknown', reason: 'timeout' };
    const { name } = METRICS.repositories;
    expect((await replica.collect()).value(name, unknown)).toBe(2);

    await storeRun(store, 'default', finishedRun({ summary: runSummary() }), []);

    expect((await replica.collect()).value(name, unknown)).toBe(0);
  });

  it('are the same on every replica, whichever of them ran last', async () => {
    const { store, reports } = createTestStores();
    const clock = new FakeClock({ startMs: NOW });
    const replica = startReplica(reports, { clock });
    const other = startReplica(reports, { clock });
    await storeRun(store, 'default', finishedRun({ summary: SUMMARY }), []);
    await clock.advance(HOUR);

    const { points } = await replica.collect();

    expect(new Set(points.map(point => point.name))).toEqual(new Set(GAUGES));
    expect((await other.collect()).points).toEqual(points);
  });

  it('do not include a provider that is no longer configured or never ran', async () => {
    const { store, reports } = createTestStores();
    await storeRun(store, 'former', finishedRun(), []);
    await store.recordStart('default', finishedRun());

    expect((await startReplica(reports).collect()).points).toEqual([]);
  });

  it('query the store once per collection, and not at all after the backend has shut down', async () => {
    const { reports } = createFailingReport();
    const replica = startReplica(reports);

    await replica.collect();
    expect(reports.asked).toBe(1);
    replica.shutDown();
    await replica.collect();

    expect(reports.asked).toBe(1);
  });

  it('cause no query if no SDK is installed or nothing is configured', async () => {
    const { reports } = createFailingReport();
    const replica = startReplica(reports, { providerIds: [] });
    await replica.collect();
    uninstallMetrics();
    observeReports({
      reports,
      providerIds: ['default'],
      logger: createLogRecorder(),
      clock: new FakeClock(),
      signal: new AbortController().signal,
    });

    expect(reports.asked).toBe(0);
  });
});

describe('a store that cannot be read', () => {
  it('leaves the gauges out without an error, and is logged once in ten minutes', async () => {
    const { store, reports } = createFailingReport();
    await storeRun(store, 'default', finishedRun({ summary: SUMMARY }), []);
    reports.isAway = true;
    const replica = startReplica(reports);

    for (let minute = 0; minute < 21; minute += 1) {
      const { points, errors } = await replica.collect();
      expect({ points, errors }).toEqual({ points: [], errors: [] });
      await replica.clock.advance(60_000);
    }

    expect(replica.logger.messages('warn')).toEqual(
      Array(3).fill(
        'The report could not be read for the metrics: Error: the database is away',
      ),
    );
  });

  it('does not stop the growth of the age of the last success', async () => {
    const { store, reports } = createFailingReport();
    await storeRun(store, 'default', finishedRun({ finishedAtMs: NOW }), []);
    const replica = startReplica(reports);
    expect((await replica.collect()).value(AGE)).toBe(0);

    reports.isAway = true;
    await replica.clock.advance(HOUR);
    expect((await replica.collect()).value(AGE)).toBe(3_600);

    reports.isAway = false;
    await storeRun(store, 'default', finishedRun({ finishedAtMs: NOW + HOUR }), []);
    expect((await replica.collect()).value(AGE)).toBe(0);
  });

  it('is not logged if the backend shuts down', async () => {
    const { reports } = createFailingReport();
    reports.isAway = true;
    const replica = startReplica(reports);

    const collected = replica.collect();
    replica.shutDown();
    await collected;

    expect(replica.logger.messages('warn')).toEqual([]);
  });
});

describe.each(databases.eachSupportedId())('the last success in %s', databaseId => {
  async function createStores() {
    const knex = await emptyDatabase(databases, databaseId);
    const tables = new DiscoveryDatabase(asDatabaseService(knex));
    const store = new ProviderStateStore(tables, {
      clock: new FakeClock(),
      readBaseline: async () => undefined,
    });
    return { store, reports: new DiscoveryReport(tables), knex };
  }

  const lastSuccess = async (reports: DiscoveryReport) =>
    (await reports.loadDiscovery('default'))?.lastSuccessAtMs;

  it('is unknown before the first success', async () => {
    const { store, reports } = await createStores();
    await store.recordStart('default', finishedRun());
    await storeRun(store, 'default', finishedRun({ status: 'failed' }), []);

    expect(await lastSuccess(reports)).toBeUndefined();
  });

  it('is kept during later runs that fail, break off or are in progress', async () => {
    const { store, reports } = await createStores();
    const later = { startedAtMs: NOW + HOUR, finishedAtMs: NOW + 2 * HOUR };
    await storeRun(store, 'default', finishedRun({ finishedAtMs: NOW + 7 }), []);
    await storeRun(store, 'other', finishedRun(later), []);

    await store.recordStart('default', finishedRun(later));
    expect(await lastSuccess(reports)).toBe(NOW + 7);
    await store.recordFailure('default', { ...later, error: 'no catalog' });
    expect(await lastSuccess(reports)).toBe(NOW + 7);
    const failed = finishedRun({ ...later, status: 'failed', error: 'no' });
    await storeRun(store, 'default', failed, []);
    expect(await lastSuccess(reports)).toBe(NOW + 7);
    await storeRun(store, 'default', finishedRun(later), []);
    expect(await lastSuccess(reports)).toBe(NOW + 2 * HOUR);
  });

  it('includes that of a replica whose version does not store it', async () => {
    const { store, reports, knex } = await createStores();
    await storeRun(store, 'default', finishedRun({ finishedAtMs: NOW + 7 }), []);
    await knex('bitbucket_server_discovery_providers').update({
      last_success_at_ms: null,
    });

    expect(await lastSuccess(reports)).toBe(NOW + 7);
  });
});
