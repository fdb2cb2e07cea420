/** A few of the worlds that `npm run soak` lets happen, always the same. */

import fc from 'fast-check';
import { describePlan, plan } from '../soak/plan';
import { runWorld } from '../soak/runWorld';
import { memoryDatabases } from '../soak/WorldDatabase';

it('keeps every promise in random worlds, and the catalog is right once they are calm', async () => {
  await fc.assert(
    fc.asyncProperty(plan, async one => runWorld(one, await memoryDatabases.next())),
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
