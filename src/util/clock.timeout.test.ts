/** Work ends with its result, its time limit, or the caller's abort. */

import { getEventListeners } from 'node:events';
import { FakeClock } from '../__testUtils__/FakeClock';
import { TimeoutReached, withTimeout } from './clock';

const hang = () => new Promise<never>(() => undefined);

describe('withTimeout', () => {
  it('returns the result of the work and leaves neither timer nor listener behind', async () => {
    const clock = new FakeClock();
    const { signal } = new AbortController();
    const work = withTimeout(async () => 'done', { clock, ms: 1_000, signal });
    await expect(work).resolves.toBe('done');
    expect(clock.sleeping).toBe(0);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('rejects exactly at the time limit, not before', async () => {
    const clock = new FakeClock();
    let ended = false;
    const work = withTimeout(hang, { clock, ms: 1_000 }).finally(() => {
      ended = true;
    });
    work.catch(() => undefined);
    await clock.advance(999);
    expect(ended).toBe(false);
    await clock.advance(1);
    await expect(work).rejects.toBeInstanceOf(TimeoutReached);
  });

  it('aborts the signal of the work at the time limit', async () => {
    const clock = new FakeClock();
    let seen: AbortSignal | undefined;
    const work = withTimeout(
      signal => {
        seen = signal;
        return hang();
      },
      { clock, ms: 5 },
    );
    await expect(clock.run(work)).rejects.toThrow('no result within 5 ms');
    expect(seen?.aborted).toBe(true);
  });

  it("rejects with the caller's reason on abort and leaves nothing behind", async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const { signal } = controller;
    const work = withTimeout(hang, { clock, ms: 1_000, signal });
    controller.abort('stop');
    await expect(work).rejects.toBe('stop');
    expect(clock.sleeping).toBe(0);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('does not start the work when already aborted', async () => {
    const work = jest.fn(hang);
    const limit = { clock: new FakeClock(), ms: 1, signal: AbortSignal.abort('early') };
    await expect(withTimeout(work, limit)).rejects.toBe('early');
    expect(work).not.toHaveBeenCalled();
  });

  it('rethrows a failure of the work', async () => {
    const clock = new FakeClock();
    const fail = () => Promise.reject(new Error('broken'));
    await expect(withTimeout(fail, { clock, ms: 1 })).rejects.toThrow('broken');
    expect(clock.sleeping).toBe(0);
  });
});
