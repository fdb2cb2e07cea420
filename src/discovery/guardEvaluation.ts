/**
 * Keeps an event from removing what a run would hold back. Pure: the same rules as in a
 * run, for the Locations of one repository.
 */

import { RepositoryDelta } from './evaluateRepository';
import { keyOf, keysOf, locationsOf, replacementOf, uniqueByKey } from './locations';
import { planRemovals, RemovalPolicy } from './planRemovals';
import {
  CatalogLocation,
  HeldRemoval,
  KnownRepository,
  ProviderMemory,
  RepositoryResult,
} from './types';

/** What a delta is judged by. */
export interface GuardContext {
  /** How the repository ended; `undefined` where it is gone. */
  readonly result: RepositoryResult | undefined;
  /** Everything the provider remembers. */
  readonly memory: ProviderMemory;
  readonly policy: RemovalPolicy;
  /** Time since the last complete run, milliseconds. */
  readonly sinceConfirmationMs?: number;
  readonly nowMs: number;
}

/** What changes now, and what is held back of it. */
export interface GuardedDelta {
  readonly delta: RepositoryDelta;
  readonly held: readonly HeldRemoval[];
  /** For the log; `undefined` where nothing is held back. */
  readonly heldBackReason?: string;
}

/** Takes out of a delta the removals that must not happen yet. */
export function guardEvaluation(
  evaluated: RepositoryDelta,
  { result, memory, policy, sinceConfirmationMs, nowMs }: GuardContext,
): GuardedDelta {
  const delta = passOn(evaluated, memory);
  const plan = planRemovals(
    {
      due: delta.removed,
      replaced: new Map(
        delta.removed.flatMap(({ file }) => {
          const replacement = replacementOf(file, result?.outcome);
          return replacement ? [[keyOf(file), replacement]] : [];
        }),
      ),
      knownLocations: uniqueByKey(locationsOf(memory.repositories)).length,
      held: memory.held,
      approved: new Set(
        memory.held.flatMap(one => (one.approved ? [one.targetUrl] : [])),
      ),
      sinceConfirmationMs,
      nowMs,
    },
    policy,
  );
  const heldBack = keysOf(plan.holdBack);
  return {
    delta: {
      ...delta,
      removed: delta.removed.filter(one => !heldBack.has(keyOf(one.file))),
      remembered: withFiles(delta.remembered, plan.holdBack),
    },
    held: plan.held,
    heldBackReason: plan.reason,
  };
}

/** What another repository gives too, only a location parser's entities can be, goes over to it. */
function passOn(delta: RepositoryDelta, memory: ProviderMemory): RepositoryDelta {
  const concerned = new Set([
    ...delta.remembered.map(one => one.repositoryId),
    ...delta.forgottenIds,
  ]);
  const others = memory.repositories.filter(one => !concerned.has(one.repositoryId));
  const removed = keysOf(delta.removed);
  const heirs = uniqueByKey(locationsOf(others)).filter(one =>
    removed.has(keyOf(one.file)),
  );
  const inherited = keysOf(heirs);
  return {
    ...delta,
    added: [...delta.added, ...heirs],
    removed: delta.removed.filter(one => !inherited.has(keyOf(one.file))),
  };
}

/** What is held back stays in the catalog, so somebody has to remember it. */
function withFiles(
  remembered: readonly KnownRepository[],
  heldBack: readonly CatalogLocation[],
): KnownRepository[] {
  const ids = new Set(remembered.map(one => one.repositoryId));
  return remembered.map((one, index) => ({
    ...one,
    files: [
      ...one.files,
      ...heldBack
        .filter(({ repository: { id } }) =>
          // The first one stands for placeholders, whose id is known by now.
          ids.has(id) ? id === one.repositoryId : index === 0,
        )
        .map(location => location.file),
    ],
  }));
}
