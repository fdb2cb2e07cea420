/** What is to be done about one repository, joined from any number of events. Pure. */

import { FilteredRepository } from '../discovery/applyFilters';
import { RepositoryAddress } from '../model';
import { ChangedRepository, RefChange, SingleChange } from './repositoryChanges';

/** One repository that events are about. */
export interface PendingRepository {
  /** As the last event shows it. */
  readonly repository: ChangedRepository;
  /** At most one of each type. */
  readonly changes: readonly SingleChange[];
  /** As a listing has just shown it: it is looked at whatever the events say. */
  readonly listed?: FilteredRepository;
  /** A project was changed, and nothing else happened: others go first. */
  readonly isOneOfMany?: boolean;
}

/** Joins what happened later with what happened before. */
export function mergePending(
  earlier: PendingRepository,
  later: PendingRepository,
): PendingRepository {
  const changes = new Map(earlier.changes.map(change => [change.type, change]));
  for (const change of later.changes) {
    changes.set(change.type, mergeChange(changes.get(change.type), change));
  }
  return {
    repository: {
      ...later.repository,
      id: later.repository.id ?? earlier.repository.id,
      selfUrl: later.repository.selfUrl ?? earlier.repository.selfUrl,
    },
    changes: [...changes.values()],
    listed: later.listed ?? earlier.listed,
    isOneOfMany: earlier.isOneOfMany && later.isOneOfMany,
  };
}

/** Its former address, where an event names one. */
export function formerAddress({
  changes,
}: PendingRepository): RepositoryAddress | undefined {
  return changes.flatMap(change =>
    change.type === 'modified' ? (change.was ?? []) : [],
  )[0];
}

function mergeChange(
  earlier: SingleChange | undefined,
  later: SingleChange,
): SingleChange {
  if (earlier?.type === 'pushed' && later.type === 'pushed') {
    return { ...later, refs: mergeRefs(earlier.refs, later.refs) };
  }
  if (earlier?.type === 'modified' && later.type === 'modified') {
    // The catalog holds what the first one calls former.
    return { ...later, was: earlier.was ?? later.was };
  }
  return later;
}

/** One change per ref, from where the first one began to where the last one led. */
function mergeRefs(
  earlier: readonly RefChange[],
  later: readonly RefChange[],
): RefChange[] {
  const refs = new Map(earlier.map(ref => [ref.refId, ref]));
  for (const ref of later) {
    const first = refs.get(ref.refId);
    refs.set(ref.refId, first ? { ...ref, fromHash: first.fromHash } : ref);
  }
  return [...refs.values()];
}
