/** Time advances on request, sleepers wake in order, and hanging work is reported. */

import { getEventListeners } from 'node:events';
import { FakeClock } from './FakeClock';

describe('advance', () => {
  it('wakes sleepers in the order in which they are due, at their time', async () => {
    const clock = new FakeClock({ startMs: 0 });
    const woken: [string, number][] = [];
    const sleep = async (name: string, ms: number) => {
      await clock.sleep(ms);
      woken.push([name, clock.now()]);
    };
    void sleep('late', 300);
    void sleep('early', 100);
    void sleep('also early', 100);
    await clock.advance(299);
    expect(woken).toEqual([
      ['early', 100],
      ['also early', 100],
    ]);
    await clock.advance(1);
    expect(woken.at(-1)).toEqual(['late', 300]);
    expect(clock.now()).toBe(300);
    expect(clock.sleeping).toBe(0);
  });

  it('wakes sleepers again that fall asleep within the advanced time', async () => {
    const clock = new FakeClock({ startMs: 0 });
    const seen: number[] = [];
    void (async () => {
      for (let i = 0; i < 3; i += 1) {
        await clock.sleep(10);
        seen.push(clock.now());
      }
    })();
    await clock.advance(25);
    expect(seen).toEqual([10, 20]);
  });

  it('does not wake sleepers that are not due', async () => {
    const clock = new FakeClock();
    void clock.sleep(1_000);
    await clock.advance(999);
    expect(clock.sleeping).toBe(1);
  });
});

describe('sleep', () => {
  it("rejects with the signal's reason immediately and leaves nothing behind", async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const sleeping = clock.sleep(1_000, controller.signal);
    controller.abort('stop');
    await expect(sleeping).rejects.toBe('stop');
    expect(clock.sleeping).toBe(0);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('does not begin when already aborted', async () => {
    const clock = new FakeClock();
    await expect(clock.sleep(1, AbortSignal.abort('early'))).rejects.toBe('early');
    expect(clock.sleeping).toBe(0);
  });

  it('leaves no listener behind when it ends without an abort', async () => {
    const clock = new FakeClock();
    const { signal } = new AbortController();
    await clock.run(clock.sleep(5, signal));
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

describe('run', () => {
  it('simulates hours without waiting', async () => {
    const clock = new FakeClock({ startMs: 0 });
    const work = (async () => {
      await clock.sleep(3_600_000);
      await clock.sleep(3_600_000);
      return 'done';
    })();
    await expect(clock.run(work)).resolves.toBe('done');
    expect(clock.now()).toBe(7_200_000);
  });

  it('rethrows a failure', async () => {
    await expect(new FakeClock().run(Promise.reject(new Error('no')))).rejects.toThrow(
      'no',
    );
  });

  it('does not advance time while real input or output is pending', async () => {
    let busy = true;
    const clock = new FakeClock({ startMs: 0, holdWhile: () => busy });
    const answer = new Promise<void>(resolve => {
      let turns = 0;
      const turn = () => {
        turns += 1;
        if (turns < 50) setImmediate(turn);
        else {
          busy = false;
          resolve();
        }
      };
      turn();
    });
    void clock.sleep(1_000);
    await clock.run(answer);
    expect(clock.now()).toBe(0);
  });

  it('fails when the work hangs', async () => {
    const hanging = new Promise(() => undefined);
    await expect(new FakeClock().run(hanging)).rejects.toThrow('neither ends nor sleeps');
  });

  it('fails when the work never ends', async () => {
    const clock = new FakeClock();
    const endless = (async () => {
      for (;;) await clock.sleep(1_000);
    })();
    await expect(clock.run(endless, 5_000)).rejects.toThrow('not ended after 5000 ms');
  });
});

it('FakeClock runs until no sleeper is left', async () => {
  const clock = new FakeClock({ startMs: 0 });
  void clock.sleep(10).then(() => clock.sleep(20));
  await clock.runUntilIdle();
  expect(clock.now()).toBe(30);
  expect(clock.sleeping).toBe(0);
});

it('FakeClock draws the same numbers in [0, 1) for the same seed', () => {
  const draw = (seed: number) => {
    const clock = new FakeClock({ seed });
    return Array.from({ length: 100 }, () => clock.random());
  };
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
  expect(draw(7).every(number => number >= 0 && number < 1)).toBe(true);
});

it('FakeClock can be set back and forward without any effect on sleepers', async () => {
  const clock = new FakeClock({ startMs: 1_000 });
  void clock.sleep(10);
  clock.setTime(-3_600_000);
  await clock.settle();
  expect(clock.now()).toBe(-3_600_000);
  clock.setTime(3_600_000);
  await clock.settle();
  expect(clock.sleeping).toBe(1);
  await clock.advance(10);
  expect(clock.sleeping).toBe(0);
});

it('FakeClock measures elapsed time regardless of changes to the time of day', async () => {
  const clock = new FakeClock();
  const before = clock.monotonicMs();
  await clock.advance(7);
  clock.setTime(0);
  expect(clock.monotonicMs() - before).toBe(7);
});
