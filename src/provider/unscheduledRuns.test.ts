import { ConflictError, NotFoundError } from '@backstage/errors';
import { FakeClock } from '../__testUtils__/FakeClock';
import { ManualRuns } from './unscheduledRuns';

/** A task that is running until told otherwise. */
function createTask() {
  const task = {
    running: false,
    starts: 0,
    start: async () => {
      if (task.running) {
        throw new ConflictError('Task is currently running');
      }
      task.starts += 1;
    },
  };
  return task;
}

function setUp() {
  const task = createTask();
  const clock = new FakeClock();
  const shutdown = new AbortController();
  const runs = new ManualRuns({ startTask: task.start, clock, signal: shutdown.signal });
  return { task, clock, shutdown, runs };
}

describe('a manual run', () => {
  it('starts the task immediately', async () => {
    const { task, runs } = setUp();

    await runs.request();

    expect(task.starts).toBe(1);
  });

  it('starts once after a run in progress, for any number of requests', async () => {
    const { task, clock, runs } = setUp();
    task.running = true;
    const requests = Promise.all([runs.request(), runs.request(), runs.request()]);
    await clock.advance(60_000);
    expect(task.starts).toBe(0);

    task.running = false;
    await clock.run(requests);

    expect(task.starts).toBe(1);
    expect(clock.sleeping).toBe(0);
  });

  it('starts again for a request that arrives after the start', async () => {
    const { task, runs } = setUp();

    await runs.request();
    await runs.request();

    expect(task.starts).toBe(2);
  });

  it('fails if the task cannot be started, and works again later', async () => {
    const failing = { error: new NotFoundError('no such task') as Error | undefined };
    const runs = new ManualRuns({
      startTask: async () => {
        if (failing.error) {
          throw failing.error;
        }
      },
      clock: new FakeClock(),
      signal: new AbortController().signal,
    });

    await expect(runs.request()).rejects.toThrow('no such task');
    failing.error = undefined;
    await expect(runs.request()).resolves.toBeUndefined();
  });

  it('stops waiting when the backend shuts down', async () => {
    const { task, clock, shutdown, runs } = setUp();
    task.running = true;
    const request = runs.request();
    await clock.settle();

    shutdown.abort(new Error('shutting down'));

    await expect(request).rejects.toThrow('shutting down');
    expect(clock.sleeping).toBe(0);
  });
});
