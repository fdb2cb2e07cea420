/** A few of the worlds of `npm run soak`, always the same. */

import fc from 'fast-check';
import { describePlan, plan } from '../soak/plan';
import { runWorld } from '../soak/runWorld';
import { memoryDatabases } from '../soak/WorldDatabase';

it('keeps all invariants in random worlds, and the catalog is correct once all faults have ended', async () => {
  await fc.assert(
    fc.asyncProperty(plan, async world => runWorld(world, await memoryDatabases.next())),
    {
      seed: 1,
      numRuns: 25,
      reporter: ({ failed, counterexample, errorInstance }) => {
        if (failed) {
          const world = counterexample ? describePlan(counterexample[0]) : '';
          throw new Error(`${world}\n${String(errorInstance)}`);
        }
      },
    },
  );
});
