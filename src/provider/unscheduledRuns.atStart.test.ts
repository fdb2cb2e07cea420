import { ConflictError, NotFoundError } from '@backstage/errors';
import { FakeClock } from '../__testUtils__/FakeClock';
import { KeyedLock } from '../util/concurrency';
import { reasonToRunAtStart, runAtStart, StartState } from './unscheduledRuns';

const SETTLED: StartState = {
  schedule: { frequency: { minutes: 30 } },
  lastRun: { configuration: 'same', status: 'succeeded' },
  configuration: 'same',
  hasEntities: true,
};

const NEVER_RAN: StartState = { ...SETTLED, lastRun: undefined, hasEntities: false };

describe('a provider that the scheduler has a due time for', () => {
  it('waits for it if nothing has changed since its last run', () => {
    expect(reasonToRunAtStart(SETTLED)).toBeUndefined();
  });

  it('waits for it after a failure whose cause may remain, and with new credentials after a successful run', () => {
    const failed = { configuration: 'same', status: 'failed' } as const;
    expect(reasonToRunAtStart({ ...SETTLED, lastRun: failed })).toBeUndefined();
    const changed = { ...SETTLED, isIntegrationChanged: true };
    expect(reasonToRunAtStart(changed)).toBeUndefined();
  });

  it.each<[string, Partial<StartState>]>([
    ['none of its runs has finished yet', { lastRun: undefined, hasEntities: false }],
    // As after the switch from the published module.
    ['none of its runs has finished yet', { lastRun: undefined }],
    ['its configuration has changed since its last run', { configuration: 'other' }],
    // An earlier version did not store the fingerprint of its configuration.
    [
      'its configuration has changed since its last run',
      { lastRun: { status: 'succeeded' } },
    ],
    [
      'its last run failed, and its integration has changed since',
      {
        lastRun: { configuration: 'same', status: 'failed' },
        isIntegrationChanged: true,
      },
    ],
    ['the catalog has none of its entities', { hasEntities: false }],
  ])('runs immediately because %s', (reason, change) => {
    expect(reasonToRunAtStart({ ...SETTLED, ...change })).toBe(reason);
  });

  it.each<[string, StartState['schedule']]>([
    ['at certain times', { frequency: { cron: '0 3 * * *' } }],
    ['after a delay', { frequency: { hours: 1 } }],
  ])('runs immediately also if it is scheduled %s', (_, schedule) => {
    expect(reasonToRunAtStart({ ...NEVER_RAN, schedule })).toBeDefined();
  });

  it('never runs by itself if it runs on demand only', () => {
    const schedule = { frequency: { trigger: 'manual' } } as const;

    expect(reasonToRunAtStart({ ...NEVER_RAN, schedule })).toBeUndefined();
    expect(
      reasonToRunAtStart({ ...SETTLED, schedule, configuration: 'other' }),
    ).toBeUndefined();
  });
});

function setUp(state: StartState) {
  const clock = new FakeClock();
  const shutdown = new AbortController();
  const world = { state, isRunning: false, starts: 0, reasons: [] as string[] };
  const startTask = async () => {
    if (world.isRunning) {
      throw new ConflictError('Task is currently running');
    }
    world.starts += 1;
  };
  const lock = new KeyedLock();
  const exclusively = <T>(work: () => Promise<T>) => lock.run(['main'], work);
  const start = (loadState = async () => world.state) =>
    runAtStart({
      exclusively,
      loadState,
      startTask,
      clock,
      signal: shutdown.signal,
      onStart: reason => world.reasons.push(reason),
    });
  /** Ends the run in progress as a provider does: it stores its result, then the task ends. */
  const endRun = async () => {
    await exclusively(async () => {
      world.state = SETTLED;
    });
    world.isRunning = false;
  };
  return { world, clock, shutdown, start, endRun, exclusively };
}

describe('the start of a provider', () => {
  it('starts its task for a reason, and reports that', async () => {
    const { world, start } = setUp(NEVER_RAN);

    await start();

    expect(world).toMatchObject({
      starts: 1,
      reasons: ['none of its runs has finished yet'],
    });
  });

  it('starts nothing without a reason', async () => {
    const { world, clock, start } = setUp(SETTLED);

    await start();

    expect(world).toMatchObject({ starts: 0, reasons: [] });
    expect(clock.sleeping).toBe(0);
  });

  it('starts no run if a run in progress removes the reason', async () => {
    const { world, clock, start } = setUp(NEVER_RAN);
    world.isRunning = true;
    const started = start();
    await clock.advance(10_000);

    world.isRunning = false;
    world.state = SETTLED;
    await clock.run(started);

    expect(world).toMatchObject({ starts: 0, reasons: [] });
  });

  it('shares one run with the other replicas that start at the same time', async () => {
    const { world, clock, start } = setUp(NEVER_RAN);
    await start();
    world.isRunning = true;
    const others = Promise.all([start(), start()]);
    await clock.advance(10_000);

    world.isRunning = false;
    world.state = SETTLED;
    await clock.run(others);

    expect(world.starts).toBe(1);
  });

  it('starts no run if the one in progress ends after the reason for it was read', async () => {
    const { world, clock, start, endRun } = setUp(NEVER_RAN);
    world.isRunning = true;
    const started = start(async () => {
      const { state } = world;
      await clock.sleep(1_000);
      return state;
    });
    await clock.settle();

    const ended = endRun();
    await clock.run(Promise.all([started, ended]));

    expect(world).toMatchObject({ starts: 0, reasons: [] });
  });

  it('starts a run after one in progress with another configuration', async () => {
    const { world, clock, start } = setUp({ ...SETTLED, configuration: 'new' });
    world.isRunning = true;
    const started = start();
    await clock.advance(10_000);
    expect(world.starts).toBe(0);

    world.isRunning = false;
    await clock.run(started);

    expect(world).toMatchObject({
      starts: 1,
      reasons: ['its configuration has changed since its last run'],
    });
  });

  it('waits for at most an hour', async () => {
    const { world, clock, start } = setUp(NEVER_RAN);
    world.isRunning = true;
    const started = start();
    await clock.advance(3_500_000);
    expect(clock.sleeping).toBe(1);

    await clock.advance(200_000);

    await expect(started).resolves.toBeUndefined();
    expect(world.starts).toBe(0);
  });

  it('ends with the backend', async () => {
    const { world, clock, shutdown, start } = setUp(NEVER_RAN);
    world.isRunning = true;
    const started = start();
    await clock.settle();

    shutdown.abort(new Error('shutting down'));

    await expect(started).rejects.toThrow('shutting down');
    expect(clock.sleeping).toBe(0);
  });

  it.each([
    ['the task cannot be started', new NotFoundError('no such task')],
    ['the database is gone', new Error('no connection')],
  ])('fails if %s', async (_, error) => {
    const { clock, shutdown, exclusively } = setUp(NEVER_RAN);
    const fail = async () => {
      throw error;
    };
    const isTask = error instanceof NotFoundError;

    await expect(
      runAtStart({
        exclusively,
        loadState: isTask ? async () => NEVER_RAN : fail,
        startTask: isTask ? fail : async () => {},
        clock,
        signal: shutdown.signal,
        onStart: () => {},
      }),
    ).rejects.toThrow(error.message);
  });
});
