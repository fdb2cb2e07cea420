/** The steps of a world. */

import type { FaultOptions } from '../dev/simulatedBitbucket';
import { FAULT_NAMES, faultNamed } from '../src/__testUtils__/matrixFaults';
import { TEST_USER } from '../src/__testUtils__/testProvider';
import { changeContent, ContentChange, CONTENT_CHANGES, Draw, fill } from './content';
import { ProviderSettings } from './settings';
import { World } from './World';

/** One step. */
export interface Step extends Draw {
  readonly kind: StepKind;
}

/** The data that a step may use besides its world. */
export interface StepTools {
  /** Configurations to change to. */
  readonly alternatives: readonly ProviderSettings[];
}

type Act = (world: World, draw: Draw, tools: StepTools) => Promise<void> | void;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Requests that may fail; `undefined` is every one. */
const FAULTY_KINDS = [
  undefined,
  'repositories',
  'projects',
  'project-repositories',
  'repository',
  'file-check',
  'files-listing',
  'default-branch',
  'labels',
] as const;

/** Bitbucket's own statement that a repository does not exist is proof, not a fault. */
const FAULTS = FAULT_NAMES.filter(name => name !== 'repository gone');

function at<T>(items: readonly T[], position: number): T | undefined {
  return items[position % Math.max(items.length, 1)];
}

function toFault({ position, choice }: Draw): FaultOptions | undefined {
  const name = at(FAULTS, choice);
  const kind = at(FAULTY_KINDS, position);
  if (name === undefined) {
    return undefined;
  }
  return {
    effect: faultNamed(name).effect,
    match: { ...(kind && { kind }) },
    times: (choice % 4) + 1 + (choice % 17 === 0 ? 1_000 : 0),
    after: position % 3,
  };
}

const change =
  (kind: ContentChange): Act =>
  (world, draw) => {
    const webhook = changeContent(world.bitbucket, kind, draw);
    // Some never arrive.
    if (webhook && draw.position % 5 > 0) {
      world.webhooks.push(webhook);
    }
  };

/** Takes a webhook in transit; sometimes it also stays there, to be delivered twice. */
async function deliver(world: World, { position, choice }: Draw): Promise<void> {
  const { webhooks } = world;
  const index = position % Math.max(webhooks.length, 1);
  const webhook = webhooks[index];
  if (!webhook) {
    return;
  }
  if (choice % 4 > 0) {
    webhooks.splice(index, 1);
  }
  const topic = choice % 3 === 0 ? '' : `.${webhook.headers['X-Event-Key'] ?? ''}`;
  await world.deliver(webhook, choice, `bitbucketServer${topic}`);
}

/** A project or a repository that can be hidden from the account. */
function hideable({ bitbucket }: World, position: number): string | undefined {
  const repository = at(bitbucket.repositories(), position);
  return repository && (position % 2 === 0 ? repository.project.key : repository.path);
}

/** Starts a run, and performs an action during it. */
async function runWhile(
  world: World,
  { position, choice }: Draw,
  act: () => Promise<void> | void,
): Promise<void> {
  world.bitbucket.settings.latencyMs = 200;
  const running = world.run(position);
  await world.clock.advance(choice % 2_000);
  await act();
  world.changed();
  await running;
  world.bitbucket.settings.latencyMs = 0;
}

const CONTENT_KINDS = Object.keys(CONTENT_CHANGES).filter(
  (kind): kind is ContentChange => kind in CONTENT_CHANGES,
);

