/** A server whose repositories cannot be listed within the time of a run. */

import {
  createSimulatedBitbucket,
  SimulatedBitbucket,
} from '../../dev/simulatedBitbucket';
import { FakeClock } from '../__testUtils__/FakeClock';
import { createTestStore, reopen } from '../__testUtils__/testStores';
import {
  connectTestProvider,
  TEST_USER,
  TestProviderOptions,
} from '../__testUtils__/testProvider';

const TIMEOUT_MS = 3_000;
const PAGE_MS = 1_000;
const PER_PAGE = 10;

/** Five pages of a second each, where a run has three. */
async function setUp(options: { config?: object; perCheckMs?: number } = {}) {
  const clock = new FakeClock();
  const bitbucket = createSimulatedBitbucket({
    users: [TEST_USER],
    clock,
    pageCaps: { repositories: PER_PAGE },
  });
  for (let index = 0; index < 50; index += 1) {
    const projectKey = `P${Math.floor(index / PER_PAGE)}`;
    const slug = `r${String(index).padStart(2, '0')}`;
    bitbucket.addRepository({
      projectKey,
      slug,
      files: { 'catalog-info.yaml': 'kind: Component' },
    });
  }
  bitbucket.faults.add({
    match: { kind: ['repositories', 'project-repositories'] },
    effect: { type: 'delay', ms: PAGE_MS },
  });
  bitbucket.faults.add({
    match: { kind: 'file-check' },
    effect: { type: 'delay', ms: options.perCheckMs ?? 0 },
  });
  const config = {
    schedule: { frequency: { minutes: 30 }, timeout: { milliseconds: TIMEOUT_MS } },
    ...options.config,
  };
  const store = createTestStore([], { clock });
  const world = await connectTestProvider({ bitbucket, clock, config, store });
  return { ...world, bitbucket, config };
}

type World = Awaited<ReturnType<typeof setUp>>;

/** As the scheduler runs it, on whichever replica: with its timeout, and each time as after a restart. */
async function runAsScheduled({ bitbucket, clock, config, connection, store }: World) {
  const options: TestProviderOptions = { bitbucket, clock, connection };
  const restarted = { ...options, config, store: reopen(store) };
  const { provider } = await connectTestProvider(restarted);
  const timeout = new AbortController();
  const done = new AbortController();
  clock
    .sleep(TIMEOUT_MS, done.signal)
    .then(() => timeout.abort(new Error('timed out')))
    .catch(() => {});
  const error: unknown = await clock
    .run(provider.refresh(timeout.signal))
    .then(() => undefined)
    .catch((reason: unknown) => reason);
  done.abort();
  await clock.advance(30 * 60_000);
  return error instanceof Error ? error.message : undefined;
}

const checked = ({ requests }: SimulatedBitbucket) =>
  requests.filter(request => request.path.includes('/browse/')).length;

describe.each([
  ['the whole server', {}],
  ['single projects', { filters: { projectKey: '^(P0|P1|P2|P3|P4)$' }, concurrency: 1 }],
])('if %s cannot be listed within the time of a run', (_, config) => {
  it('registers one part after the other, and each run fails with the remedy', async () => {
    const world = await setUp({ config });
    const found: number[] = [];
    for (let run = 1; run <= 5; run += 1) {
      expect(await runAsScheduled(world)).toMatch(/Raise `schedule\.timeout`/);
      found.push(world.connection.targets().length);
    }
    expect(found[0]).toBeGreaterThanOrEqual(PER_PAGE);
    expect(found).toEqual([...found].sort((a, b) => a - b));
    expect(found.at(-1)).toBe(50);
    expect(world.clock.sleeping).toBe(0);
  });

  it('starts again after the end, and so finds new files', async () => {
    const world = await setUp({ config });
    for (let run = 1; run <= 5; run += 1) {
      await runAsScheduled(world);
    }
    world.bitbucket.addRepository({
      projectKey: 'P0',
      slug: 'new',
      files: { 'catalog-info.yaml': '' },
    });
    for (let run = 1; run <= 6; run += 1) {
      await runAsScheduled(world);
    }
    expect(world.connection.targets()).toHaveLength(51);
  });

  it('removes nothing, whatever is missing', async () => {
    const world = await setUp({ config });
    for (let run = 1; run <= 5; run += 1) {
      await runAsScheduled(world);
    }
    world.bitbucket.deleteRepository('P0', 'r00');
    world.bitbucket.removeFile('P4', 'r49', 'catalog-info.yaml');
    for (let run = 1; run <= 6; run += 1) {
      expect(await runAsScheduled(world)).toBeDefined();
    }
    expect(world.connection.targets()).toHaveLength(50);
    const types = world.connection.mutations.map(mutation => mutation.type);
    expect(types.filter(type => type === 'full')).toEqual([]);
  });
});

it('a run continues the listing only once all listed repositories were checked', async () => {
  const world = await setUp({ config: { concurrency: 1 }, perCheckMs: 100 });
  let runs = 0;
  while (world.connection.targets().length < 50 && runs < 20) {
    await runAsScheduled(world);
    runs += 1;
  }
  expect(world.connection.targets()).toHaveLength(50);
  // One that was under way when a run was stopped is asked for again.
  expect(checked(world.bitbucket)).toBeLessThanOrEqual(50 + runs);
});

it('a run lists everything as before once the time suffices', async () => {
  const world = await setUp();
  await runAsScheduled(world);
  const schedule = { frequency: { minutes: 30 }, timeout: { seconds: 60 } };
  const { bitbucket, clock, connection, store } = world;
  const options = { bitbucket, clock, connection, store, config: { schedule } };
  const { run } = await connectTestProvider(options);

  await expect(run()).rejects.toThrow(/schedule\.timeout/);
  await clock.advance(30 * 60_000);
  await expect(run()).resolves.toBeUndefined();

  expect(connection.targets()).toHaveLength(50);
  expect(connection.mutations.at(-1)?.type).toBe('full');
});

it('a run says why repositories that the listing did not reach are unknown', async () => {
  const world = await setUp();
  for (let run = 1; run <= 2; run += 1) {
    await runAsScheduled(world);
  }
  const state = await world.store.load('default');
  const [first] = state?.repositories ?? [];
  expect(first?.files).toHaveLength(1);
  expect(first?.problem).toEqual({
    reason: 'not-checked',
    detail: expect.stringMatching(/Raise `schedule\.timeout`/),
  });
});
