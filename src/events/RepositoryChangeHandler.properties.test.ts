/** Whatever happens in Bitbucket and whichever events arrive in whatever order. */

import fc from 'fast-check';
import { SimulatedBitbucket, WebhookRequest } from '../../dev/simulatedBitbucket';
import { propertyRuns } from '../__testUtils__/propertyRuns';
import { connectTestProvider } from '../__testUtils__/testProvider';
import {
  CATALOG_FILE,
  EventScene,
  nameOfTarget,
  startEvents,
} from './__testUtils__/eventScene';

const CONFIG = {
  filters: { projectKey: '^(PAY|OPS)$', skipArchivedRepos: true },
  catalogPath: '**/*.yaml',
  // The guard would hold back what a fresh provider does not even know.
  removals: { maxPercentage: 100 },
};

/** One thing that happens, to the repository that is at a position then. */
type Step = readonly [kind: keyof typeof STEPS, position: number, name: number];

type Change = (
  bitbucket: SimulatedBitbucket,
  at: { projectKey: string; slug: string },
  name: number,
) => WebhookRequest | undefined;

const PROJECTS = ['PAY', 'OPS', 'OUT'];
const toSlug = (name: number) => `r${name % 5}`;
const toFile = (name: number) => (name % 3 === 0 ? CATALOG_FILE : `f${name % 3}.yaml`);

const createPush =
  (write: 'writeFile' | 'removeFile', branch?: string): Change =>
  (bitbucket, at, name) => {
    const { projectKey, slug } = at;
    const change =
      write === 'writeFile'
        ? bitbucket.writeFile(projectKey, slug, toFile(name), `v${name}`, branch)
        : bitbucket.removeFile(projectKey, slug, toFile(name), branch);
    return bitbucket.webhook('repo:refs_changed', { ...at, changes: [change] });
  };

const modified =
  (
    change: (...args: Parameters<Change>) => { projectKey: string; slug: string },
  ): Change =>
  (bitbucket, at, name) => {
    const old = bitbucket.repositoryJson(at.projectKey, at.slug);
    const now = change(bitbucket, at, name);
    return bitbucket.webhook('repo:modified', { ...now, old });
  };

/** What would be refused by the server is not done. */
const isFree = (bitbucket: SimulatedBitbucket, projectKey: string, slug: string) =>
  bitbucket.findRepository(projectKey, slug) === undefined;

const STEPS = {
  write: createPush('writeFile'),
  remove: createPush('removeFile'),
  writeElsewhere: createPush('writeFile', 'feature/x'),
  rename: modified((bitbucket, at, name) => {
    const slug = toSlug(name);
    if (!isFree(bitbucket, at.projectKey, slug)) {
      return at;
    }
    bitbucket.renameRepository(at.projectKey, at.slug, slug);
    return { ...at, slug };
  }),
  move: modified((bitbucket, at, name) => {
    const projectKey = PROJECTS[name % 3] ?? 'PAY';
    if (!isFree(bitbucket, projectKey, at.slug)) {
      return at;
    }
    bitbucket.moveRepository(at.projectKey, at.slug, projectKey);
    return { ...at, projectKey };
  }),
  archive: modified((bitbucket, at, name) => {
    bitbucket.archiveRepository(at.projectKey, at.slug, name % 2 === 0);
    return at;
  }),
  add: (bitbucket, _, name) => {
    const at = { projectKey: PROJECTS[name % 3] ?? 'PAY', slug: toSlug(name) };
    if (!isFree(bitbucket, at.projectKey, at.slug)) {
      return undefined;
    }
    bitbucket.addRepository({ ...at, files: { [CATALOG_FILE]: 'x' } });
    return toldByApp(bitbucket, 'repo:created', at);
  },
  delete: (bitbucket, at) => {
    const webhook = toldByApp(bitbucket, 'repo:deleted', at);
    bitbucket.deleteRepository(at.projectKey, at.slug);
    return webhook;
  },
} satisfies Record<string, Change>;

function toldByApp(
  bitbucket: SimulatedBitbucket,
  eventKey: string,
  at: { projectKey: string; slug: string },
): WebhookRequest {
  const repository = bitbucket.repositoryJson(at.projectKey, at.slug);
  return { headers: {}, body: JSON.stringify({ eventKey, repository }) };
}

