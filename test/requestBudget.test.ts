/**
 * The budget of a Bitbucket user, shared by everything that sends requests at the same time:
 * runs, webhooks and the catalog's reads, on one replica and on two.
 */

import { mapConcurrent } from '../src/util/concurrency';
import {
  BudgetWorld,
  createBudgetWorld,
  DOCUMENTED,
  fileUrl,
  Replica,
  startReplica,
  TOKEN,
} from './__testUtils__/budgetWorld';

const MINUTE_MS = 60_000;
/** The number of entities that the catalog processes concurrently. */
const PLACES = 10;

describe('two replicas with a known budget of 60 tokens and 5 more each second', () => {
  const REPOSITORIES = 60;
  const PUSHES = 240;
  const all = Array.from({ length: REPOSITORIES }, (_, index) => index);

  /** Makes both replicas run, read and handle pushes at the same time. */
  async function work(world: BudgetWorld, replicas: readonly Replica[]) {
    const { clock } = world;
    // All files at once, as after a first run, and then one per second.
    const readOn = async ({ read }: Replica) => {
      await mapConcurrent(all, PLACES, index => read(fileUrl(world, index)));
      for (const index of all) {
        await clock.sleep(1_000);
        await read(fileUrl(world, index));
      }
    };
    const pushOn = async () => {
      for (let count = 0; count < PUSHES; count += 1) {
        await replicas[count % replicas.length]?.push(count % REPOSITORIES, count);
        await clock.sleep(MINUTE_MS / PUSHES);
      }
    };
    await Promise.all([
      ...replicas.map(({ providers }, index) => providers[index]?.provider.refresh()),
      ...replicas.map(readOn),
      pushOn(),
    ]);
  }

  it.each([
    ['the password of the integration', {}],
    ['a token of the same user', { token: TOKEN }],
  ])(
    'see no 429 from their start on, with runs, 240 pushes in a minute and reads on both, discovery with %s',
    async (_name, credential) => {
      const world = createBudgetWorld(REPOSITORIES);
      const replicas = [
        await startReplica(world, credential),
        await startReplica(world, credential),
      ];

      await world.clock.run(work(world, replicas));
      await world.clock.runUntilIdle();

      expect(world.bitbucket.rateLimitedCount).toBe(0);
      expect(replicas.flatMap(({ logger }) => logger.messages('warn'))).toEqual([]);
      expect(
        replicas.map(({ providers }, index) => providers[index]?.holds().length),
      ).toEqual([REPOSITORIES / 2, REPOSITORIES / 2]);
    },
  );
});

describe('a first run that finds 400 files', () => {
  const FILES = 400;

  it.each<[string, 'before' | 'while']>([
    ['once discovery has found them', 'before'],
    ['while discovery goes on', 'while'],
  ])(
    'has them all read without a 429, at the pace of the bucket: %s',
    async (_, when) => {
      const world = createBudgetWorld(FILES);
      const { bitbucket, clock } = world;
      const { providers, read } = await startReplica(world);
      const discover = () =>
        Promise.all(providers.map(({ provider }) => provider.refresh()));
      if (when === 'before') await clock.run(discover());
      const found = Array.from({ length: FILES }, (_one, index) => fileUrl(world, index));
      let failed = 0;
      const readAgain = async (url: string): Promise<unknown> => {
        try {
          return await read(url);
        } catch {
          failed += 1;
          await clock.sleep(2 * MINUTE_MS);
          return readAgain(url);
        }
      };
      const reading = Promise.all([
        mapConcurrent(found, PLACES, readAgain),
        when === 'while' && discover(),
      ]);
      await clock.run(reading);

      const times = bitbucket.requests.map(({ time }) => time);
      const seconds = (Math.max(...times) - Math.min(...times)) / 1000;
      const minimum = (times.length - DOCUMENTED.capacity) / DOCUMENTED.fillRate;
      expect({ refused: bitbucket.rateLimitedCount, failed }).toEqual({
        refused: 0,
        failed: 0,
      });
      // Discovery leaves a fifth of the refill to others, whether they want it or not.
      expect(seconds).toBeLessThanOrEqual(1.2 * minimum);
    },
  );
});
