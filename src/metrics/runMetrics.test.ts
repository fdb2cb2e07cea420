import { createSimulatedBitbucket } from '../../dev/simulatedBitbucket';
import { FakeClock } from '../__testUtils__/FakeClock';
import { createRecordingConnection } from '../__testUtils__/recordingConnection';
import {
  connectTestProvider,
  EACH_RUN_CHECKS,
  TEST_USER,
  TestProviderOptions,
} from '../__testUtils__/testProvider';
import { OUTCOME_KINDS } from '../model';
import {
  Collected,
  installMetrics,
  TestMetrics,
  uninstallMetrics,
} from './__testUtils__/collectMetrics';
import { METRICS } from './instruments';
import { observeReports } from './observeReports';

const PROVIDER = { provider: 'default' };
const HOST = { ...PROVIDER, host: 'bitbucket.test' };
const MINUTE = 60_000;

let sdk: TestMetrics;
const shutdown: AbortController[] = [];

beforeEach(() => {
  sdk = installMetrics();
});
afterEach(() => {
  shutdown.splice(0).forEach(controller => controller.abort());
  uninstallMetrics();
});

const toSlug = (index: number) => `secret-project-${String(index).padStart(2, '0')}`;

/** A provider of a server with so many repositories, its gauges connected. */
async function setUp(options: Partial<TestProviderOptions> & { count?: number } = {}) {
  const { count = 20, ...rest } = options;
  const clock = new FakeClock();
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER], clock });
  for (let index = 0; index < count; index += 1) {
    const files = { 'catalog-info.yaml': 'kind: Component' };
    bitbucket.addRepository({ projectKey: 'PAY', slug: toSlug(index), files });
  }
  const connected = await connectTestProvider({ bitbucket, clock, ...rest });
  const { logger, reports } = connected;
  const ending = new AbortController();
  shutdown.push(ending);
  const { signal } = ending;
  observeReports({ reports, providerIds: ['default'], logger, clock, signal });
  const lastSummary = async () => {
    const summary = (await reports.loadDiscovery('default'))?.lastRun?.summary;
    if (!summary) {
      throw new Error('no run is stored');
    }
    return summary;
  };
  return { ...connected, bitbucket, clock, ending, lastSummary };
}

function getRuns(collected: Collected) {
  const of = (result: string) =>
    collected.value(METRICS.runs.name, { ...PROVIDER, result });
  return { succeeded: of('succeeded'), failed: of('failed'), aborted: of('aborted') };
}

/** The gauges, as the report has the same numbers. */
function getSummary(collected: Collected) {
  const { value, total, points } = collected;
  const { name } = METRICS.repositories;
  const state = (of: string) =>
    value(METRICS.locations.name, { ...PROVIDER, state: of }) ?? NaN;
  const getReasons = (outcome: string) =>
    Object.fromEntries(
      points
        .filter(point => point.name === name && point.attributes.outcome === outcome)
        .filter(point => point.attributes.reason !== undefined && point.value > 0)
        .map(point => [point.attributes.reason, point.value]),
    );
  const each = <T>(read: (outcome: string) => T) =>
    Object.fromEntries(OUTCOME_KINDS.map(kind => [kind, read(kind)]));
  return {
    ...each(outcome => total(name, { ...PROVIDER, outcome })),
    repositories: total(name, PROVIDER),
    reasons: each(getReasons),
    locations: state('known'),
    heldBack: state('held_back'),
    carriedForward: state('carried_forward'),
  };
}

describe('the metrics of a run that succeeds', () => {
  it('count it, and show its duration and age', async () => {
    const { clock, reports, run } = await setUp();
    await run();
    await clock.advance(10 * MINUTE);

    const collected = await sdk.collect();

    expect(getRuns(collected)).toEqual({ succeeded: 1, failed: 0, aborted: 0 });
    const last = (await reports.loadDiscovery('default'))?.lastRun;
    const seconds = ((last?.finishedAtMs ?? NaN) - (last?.startedAtMs ?? NaN)) / 1000;
    expect(
      collected.points.filter(point => point.name === METRICS.duration.name),
    ).toEqual([
      expect.objectContaining({
        attributes: { ...PROVIDER, result: 'succeeded' },
        count: 1,
        value: seconds,
        unit: 's',
      }),
    ]);
    expect(collected.value(METRICS.lastSuccessAge.name, PROVIDER)).toBe(600);
  });

  it('show the numbers of the report', async () => {
    const { bitbucket, run, lastSummary } = await setUp();
    bitbucket.addRepository({ projectKey: 'PAY', slug: 'empty' });
    bitbucket.addRepository({ projectKey: 'PAY', slug: 'bare', files: { a: '' } });
    await run();

    const summary = await lastSummary();
    const { removed: _, replaced: __, ...shown } = summary;
    expect(getSummary(await sdk.collect())).toEqual(shown);
    expect(shown).toMatchObject({ registered: 20, absent: 2, locations: 20 });
  });

  it('count each request that Bitbucket received', async () => {
    const { bitbucket, run } = await setUp();
    await run();

    const collected = await sdk.collect();

    expect(collected.total(METRICS.requests.name, HOST)).toBe(bitbucket.requests.length);
    expect(collected.total(METRICS.requests.name, { status: '200' })).toBeGreaterThan(20);
    expect(collected.total(METRICS.retries.name)).toBe(0);
  });
});

