/** A few worlds of `npm run soak`, the same ones each time. */

import fc from 'fast-check';
import { describePlan, plan } from '../soak/plan';
import { runWorld } from '../soak/runWorld';
import { Sabotage } from '../soak/World';
import { memoryDatabases } from '../soak/WorldDatabase';

it('the module keeps all invariants in random worlds, and the catalog is correct once all faults have ended', async () => {
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

const ABSENCE = {
  context: null,
  message: 'The path does not exist',
  exceptionName: 'com.atlassian.bitbucket.content.NoSuchPathException',
};

/** What a broken module would do. */
const SABOTAGE: readonly (readonly [string, Sabotage, RegExp])[] = [
  [
    'takes a file for absent without a proof',
    {
      fetch: fetch => {
        let asked = 0;
        return async (url, init) => {
          const answer = await fetch(url, init);
          if (!/\/(browse|files)\b/.test(String(url))) {
            return answer;
          }
          asked += 1;
          return asked % 5 === 0
            ? Response.json(
                { errors: [ABSENCE] },
                { status: 404, headers: answer.headers },
              )
            : answer;
        };
      },
    },
    /was removed from the catalog although it belongs there/,
  ],
  [
    'forgets a Location when it replaces everything',
    {
      connection: ({ applyMutation, refresh }) => ({
        refresh,
        applyMutation: mutation =>
          applyMutation(
            mutation.type === 'full'
              ? { ...mutation, entities: mutation.entities.slice(0, -1) }
              : mutation,
          ),
      }),
    },
    /is stored but not in the catalog|lacks the anchor|although it belongs there/,
  ],
  [
    'loses what it adds',
    {
      connection: ({ applyMutation, refresh }) => ({
        refresh,
        applyMutation: async mutation => {
          if (mutation.type === 'full') {
            await applyMutation(mutation);
          }
        },
      }),
    },
    /is stored but not in the catalog/,
  ],
  [
    'asks for everything twice',
    {
      fetch: fetch => async (url, init) => {
        const [, second] = await Promise.all([fetch(url, init), fetch(url, init)]);
        return second;
      },
    },
    /requests in flight where|more requests than the configured rate allows/,
  ],
];

/** Each fault shows in nearly every world. */
const SABOTAGED_WORLDS = 8;

it.each(SABOTAGE)('the soak finds a module that %s', async (_, sabotage, expected) => {
  const errors: string[] = [];
  for (const world of fc.sample(plan, { seed: 1, numRuns: SABOTAGED_WORLDS })) {
    await runWorld(world, await memoryDatabases.next(), sabotage).catch(error =>
      errors.push(String(error)),
    );
    if (errors.some(error => expected.test(error))) {
      return;
    }
  }
  throw new Error(`nothing of the kind was found: ${errors.join('\n')}`);
});
