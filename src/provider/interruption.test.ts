/** A run may end at any moment: by its timeout, a shutdown or a crash. Nothing is lost by it. */

import { createSimulatedBitbucket, FaultOptions } from '../../dev/simulatedBitbucket';
import { FakeClock } from '../__testUtils__/FakeClock';
import { createRecordingConnection } from '../__testUtils__/recordingConnection';
import { createTestStore, reopen } from '../__testUtils__/testStores';
import { toKnownRepositories } from '../store/readCatalogBaseline';
import {
  connectTestProvider,
  EACH_RUN_CHECKS,
  TEST_USER,
  TestProviderOptions,
} from '../__testUtils__/testProvider';

const CATALOG_FILE = { 'catalog-info.yaml': 'kind: Component', 'README.md': '' };

const toTargets = (slugs: readonly string[]) =>
  slugs.map(
    slug => `http://bitbucket.test/projects/PAY/repos/${slug}/browse/catalog-info.yaml`,
  );

const numbered = (count: number) =>
  Array.from({ length: count }, (_, index) => `r${String(index).padStart(3, '0')}`);

function bitbucketWith(slugs: readonly string[], clock: FakeClock) {
  const bitbucket = createSimulatedBitbucket({
    users: [TEST_USER],
    clock,
    pageCaps: { repositories: Math.max(3, slugs.length / 2) },
  });
  for (const slug of slugs) {
    bitbucket.addRepository({ projectKey: 'PAY', slug, files: CATALOG_FILE });
  }
  return bitbucket;
}

/** Aborts when the request of this number arrives, before it is answered. */
function abortAt(bitbucket: TestProviderOptions['bitbucket'], request: number) {
  const controller = new AbortController();
  let arrived = 0;
  const fault = bitbucket.faults.add({
    match: () => {
      arrived += 1;
      if (arrived === request) {
        controller.abort(new Error('timed out'));
      }
      return false;
    },
    effect: 'reset',
  });
  return { signal: controller.signal, remove: () => fault.remove() };
}

/** Slugs of the repositories whose file was asked for, in this order. */
const checkedAt = ({ requests }: TestProviderOptions['bitbucket']) =>
  requests.flatMap(request => /repos\/([^/]+)\/browse/.exec(request.path)?.[1] ?? []);

describe('a run that is stopped at any of its requests', () => {
  const BEFORE = ['a', 'b', 'c', 'd', 'e'];
  const AFTER = ['a', 'b', 'd', 'f'];
  /** Two pages, five checks (`f` is new, `c` is gone) and the confirmation of `c`. */
  const REQUESTS = 8;

  /** Everything in the catalog; then `c` goes, `e` loses its file and `f` comes. */
  async function prepare() {
    const clock = new FakeClock();
    const bitbucket = bitbucketWith(BEFORE, clock);
    const config = { ...EACH_RUN_CHECKS, concurrency: 1 };
    const options = { bitbucket, clock, config };
    const first = await connectTestProvider(options);
    await first.run();
    await clock.advance(30 * 60_000);
    bitbucket.deleteRepository('PAY', 'c');
    bitbucket.removeFile('PAY', 'e', 'catalog-info.yaml');
    bitbucket.addRepository({ projectKey: 'PAY', slug: 'f', files: CATALOG_FILE });
    bitbucket.clearRequests();
    return { ...first, ...options };
  }

  it(`takes ${REQUESTS} requests when it is not`, async () => {
    const { bitbucket, connection, run } = await prepare();

    await run();

    expect(bitbucket.requests).toHaveLength(REQUESTS);
    expect(connection.targets()).toEqual(toTargets(AFTER));
  });

  it.each(Array.from({ length: REQUESTS }, (_, index) => index + 1))(
    'removes nothing and is continued by the next one: stopped at request %i',
    async request => {
      const { bitbucket, clock, config, connection, store, run } = await prepare();
      const stop = abortAt(bitbucket, request);

      await expect(run(stop.signal)).rejects.toThrow(/stopped before its end.*timed out/);

      expect(connection.targets()).toEqual(expect.arrayContaining(toTargets(BEFORE)));
      const fulls = connection.mutations.filter(mutation => mutation.type === 'full');
      expect(fulls).toHaveLength(1);
      expect(clock.sleeping).toBe(0);
      const answered = checkedAt(bitbucket).filter(
        (_, index, all) => index < all.length - 1 || request === REQUESTS,
      );
      stop.remove();
      bitbucket.clearRequests();
      await clock.advance(60_000);
      const restarted = { bitbucket, clock, config, connection, store };
      await (await connectTestProvider(restarted)).run();

      expect(connection.targets()).toEqual(toTargets(AFTER));
      const again = checkedAt(bitbucket).filter(slug => answered.includes(slug));
      // A removal always requires a check in the same run.
      expect(again).toEqual(answered.filter(slug => slug === 'e'));
    },
  );
});