const OTHER_STEPS = {
  run: async (world, { position }) => void (await world.run(position)),
  runByHand: async (world, { position }) =>
    void (await world.run(position, { isManual: true })),
  runCutShort: async (world, { position, choice }) => {
    world.bitbucket.settings.latencyMs = 500;
    await world.run(position, { timeoutMs: choice % 10_000 });
    world.bitbucket.settings.latencyMs = 0;
  },
  runWhileContentChanges: (world, draw) =>
    runWhile(world, draw, () => {
      const kind = at(CONTENT_KINDS, draw.choice) ?? 'writeFile';
      const webhook = changeContent(world.bitbucket, kind, draw);
      if (webhook) {
        world.webhooks.push(webhook);
      }
    }),
  runWhileEventArrives: (world, draw) =>
    runWhile(world, draw, () => deliver(world, draw)),
  runWhileProcessDies: async (world, { position, choice }) => {
    world.replica(position).killLater({
      afterEffects: choice % 60,
      isLastDone: choice % 2 === 0,
    });
    await world.run(position);
    await world.restart(position, true);
  },
  deliver,
  deliverAndSettle: async (world, draw) => {
    await deliver(world, draw);
    await world.settle();
  },
  settle: world => world.settle(),
  wait: (world, { choice }) =>
    world.clock.advance(at([MINUTE_MS, HOUR_MS, 7 * HOUR_MS, 25 * HOUR_MS], choice) ?? 0),
  loseSight: (world, { position }) => {
    const what = hideable(world, position);
    if (what !== undefined) {
      world.bitbucket.hide(TEST_USER.name, what);
    }
  },
  regainSight: world => world.bitbucket.getUser(TEST_USER.name).hidden.clear(),
  loseLogin: ({ bitbucket }) => {
    bitbucket.getUser(TEST_USER.name).password = 'another one';
  },
  regainLogin: ({ bitbucket }) => {
    bitbucket.getUser(TEST_USER.name).password = TEST_USER.password;
  },
  goWrong: (world, draw) => {
    const fault = toFault(draw);
    if (fault) {
      world.addFault(fault);
    }
  },
  goRight: ({ bitbucket }) => bitbucket.faults.clear(),
  freezeSearch: ({ bitbucket }) => bitbucket.freezeSearchIndex(),
  refuseInCatalog: ({ catalog }, { choice }) =>
    catalog.refuseNext(choice % 2 === 0 ? 'before' : 'after'),
  restart: (world, { position, choice }) => world.restart(position, choice % 2 === 0),
  approve: (world, { position }) => world.approveRemovals(position),
  configure: async (world, { choice }, { alternatives }) => {
    const settings = at(alternatives, choice);
    if (settings) {
      await world.configure(settings);
    }
  },
  swapServer: (world, { position, choice }) =>
    world.swapServer(bitbucket =>
      fill(
        bitbucket,
        Array.from({ length: position % 8 }, (_, index) => choice + index * 97),
      ),
    ),
  changeBaseUrl: ({ bitbucket, server }, { choice }) => {
    const { host } = new URL(server.baseUrl);
    const bases = [server.baseUrl, `https://${host}/git`, 'https://alias.test/scm'];
    bitbucket.linkBaseUrl = at(bases, choice) ?? server.baseUrl;
  },
} satisfies Record<string, Act>;

/** All kinds of steps. */
export type StepKind = ContentChange | keyof typeof OTHER_STEPS;

/** The relative frequency of each kind. */
export const STEP_WEIGHTS: Readonly<Record<StepKind, number>> = {
  ...{ run: 12, runByHand: 2, runCutShort: 2, runWhileContentChanges: 4 },
  ...{ runWhileEventArrives: 2, runWhileProcessDies: 2, deliver: 8 },
  ...{ deliverAndSettle: 8, settle: 3, wait: 4, loseSight: 2, regainSight: 1 },
  ...{ loseLogin: 1, regainLogin: 1, goWrong: 4, goRight: 2, freezeSearch: 1 },
  ...{ refuseInCatalog: 1, restart: 2, approve: 1, configure: 1, swapServer: 1 },
  ...{ changeBaseUrl: 1, writeFile: 4, removeFile: 4, renameFile: 2, writeOnBranch: 2 },
  ...{ deleteBranch: 1, empty: 1, setDefaultBranch: 1, rename: 4, move: 3 },
  ...{ moveAndRename: 2, archive: 2, publish: 1, setState: 1, setLabels: 1, add: 5 },
  ...{ fork: 1, delete: 4, renameProject: 1, deleteProject: 1 },
};

/** Performs a step, and checks the invariants after it. */
export async function takeStep(
  world: World,
  step: Step,
  tools: StepTools,
): Promise<void> {
  const { clock, invariants } = world;
  if (isContentChange(step.kind)) {
    await change(step.kind)(world, step, tools);
  } else {
    const act: Act = OTHER_STEPS[step.kind];
    await act(world, step, tools);
  }
  world.changed();
  await clock.settle();
  await invariants.checkHeld();
  if (clock.sleeping === 0) {
    invariants.quiet();
    await invariants.checkStored();
  }
  invariants.throwIfViolated();
}

function isContentChange(kind: StepKind): kind is ContentChange {
  return kind in CONTENT_CHANGES;
}