describe('the metrics of a run with problems', () => {
  async function troubled() {
    const filters = { skipArchivedRepos: true };
    const scene = await setUp({ config: { ...EACH_RUN_CHECKS, filters } });
    const { bitbucket, clock } = scene;
    await scene.run();
    for (let index = 0; index < 8; index += 1) {
      bitbucket.archiveRepository('PAY', toSlug(index), true);
    }
    const match = (slug: string) => ({
      kind: 'file-check' as const,
      repositorySlug: slug,
    });
    bitbucket.faults.add({
      match: match(toSlug(8)),
      times: 2,
      effect: { type: 'status', status: 429, headers: { 'Retry-After': '7' } },
    });
    bitbucket.faults.add({ match: match(toSlug(9)), effect: 'lost-permission' });
    bitbucket.faults.add({ match: match(toSlug(10)), times: 1, effect: 'reset' });
    await clock.advance(30 * MINUTE);
    await scene.run();
    return scene;
  }

  it('show the numbers of unknown, carried forward and held back as in the report', async () => {
    const { lastSummary } = await troubled();

    const collected = await sdk.collect();

    const { removed: _, replaced: __, ...shown } = await lastSummary();
    expect(getSummary(collected)).toEqual(shown);
    expect(shown).toMatchObject({
      heldBack: 8,
      carriedForward: 1,
      reasons: { unknown: { 'not-permitted': 1 }, excluded: { archived: 8 } },
    });
  });

  it('count refusals, retries and the reasons for missing answers', async () => {
    const { bitbucket } = await troubled();

    const { total, value } = await sdk.collect();

    const status = (text: string) =>
      total(METRICS.requests.name, { ...HOST, status: text });
    expect(status('429')).toBe(2);
    expect(status('network-error')).toBe(1);
    expect(total(METRICS.requests.name)).toBe(bitbucket.requests.length);
    expect(value(METRICS.retries.name, HOST)).toBe(3);
  });

  it('add up how long requests waited', async () => {
    await troubled();

    const { value } = await sdk.collect();

    const waited = (reason: string) =>
      value(METRICS.waitTime.name, { ...HOST, reason }) ?? 0;
    // Two answers asked for 7 seconds each.
    expect(waited('limiter') + waited('backoff')).toBeGreaterThanOrEqual(14);
  });

  it('contain neither repository, project, file nor secret', async () => {
    await troubled();

    const { points } = await sdk.collect();

    const attributes = points.flatMap(point => Object.entries(point.attributes));
    expect(new Set(attributes.map(([key]) => key))).toEqual(
      new Set([
        'provider',
        'host',
        'result',
        'outcome',
        'reason',
        'state',
        'by',
        'status',
      ]),
    );
    const said = JSON.stringify(attributes);
    expect(said).not.toMatch(/secret|PAY|catalog-info|\/|backstage/);
    expect(points.length).toBeLessThan(60);
  });
});

describe('the metrics of a run that fails', () => {
  it('count it, and let the last success grow older', async () => {
    const { bitbucket, clock, run, lastSummary } = await setUp();
    await run();
    await clock.advance(30 * MINUTE);
    bitbucket.faults.add({ effect: { type: 'status', status: 403 } });
    await expect(run()).rejects.toThrow();
    await clock.advance(30 * MINUTE);

    const collected = await sdk.collect();

    expect(getRuns(collected)).toEqual({ succeeded: 1, failed: 1, aborted: 0 });
    expect(collected.value(METRICS.lastSuccessAge.name, PROVIDER)).toBeGreaterThanOrEqual(
      3_600,
    );
    const { removed: _, replaced: __, ...shown } = await lastSummary();
    expect(getSummary(collected)).toEqual(shown);
  });

  it('show no last success if there was none', async () => {
    const { bitbucket, run } = await setUp();
    bitbucket.faults.add({ effect: { type: 'status', status: 403 } });
    await expect(run()).rejects.toThrow();

    const collected = await sdk.collect();

    expect(getRuns(collected)).toEqual({ succeeded: 0, failed: 1, aborted: 0 });
    expect(collected.value(METRICS.lastSuccessAge.name)).toBeUndefined();
  });

  it('distinguish an aborted run from a failed one', async () => {
    const { run } = await setUp();
    await expect(run(AbortSignal.abort(new Error('timed out')))).rejects.toThrow();

    expect(getRuns(await sdk.collect())).toEqual({ succeeded: 0, failed: 0, aborted: 1 });
  });

  it('count one that the catalog rejected, and keep showing the previous run', async () => {
    const inner = createRecordingConnection();
    let isAway = false;
    const { clock, run, lastSummary } = await setUp({
      connection: {
        ...inner,
        applyMutation: async mutation => {
          if (isAway) {
            throw new Error('the catalog is away');
          }
          await inner.applyMutation(mutation);
        },
      },
    });
    await run();
    const before = await lastSummary();
    isAway = true;
    await clock.advance(MINUTE);
    await expect(run()).rejects.toThrow('the catalog is away');

    const collected = await sdk.collect();

    expect(getRuns(collected)).toEqual({ succeeded: 1, failed: 1, aborted: 0 });
    expect(getSummary(collected)).toMatchObject({ registered: before.registered });
  });
});

describe('without an SDK', () => {
  it('a run works as usual', async () => {
    uninstallMetrics();
    const { connection, run } = await setUp({ count: 2 });

    await run();

    expect(connection.targets()).toHaveLength(2);
  });

  it('everything after its installation is measured', async () => {
    uninstallMetrics();
    const { run } = await setUp({ count: 2 });
    await run();
    sdk = installMetrics();
    await run();

    expect((await sdk.collect()).total(METRICS.runs.name)).toBe(1);
  });
});