describe('a run that is stopped while it waits', () => {
  const HANGING = { effect: 'hang' } as const;
  const status = (code: number, headers = {}): FaultOptions['effect'] => ({
    type: 'status',
    status: code,
    headers,
  });

  it.each<[string, FaultOptions, object]>([
    ['for the settings', { match: { kind: 'rate-limit-settings' }, ...HANGING }, {}],
    ['for the listing', { match: { kind: 'repositories' }, ...HANGING }, {}],
    ['for a later page', { match: { kind: 'repositories', start: 3 }, ...HANGING }, {}],
    ['for file checks', { match: { kind: 'file-check' }, ...HANGING }, {}],
    [
      'to retry',
      { match: { kind: 'file-check' }, effect: status(503, { 'Retry-After': '60' }) },
      {},
    ],
    [
      'for the end of a pause',
      { match: { kind: 'file-check' }, effect: status(429, { 'Retry-After': '60' }) },
      {},
    ],
    [
      'for its turn',
      { match: () => false, ...HANGING },
      { rateLimit: { requestsPerSecond: 0.001, burst: 2 } },
    ],
  ])('returns immediately, whatever it waits for: %s', async (_, fault, config) => {
    const clock = new FakeClock();
    const bitbucket = bitbucketWith(['a', 'b', 'c', 'd'], clock);
    bitbucket.faults.add(fault);
    const { provider } = await connectTestProvider({ bitbucket, clock, config });
    const controller = new AbortController();
    const startedAtMs = clock.now();
    const running = provider.refresh(controller.signal);
    running.catch(() => {});
    await clock.settle();
    expect(clock.sleeping).toBeGreaterThan(0);

    controller.abort(new Error('timed out'));

    await expect(running).rejects.toThrow('timed out');
    await clock.settle();
    expect(clock.now()).toBe(startedAtMs);
    expect(clock.sleeping).toBe(0);
    expect(bitbucket.inFlight).toBe(0);
  });

  it('does not fail and keeps its results when the backend shuts down', async () => {
    const clock = new FakeClock();
    const bitbucket = bitbucketWith(['a', 'b', 'c'], clock);
    bitbucket.faults.add({
      match: { kind: 'file-check', repositorySlug: 'c' },
      effect: 'hang',
    });
    const shutdown = new AbortController();
    const { provider, connection, store } = await connectTestProvider({
      bitbucket,
      clock,
      shutdownSignal: shutdown.signal,
    });
    const running = provider.refresh();
    await clock.settle();

    shutdown.abort(new Error('shutting down'));

    await expect(running).resolves.toBeUndefined();
    expect(connection.targets()).toEqual(toTargets(['a', 'b']));
    const state = await store.load('default');
    expect(state?.interruptedRun).toBeDefined();
  });

  it('completes a server that takes longer than one run, without repeating an answered request', async () => {
    const clock = new FakeClock();
    const bitbucket = bitbucketWith(numbered(50), clock);
    const config = { concurrency: 1, search: 'off' };
    const { connection, run } = await connectTestProvider({ bitbucket, clock, config });
    const found: number[] = [];

    for (let runs = 0; runs < 3; runs += 1) {
      const stop = abortAt(bitbucket, 22);
      await run(stop.signal).catch(() => {});
      stop.remove();
      found.push(connection.targets().length);
      await clock.advance(60_000);
    }

    // 21 answers each: the settings, once, two pages, and the rest are checks.
    expect(found).toEqual([18, 37, 50]);
    const unanswered = 2;
    expect(checkedAt(bitbucket)).toHaveLength(50 + unanswered);
  });
});