function takeStep(bitbucket: SimulatedBitbucket, [kind, position, name]: Step) {
  const all = [...bitbucket.repositories()].sort((a, b) => a.id - b.id);
  const repository = all[position % Math.max(all.length, 1)];
  const at = {
    projectKey: repository?.project.key ?? 'PAY',
    slug: repository?.slug ?? 'r0',
  };
  return repository || kind === 'add' ? STEPS[kind](bitbucket, at, name) : undefined;
}

/** What a provider finds that has never run before. */
async function findAfresh(bitbucket: SimulatedBitbucket): Promise<string[]> {
  const fresh = await connectTestProvider({ bitbucket, config: CONFIG });
  await fresh.run();
  return fresh.connection.targets().map(nameOfTarget);
}

const start = (): Promise<EventScene> =>
  startEvents({ config: CONFIG, slugs: ['r0', 'r1', 'r2'] });

const KINDS: readonly (keyof typeof STEPS)[] = [
  'write',
  'remove',
  'writeElsewhere',
  'rename',
  'move',
  'archive',
  'add',
  'delete',
];
const step: fc.Arbitrary<Step> = fc.tuple(
  fc.constantFrom(...KINDS),
  fc.nat(7),
  fc.nat(11),
);

/** Something comes to an address of which Bitbucket has just said that nothing is there. */
const AT_ADDRESSES_THAT_WERE_EMPTY: [Step[]][] = [
  [
    [
      ['archive', 2, 0],
      ['delete', 2, 0],
      ['rename', 0, 2],
    ],
  ],
  [
    [
      ['archive', 1, 0],
      ['delete', 1, 0],
      ['add', 0, 6],
    ],
  ],
];

describe('for any sequence of changes', () => {
  it('the catalog is correct after the events in any order, some of them lost, and one run', async () => {
    const arrivals = fc.record({
      order: fc.nat(1_000),
      isLost: fc.boolean(),
      afterMs: fc.nat(8_000),
    });
    const happening = fc.array(fc.tuple(step, arrivals), { minLength: 1, maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(happening, async steps => {
        const scene = await start();
        const { bitbucket, clock, first } = scene;
        const arriving = steps
          .flatMap(([step, { isLost, order, afterMs }]) => {
            const webhook = takeStep(bitbucket, step);
            return webhook && !isLost ? [{ webhook, order, afterMs }] : [];
          })
          .sort((a, b) => a.order - b.order);
        for (const { webhook, afterMs } of arriving) {
          await scene.deliver(webhook);
          await clock.advance(afterMs);
        }
        await scene.idle();
        await scene.run();
        expect(first.holds()).toEqual(await findAfresh(bitbucket));
        expect(clock.sleeping).toBe(0);
      }),
      { numRuns: propertyRuns(20) },
    );
  });

  it('the catalog is correct after each event alone, without any run', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async steps => {
        const scene = await start();
        for (const step of steps) {
          const webhook = takeStep(scene.bitbucket, step);
          if (webhook) {
            await scene.deliver(webhook);
          }
          await scene.idle();
        }
        expect(scene.first.holds()).toEqual(await findAfresh(scene.bitbucket));
      }),
      { numRuns: propertyRuns(20), examples: AT_ADDRESSES_THAT_WERE_EMPTY },
    );
  });

  it('the catalog is correct after a run in parallel and one more run', async () => {
    const happening = fc.array(fc.tuple(step, fc.nat(3_000)), {
      minLength: 1,
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(happening, async steps => {
        const scene = await start();
        const { bitbucket, clock, first } = scene;
        bitbucket.settings.latencyMs = 700;
        const running = first.provider.refresh();
        for (const [step, afterMs] of steps) {
          const webhook = takeStep(bitbucket, step);
          if (webhook) {
            await scene.deliver(webhook);
          }
          await clock.advance(afterMs);
        }
        await clock.run(running);
        await scene.idle();
        bitbucket.settings.latencyMs = 0;
        await scene.run();
        expect(first.holds()).toEqual(await findAfresh(bitbucket));
      }),
      { numRuns: propertyRuns(20) },
    );
  });
});
