/**
 * Adds to what is remembered what only the catalog knows of. Pure. Memory may lag behind:
 * rows were wiped, another module ran in between, or a run could add and not remember. A
 * Location that the catalog has and the memory lacks would go unguarded.
 */

import { keyOf } from '../discovery/locations';
import { KnownRepository, ProviderMemory } from '../discovery/types';

/** @param baseline - what the catalog holds, with placeholder ids */
export function withBaseline(
  memory: ProviderMemory,
  baseline: ProviderMemory,
): ProviderMemory {
  const remembered = new Set(memory.repositories.flatMap(one => one.files.map(keyOf)));
  const missing = baseline.repositories
    .map(one => ({
      ...one,
      files: one.files.filter(file => !remembered.has(keyOf(file))),
    }))
    .filter(one => one.files.length > 0);
  return missing.length === 0
    ? memory
    : { ...memory, repositories: [...memory.repositories, ...renumber(missing, memory)] };
}

/** Below every placeholder id that is remembered already. */
function renumber(
  missing: readonly KnownRepository[],
  { repositories }: ProviderMemory,
): KnownRepository[] {
  const lowest = repositories.reduce(
    (least, one) => Math.min(least, one.repositoryId),
    0,
  );
  return missing.map((one, index) => ({ ...one, repositoryId: lowest - 1 - index }));
}
