/** What must hold of a run that has come to its end. */

import { RepositoryReport } from '../src/discovery/report';
import { PROVIDER_ID } from './settings';
import type { World } from './World';

/** A run that goes on. */
export interface RunWatch {
  /** @param hasSucceeded - it has thrown nothing */
  end(hasSucceeded: boolean): Promise<void>;
}

const ALL = { limit: 100_000, offset: 0 };

/** Looks at the world before a run, and compares with what it is after it. */
export function watchRun(world: World): RunWatch {
  const { catalog, invariants } = world;
  const before = {
    version: invariants.version,
    targets: catalog.targets(),
    fullMutations: catalog.fullMutations,
    refused: catalog.refused,
    faultHits: world.faultHits,
  };
  return {
    async end(hasSucceeded) {
      if (catalog.refused > before.refused) {
        invariants.interrupted();
      }
      const isComplete = hasSucceeded && catalog.fullMutations > before.fullMutations;
      if (isComplete) {
        invariants.completed();
      }
      await invariants.checkHeld();
      if (!isComplete) {
        return;
      }
      const { items } = await world.stores.reports.pageRepositories(PROVIDER_ID, ALL);
      checkOnce(world, items);
      if (invariants.version === before.version) {
        // A page that lacks some shows nothing of those that are not known yet.
        if (world.faultHits === before.faultHits) {
          checkComplete(world, items);
        }
        checkCarriedForward(world, items, before.targets);
      }
    },
  };
}

function keyOf({ projectKey, slug }: { projectKey: string; slug: string }): string {
  return `${projectKey}/${slug}`.toLowerCase();
}

function keyOfRow({ projectKey, repositorySlug: slug }: RepositoryReport): string {
  return keyOf({ projectKey, slug });
}

/** Each repository has exactly one outcome. */
function checkOnce({ invariants }: World, items: readonly RepositoryReport[]): void {
  for (const identify of [keyOfRow, (one: RepositoryReport) => `${one.repositoryId}`]) {
    const keys = items.map(identify);
    const twice = keys.filter((key, index) => keys.indexOf(key) !== index);
    if (twice.length > 0) {
      invariants.violated(`the report has two outcomes of ${twice.join(', ')}`);
    }
  }
}

/** Each repository that can be seen has an outcome; what a filter leaves out may not even be listed. */
function checkComplete(world: World, items: readonly RepositoryReport[]): void {
  const reported = new Set(items.map(keyOfRow));
  for (const required of world.requirements()) {
    const isDue = required.outcome !== 'excluded' && world.isVisible(required);
    if (isDue && !reported.has(keyOf(required))) {
      world.invariants.violated(`the report has no outcome of ${keyOf(required)}`);
    }
  }
}

/** What is unknown keeps what the catalog has of it. */
function checkCarriedForward(
  { catalog, invariants }: World,
  items: readonly RepositoryReport[],
  before: ReadonlySet<string>,
): void {
  const unknown = new Set(
    items.filter(({ outcome }) => outcome === 'unknown').map(keyOfRow),
  );
  const after = catalog.targets();
  for (const target of before) {
    const [, owner = '', key = '', slug = ''] =
      /\/(projects|users)\/([^/]+)\/repos\/([^/]+)\/browse\//.exec(target) ?? [];
    const projectKey = owner === 'users' ? `~${key}` : key;
    if (!after.has(target) && unknown.has(keyOf({ projectKey, slug }))) {
      invariants.violated(`${target} has left although its repository is unknown`);
    }
  }
}

/** How each repository that can be seen has to have ended, where nothing disturbs. */
export async function checkOutcomes(world: World): Promise<void> {
  const { items } = await world.stores.reports.pageRepositories(PROVIDER_ID, ALL);
  const outcomes = new Map(items.map(one => [keyOfRow(one), one.outcome]));
  const wrong = world
    .requirements()
    .map(one => ({ key: keyOf(one), is: outcomes.get(keyOf(one)), shall: one.outcome }))
    .filter(({ is, shall }) => is !== shall && !(shall === 'excluded' && !is))
    .map(({ key, is, shall }) => `${key}: ${is} instead of ${shall}`);
  if (wrong.length > 0) {
    world.invariants.violated(`the report is wrong: ${wrong.join(', ')}`);
  }
}
