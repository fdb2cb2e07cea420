/** What has to be written so that the tables hold what is known. Pure. */

import { KnownRepository, SettledOutcome } from '../discovery/types';
import { hasSameFiles } from './stateRows';

/** Rows to be written and rows to be deleted; the others stay as they are. */
export interface StateChanges {
  readonly changed: readonly KnownRepository[];
  readonly forgottenIds: readonly number[];
}

/**
 * Compares what is known with what the tables held.
 *
 * @param stored - as it was loaded, by id; rows without a revision are not in the tables yet
 */
export function planStateChanges(
  stored: ReadonlyMap<number, KnownRepository>,
  wanted: readonly KnownRepository[],
): StateChanges {
  const changed = wanted.filter(one => !isStored(one, stored.get(one.repositoryId)));
  const kept = new Set(wanted.map(one => one.repositoryId));
  return {
    changed,
    forgottenIds: [...stored.keys()].filter(id => !kept.has(id)),
  };
}

const IDENTITY = ['projectKey', 'slug', 'hierarchyId'] as const;

/** Whether the row holds all that is known, but for when and by whom it was looked at. */
export function isStored(
  known: KnownRepository,
  stored: KnownRepository | undefined,
): boolean {
  return (
    stored?.revision !== undefined &&
    IDENTITY.every(name => known[name] === stored[name]) &&
    known.problem?.reason === stored.problem?.reason &&
    known.problem?.detail === stored.problem?.detail &&
    hasSameFiles(known.files, stored.files) &&
    isSameOutcome(known.settled, stored.settled)
  );
}

function isSameOutcome(
  one: SettledOutcome | undefined,
  other: SettledOutcome | undefined,
): boolean {
  if (one === undefined || other === undefined || one === other) {
    return one === other;
  }
  if (one.kind === 'registered' || other.kind === 'registered') {
    return (
      one.kind === 'registered' &&
      other.kind === 'registered' &&
      hasSameFiles(one.files, other.files)
    );
  }
  return one.kind === other.kind && one.reason === other.reason;
}
