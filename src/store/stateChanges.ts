/** What has to be written so that the tables hold what is known. Pure. */

import { hasSameFiles } from '../discovery/locations';
import { KnownRepository, SettledOutcome } from '../discovery/types';
import { forEachInTurns } from '../util/clock';

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
export async function planStateChanges(
  stored: ReadonlyMap<number, KnownRepository>,
  wanted: readonly KnownRepository[],
): Promise<StateChanges> {
  const changed: KnownRepository[] = [];
  let kept = 0;
  await forEachInTurns(wanted, one => {
    const before = stored.get(one.repositoryId);
    kept += before ? 1 : 0;
    if (!isStored(one, before)) {
      changed.push(one);
    }
  });
  // In the usual run, none is forgotten.
  const ids = new Set(kept < stored.size ? wanted.map(one => one.repositoryId) : []);
  return {
    changed,
    forgottenIds: kept < stored.size ? [...stored.keys()].filter(id => !ids.has(id)) : [],
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