describe('a crash', () => {
  const SLUGS = numbered(500);
  const CRASHED_AFTER = 450;
  /** Results are kept in batches of 200. */
  const KEPT = 400;

  /** Runs until so many requests were made; what is left of the process is never heard of again. */
  async function crash(
    options: Pick<TestProviderOptions, 'store' | 'connection'> & {
      /** Repositories without a catalog file. */
      readonly lost?: readonly string[];
    } = {},
  ) {
    const clock = new FakeClock();
    const bitbucket = bitbucketWith(SLUGS, clock);
    options.lost?.forEach(slug => bitbucket.removeFile('PAY', slug, 'catalog-info.yaml'));
    bitbucket.settings.latencyMs = 50;
    const store = options.store ?? createTestStore();
    const { provider, connection } = await connectTestProvider({
      bitbucket,
      clock,
      store,
      connection: options.connection,
    });
    provider.refresh().catch(() => {});
    while (bitbucket.requests.length < CRASHED_AFTER) {
      await clock.advance(50);
    }
    // Whatever the old process still waits for waits on a clock that stands still now.
    bitbucket.settings.latencyMs = 0;
    bitbucket.clearRequests();
    const laterClock = new FakeClock({ startMs: clock.now() + 60_000 });
    return { bitbucket, clock: laterClock, store: reopen(store), connection };
  }

  it('leaves the found files in the catalog, and is continued without checking them again', async () => {
    const crashed = await crash();
    const found = crashed.connection.targets();
    expect(found).toHaveLength(KEPT);

    const { connection, run } = await connectTestProvider(crashed);
    await run();

    expect(connection.targets()).toEqual(toTargets(SLUGS));
    const checked = toTargets(checkedAt(crashed.bitbucket));
    expect(checked).toHaveLength(SLUGS.length - KEPT);
    expect(checked.filter(target => found.includes(target))).toEqual([]);
  });

  it('between storing and changing the catalog is repaired by the next run', async () => {
    const deaf = createRecordingConnection();
    const anchorOnly = async (mutation: Parameters<typeof deaf.applyMutation>[0]) => {
      const isAnchor = mutation.type === 'delta' && deaf.mutations.length === 0;
      await (isAnchor ? deaf.applyMutation(mutation) : new Promise<never>(() => {}));
    };
    const connection = { ...deaf, applyMutation: anchorOnly };
    const crashed = await crash({ connection });
    expect(crashed.connection.targets()).toEqual([]);

    const restarted = await connectTestProvider({ ...crashed, connection: deaf });
    await restarted.run();

    expect(deaf.targets()).toEqual(toTargets(SLUGS));
  });

  it('between changing the catalog and storing is repaired by the next run', async () => {
    const clock = new FakeClock();
    const bitbucket = bitbucketWith(['a', 'b', 'c'], clock);
    const store = createTestStore();
    const options = { bitbucket, clock, store, config: EACH_RUN_CHECKS };
    const { provider, connection, run } = await connectTestProvider(options);
    await run();
    await clock.advance(60_000);
    bitbucket.removeFile('PAY', 'a', 'catalog-info.yaml');
    bitbucket.renameRepository('PAY', 'b', 'b2');
    store.recordRun = () => new Promise<never>(() => {});
    provider.refresh().catch(() => {});
    await clock.settle();
    expect(connection.targets()).toEqual(toTargets(['b2', 'c']));
    await clock.advance(60_000);

    const restarted = { ...options, store: reopen(store), connection };
    await (await connectTestProvider(restarted)).run();

    expect(connection.targets()).toEqual(toTargets(['b2', 'c']));
    const state = await store.load('default');
    expect(state?.repositories.flatMap(repository => repository.files)).toHaveLength(2);
  });

  it('removes nothing, which is left to the run that reaches the end', async () => {
    const lost = SLUGS.slice(0, 5);
    const inCatalog = toKnownRepositories(toTargets(['deleted', ...SLUGS.slice(0, 10)]));
    const store = createTestStore(inCatalog);

    const crashed = await crash({ store, lost });

    const mutations = crashed.connection.mutations;
    expect(mutations.map(mutation => mutation.type)).toEqual(['delta', 'delta', 'delta']);
    expect(mutations).toMatchObject(mutations.map(() => ({ removed: [] })));
    const state = await store.load('default');
    const remembered = state?.repositories.flatMap(repository => repository.files) ?? [];
    expect(remembered.map(file => file.targetUrl)).toEqual(
      expect.arrayContaining(
        inCatalog.flatMap(repository => repository.files.map(f => f.targetUrl)),
      ),
    );
    const { connection, run } = await connectTestProvider(crashed);
    await run();
    expect(connection.targets()).toEqual(toTargets(SLUGS.slice(5)));
  });
});
