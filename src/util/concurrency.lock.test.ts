import { FakeClock } from '../__testUtils__/FakeClock';
import { KeyedLock } from './concurrency';

/** Runs pieces of work that take a second each; returns when each began, in seconds. */
async function getStarts(...works: readonly (readonly string[])[]) {
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

it('KeyedLock runs work on one key sequentially, in the order of the calls', async () => {
  expect(await getStarts(['a'], ['a'], ['a'])).toEqual([0, 1, 2]);
});

it('KeyedLock runs work on different keys concurrently', async () => {
  expect(await getStarts(['a'], ['b'], [], [])).toEqual([0, 0, 0, 0]);
});

it('KeyedLock waits for all keys of a call, and makes later calls wait for it', async () => {
  expect(await getStarts(['a'], ['a', 'b'], ['b'], ['c'])).toEqual([0, 1, 2, 0]);
});

it('KeyedLock cannot deadlock where two calls name the same keys in another order', async () => {
  expect(await getStarts(['a', 'b'], ['b', 'a'], ['a', 'b'])).toEqual([0, 1, 2]);
});

it('KeyedLock rethrows a failure to its caller and does not block later work', async () => {
  const lock = new KeyedLock();
  const failing = lock.run(['a'], () => Promise.reject(new Error('no')));
  const next = lock.run(['a', 'a'], async () => 'done');
  await expect(failing).rejects.toThrow('no');
  await expect(next).resolves.toBe('done');
});
