import { FakeClock } from '../__testUtils__/FakeClock';
import { KeyedLock } from './concurrency';

/** Runs works that take a second each; tells when each began, in seconds. */
async function startsOf(...works: readonly (readonly string[])[]) {
  const clock = new FakeClock({ startMs: 0 });
  const lock = new KeyedLock();
  const starts: number[] = [];
  const all = works.map((keys, index) =>
    lock.run(keys, async () => {
      starts[index] = clock.now() / 1_000;
      await clock.sleep(1_000);
    }),
  );
  await clock.run(Promise.all(all));
  return starts;
}

it('work on one key goes one after the other, in the order in which it was asked for', async () => {
  expect(await startsOf(['a'], ['a'], ['a'])).toEqual([0, 1, 2]);
});

it('work on different keys goes side by side', async () => {
  expect(await startsOf(['a'], ['b'], [], [])).toEqual([0, 0, 0, 0]);
});

it('work on several keys waits for all of them, and others for it', async () => {
  expect(await startsOf(['a'], ['a', 'b'], ['b'], ['c'])).toEqual([0, 1, 2, 0]);
});

it('work that waits for each other’s keys in another order ends', async () => {
  expect(await startsOf(['a', 'b'], ['b', 'a'], ['a', 'b'])).toEqual([0, 1, 2]);
});

it('work that fails tells its caller and holds up nobody', async () => {
  const lock = new KeyedLock();
  const failing = lock.run(['a'], () => Promise.reject(new Error('no')));
  const next = lock.run(['a', 'a'], async () => 'done');
  await expect(failing).rejects.toThrow('no');
  await expect(next).resolves.toBe('done');
});
