/** Time goes forward as the clock does, and stands still where the clock jumps back. */

import fc from 'fast-check';
import { createSteadyNow } from './steadyTime';

function setUp() {
  let wallMs = 1_000_000;
  const now = createSteadyNow({ now: () => wallMs });
  return {
    now,
    pass: (ms: number) => {
      wallMs += ms;
    },
  };
}

it('passes as the clock does', () => {
  const { now, pass } = setUp();
  pass(250);
  expect(now()).toBe(1_000_250);
});

it('goes on from where it was after the clock was set back', () => {
  const { now, pass } = setUp();
  pass(-3_600_000);
  expect(now()).toBe(1_000_000);
  pass(250);
  expect(now()).toBe(1_000_250);
});

it('never goes back, and forward only as far as the clock does', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -9_999, max: 9_999 })), moves => {
      const { now, pass } = setUp();
      for (const ms of moves) {
        const before = now();
        pass(ms);
        expect(now() - before).toBe(Math.max(0, ms));
      }
    }),
  );
});
