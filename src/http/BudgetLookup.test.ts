/** Which callers wait while the budget of a user is read, and for how long. */

import { FakeClock } from '../__testUtils__/FakeClock';
import { raceAbort } from '../util/abort';
import { BudgetLookup } from './BudgetLookup';

/** A server that answers after a second unless told otherwise. */
function setUp(
  answer: (clock: FakeClock) => Promise<unknown> = clock => clock.sleep(1_000),
) {
  const clock = new FakeClock();
  const lookup = new BudgetLookup(clock);
  let reads = 0;
  let isKnown = false;
  const run = async (signal?: AbortSignal, isHurried = true) => {
    const read = async (stop?: AbortSignal) => {
      reads += 1;
      await raceAbort(answer(clock), stop);
      isKnown = true;
    };
    const isNeeded = () => !isKnown;
    await lookup.run({ isNeeded, read, isHurried, signal }).catch(() => undefined);
    return { atMs: clock.monotonicMs(), isKnown };
  };
  return { clock, run, reads: () => reads };
}

const never = () => new Promise(() => {});

it('BudgetLookup reads the budget once for all concurrent callers, which wait for it', async () => {
  const { clock, reads, run } = setUp();
  const all = await clock.run(Promise.all([run(), run(), run()]));
  expect(all).toEqual(all.map(() => ({ atMs: 1_000, isKnown: true })));
  await clock.run(run());
  expect(reads()).toBe(1);
});

it('BudgetLookup makes no caller wait after a failed attempt', async () => {
  const { clock, reads, run } = setUp(async () => {
    throw new Error('no answer');
  });
  const all = await clock.run(Promise.all([run(), run(), run()]));
  expect(all).toEqual(all.map(() => ({ atMs: 0, isKnown: false })));
  expect(reads()).toBe(1);
});

it('BudgetLookup delays no hurried caller for more than 8 seconds', async () => {
  const { clock, run } = setUp(never);
  const all = await clock.run(Promise.all([run(), run()]));
  expect(all.map(({ atMs }) => atMs)).toEqual([8_000, 8_000]);
  expect(clock.sleeping).toBe(0);
});

it('BudgetLookup delays for longer only a caller that is not hurried and reads the budget', async () => {
  const { clock, run } = setUp(() => clock.sleep(20_000));
  const patient = run(undefined, false);
  const hurried = await clock.run(Promise.all([run(), run(undefined, false)]));
  expect(hurried.map(({ atMs }) => atMs)).toEqual([8_000, 8_000]);
  expect(await run()).toEqual({ atMs: 8_000, isKnown: false });
  expect(await clock.run(patient)).toEqual({ atMs: 20_000, isKnown: true });
});

it('BudgetLookup tries again a minute later, and only the caller that does so waits', async () => {
  const { clock, reads, run } = setUp(never);
  await clock.run(run());
  await clock.advance(59_000);
  await clock.run(run());
  expect(reads()).toBe(1);
  await clock.advance(1_000);
  const again = run();
  await clock.settle();
  const fromMs = clock.monotonicMs();
  expect(await run()).toEqual({ atMs: fromMs, isKnown: false });
  await clock.run(again);
  expect(reads()).toBe(2);
});

it('BudgetLookup lets the next caller in line read the budget when the first is aborted', async () => {
  const { clock, reads, run } = setUp();
  const stop = new AbortController();
  const first = run(stop.signal);
  const others = Promise.all([run(), run()]);
  await clock.advance(500);
  stop.abort(new Error('enough'));
  expect(await first).toEqual({ atMs: 500, isKnown: false });
  expect((await clock.run(others)).map(({ atMs }) => atMs)).toEqual([1_500, 1_500]);
  expect(reads()).toBe(2);
});

it('BudgetLookup ends the wait of an aborted caller immediately, and of no other caller', async () => {
  const { clock, run } = setUp();
  const stop = new AbortController();
  const first = run();
  const second = run(stop.signal);
  await clock.advance(500);
  stop.abort(new Error('enough'));
  expect(await second).toEqual({ atMs: 500, isKnown: false });
  expect(await clock.run(first)).toEqual({ atMs: 1_000, isKnown: true });
});
