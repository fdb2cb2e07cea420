/** The listeners that the system clock and other waits add to their signals. */

import { getEventListeners, getMaxListeners } from 'node:events';
import { FakeClock } from '../__testUtils__/FakeClock';
import { raceAbort } from './abort';
import { Clock, systemClock, withTimeout } from './clock';

const never = new Promise<never>(() => undefined);

/** Any number of waits may listen to the signal of a run, or of the whole backend. */
const WAITS: readonly (readonly [string, (signal: AbortSignal) => Promise<unknown>])[] = [
  ["the machine's clock", signal => systemClock.sleep(60_000, signal)],
  ['a clock of tests', signal => new FakeClock().sleep(1, signal)],
  ['a wait', signal => raceAbort(never, signal)],
  [
    'a time limit',
    signal => withTimeout(() => never, { clock: new FakeClock(), ms: 1, signal }),
  ],
];

describe.each(WAITS)('many waits for %s on one signal', (_, wait) => {
  it('cause no leak warning, which Node emits from 11 listeners on, and leave none behind', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const waiting = Array.from({ length: 11 }, () => wait(signal));
    const ended = Promise.allSettled(waiting);
    expect(getEventListeners(signal, 'abort').length).toBeGreaterThanOrEqual(11);
    expect(getMaxListeners(signal)).toBe(Infinity);

    controller.abort(new Error('over'));

    expect((await ended).map(({ status }) => status)).toEqual(
      waiting.map(() => 'rejected'),
    );
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('end immediately where the signal is already aborted', async () => {
    const signal = AbortSignal.abort(new Error('over'));
    await expect(wait(signal)).rejects.toThrow('over');
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

describe('a sleep of the clock', () => {
  it.each<[string, Clock]>([
    ['of the machine', systemClock],
    ['of tests', new FakeClock()],
  ])('%s leaves no listener behind once it is over', async (_, clock) => {
    const { signal } = new AbortController();
    const sleeping = clock.sleep(0, signal);
    await (clock instanceof FakeClock ? clock.run(sleeping) : sleeping);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});
