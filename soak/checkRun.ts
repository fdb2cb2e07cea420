/** The invariants of a finished run. */

import { RepositoryReport } from '../src/discovery/report';
import { PROVIDER_ID } from './settings';
import type { World } from './World';

/** A run in progress. */
export interface RunWatch {
  /** @param hasSucceeded - whether the run threw no error */
  end(hasSucceeded: boolean): Promise<void>;
}

const ALL = { limit: 100_000, offset: 0 };

/** Records the world before a run, and compares it with the world after the run. */
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
        // An incomplete page does not show repositories that are not known yet.
        if (world.faultHits === before.faultHits) {
          checkComplete(world, items);
        }
        checkCarriedForward(world, items, before.targets);
      }
    },
  };
}

function toKey({ projectKey, slug }: { projectKey: string; slug: string }): string {
  return `${projectKey}/${slug}`.toLowerCase();
}

function keyOfRow({ projectKey, repositorySlug: slug }: RepositoryReport): string {
  return toKey({ projectKey, slug });
}

/** Each repository has exactly one outcome. */
function checkOnce({ invariants }: World, items: readonly RepositoryReport[]): void {
  const toId = ({ repositoryId }: RepositoryReport) => `${repositoryId}`;
  for (const identify of [keyOfRow, toId]) {
    const keys = items.map(identify);
    const twice = keys.filter((key, index) => keys.indexOf(key) !== index);
    if (twice.length > 0) {
      invariants.violated(`the report has two outcomes for ${twice.join(', ')}`);
    }
  }
}

/** Each visible repository has an outcome; excluded ones need not even be listed. */
function checkComplete(world: World, items: readonly RepositoryReport[]): void {
  const reported = new Set(items.map(keyOfRow));
  for (const required of world.requirements()) {
    const isDue = required.outcome !== 'excluded' && world.isVisible(required);
    if (isDue && !reported.has(toKey(required))) {
      world.invariants.violated(`the report has no outcome for ${toKey(required)}`);
    }
  }
}

/** An unknown repository keeps its Locations in the catalog. */
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
    if (!after.has(target) && unknown.has(toKey({ projectKey, slug }))) {
      invariants.violated(`${target} was removed although its repository is unknown`);
    }
  }
}

/** Checks the outcome of each visible repository after a run without faults. */
export async function checkOutcomes(world: World): Promise<void> {
  const { items } = await world.stores.reports.pageRepositories(PROVIDER_ID, ALL);
  const outcomes = new Map(items.map(item => [keyOfRow(item), item.outcome]));
  const wrong = world
    .requirements()
    .map(required => ({ key: toKey(required), expected: required.outcome }))
    .map(({ key, expected }) => ({ key, expected, actual: outcomes.get(key) }))
    .filter(
      ({ actual, expected }) =>
        actual !== expected && !(expected === 'excluded' && !actual),
    )
    .map(({ key, actual, expected }) => `${key}: ${actual} instead of ${expected}`);
  if (wrong.length > 0) {
    world.invariants.violated(`the report is wrong: ${wrong.join(', ')}`);
  }
}
