/** Runs a world from its beginning to its end. */

import { TEST_USER } from '../src/__testUtils__/testProvider';
import { checkOutcomes } from './checkRun';
import { fill } from './content';
import { Plan } from './plan';
import { takeStep } from './steps';
import { Sabotage, World } from './World';
import { WorldDatabase } from './WorldDatabase';

const HOUR_MS = 3_600_000;

/**
 * The next run resumes an interrupted one and trusts its results for six hours, so that runs of a
 * huge server finish eventually: only after that time a run checks everything itself.
 */
const UNTIL_NOTHING_IS_RESUMED_MS = 7 * HOUR_MS;

/**
 * @param sabotage - a fault between the module and its world, which has to be found
 * @throws Error that names the violations
 */
export async function runWorld(
  plan: Plan,
  database: WorldDatabase,
  sabotage?: Sabotage,
): Promise<void> {
  const world = await World.create({ ...plan, database, sabotage }, bitbucket =>
    fill(bitbucket, plan.repositories),
  );
  for (const step of plan.steps) {
    await takeStep(world, step, plan);
  }
  await calmDown(world);
  await concludes(world, plan.waitsForHeld && !database.hasOwnClock);
  world.replicas.forEach(replica => world.invariants.checkLog(replica));
  world.invariants.throwIfViolated();
}

/** Ends all faults; undelivered webhooks are lost. */
async function calmDown(world: World): Promise<void> {
  const { bitbucket, catalog, clock, invariants } = world;
  bitbucket.faults.clear();
  bitbucket.settings.search.index = 'fresh';
  bitbucket.getUser(TEST_USER.name).hidden.clear();
  bitbucket.getUser(TEST_USER.name).password = TEST_USER.password;
  for (const { project, slug } of bitbucket.repositories()) {
    bitbucket.updateRepository(project.key, slug, { state: 'AVAILABLE' });
  }
  catalog.refuseNothing();
  world.changed();
  await world.settle();
  await clock.advance(UNTIL_NOTHING_IS_RESUMED_MS);
  invariants.quiet();
  invariants.throwIfViolated();
}

/** After one run, and the release of held removals, the catalog equals the requirements. */
async function concludes(world: World, waitsForHeld: boolean): Promise<void> {
  const { clock, invariants, settings } = world;
  await mustRun(world);
  await checkOutcomes(world);
  if ((await world.heldTargets()).length > 0) {
    if (waitsForHeld && settings.maxPercentage > 0) {
      await clock.advance(settings.holdForHours * HOUR_MS);
      await mustRun(world);
    } else {
      await world.approveRemovals(0);
    }
  }
  checkEqual(world, 'after one run');
  invariants.throwIfViolated();
  await mustRun(world);
  checkEqual(world, 'after another run');
}

async function mustRun(world: World): Promise<void> {
  const error = await world.run(0, { isManual: true });
  if (error !== undefined) {
    world.invariants.violated(`a run without faults has failed: ${error}`);
  }
  world.invariants.throwIfViolated();
}

/** Checks that the catalog has each required file once, and nothing else. */
function checkEqual(world: World, when: string): void {
  const { invariants } = world;
  const targets = world.catalog.targets();
  const repositories = world.requirements();
  for (const { files, projectKey, slug } of repositories) {
    for (const file of files) {
      const spelt = file.targets.filter(target => targets.has(target));
      spelt.forEach(target => targets.delete(target));
      if (spelt.length !== 1) {
        invariants.violated(
          `${when} the catalog has ${projectKey}/${slug} ${file.path} ${spelt.length} times`,
        );
      }
    }
  }
  if (targets.size > 0) {
    const surplus = [...targets].join(', ');
    invariants.violated(
      `${when} the catalog has ${surplus}, which does not belong there`,
    );
  }
  checkEntities(world, when);
}

/** Checks that each Location names its repository, and has the presence that its check allows. */
function checkEntities(world: World, when: string): void {
  const expected = new Map(
    world
      .requirements()
      .flatMap(({ files, projectKey, slug }) =>
        files.flatMap(({ presence, targets }) =>
          targets.map(target => [target, `${projectKey}/${slug} ${presence}`] as const),
        ),
      ),
  );
  for (const { entity } of world.catalog.entities) {
    const { annotations = {} } = entity.metadata;
    const { presence, target } = entity.spec ?? {};
    const key = annotations['bitbucket.org/project-key'];
    const actual = `${key}/${annotations['bitbucket.org/repo-slug']} ${presence}`;
    const required = expected.get(String(target));
    if (required !== undefined && actual !== required) {
      world.invariants.violated(
        `${when} ${target} says ${actual} instead of ${required}`,
      );
    }
  }
}
