/**
 * Decides which removals happen now and which are held back. Pure. A mass removal is far
 * more often caused by a lost permission or a changed filter than by actual deletions.
 */

import { getEntryKey, Replacement } from './locations';
import { CatalogLocation, HeldRemoval } from './types';

/** The `removals` settings of a provider. */
export interface RemovalPolicy {
  /** A run may remove this share of the known Locations; 100 switches the guard off, 0 removes nothing without approval. */
  readonly maxPercentage: number;
  readonly holdForMs: number;
  /**
   * Why nothing is removed without approval, if the reason is not the configured
   * percentage.
   */
  readonly nothingBecause?: string;
}

/** The due removals, and the state from earlier runs. */
export interface RemovalRequest {
  /** Locations that are proven not to belong in the catalog any more. */
  readonly due: readonly CatalogLocation[];
  /** How some of them are replaced in the catalog, by key. */
  readonly replaced?: ReadonlyMap<string, Replacement>;
  /** How many Locations the provider has in the catalog. */
  readonly knownLocations: number;
  /** Removals held back by earlier runs. */
  readonly held: readonly HeldRemoval[];
  /** Keys of the removals that were approved after `held` was loaded. */
  readonly approved?: ReadonlySet<string>;
  /**
   * Time since the last complete run, milliseconds; adds to the time for which held
   * removals are confirmed.
   */
  readonly sinceConfirmationMs?: number;
  /** Whether this is itself a complete run, from which the time is counted again. */
  readonly isRun?: boolean;
  readonly nowMs: number;
}

/** The decision; every due removal is either in `remove` or in `holdBack`. */
export interface RemovalPlan {
  readonly remove: readonly CatalogLocation[];
  readonly holdBack: readonly CatalogLocation[];
  readonly held: readonly HeldRemoval[];
  /** One sentence for the log; `undefined` when nothing is held back. */
  readonly reason?: string;
}

/** This many are never held back, unless they are all the known Locations. */
const ALWAYS_ALLOWED = 5;

/**
 * Splits due removals into those to carry out now and those to hold back.
 *
 * @remarks A few replacements are always allowed, since repositories are renamed. Many at
 * once are held back like other removals, since a changed setting, or another server at
 * the old address, looks the same, and relations to the entities are lost when they are
 * created again. Entries that the catalog keeps in another form, because a location
 * parser was added or removed, are not lost at all.
 *
 * A removal is carried out once it is approved, or confirmed by every run for
 * `holdForMs`. The time that counts is the time between runs as the store measures it,
 * not a difference between wall clocks, one of which may have been wrong. A held removal
 * that is no longer due is dropped: the Location came back or is in doubt again.
 */
export function planRemovals(
  request: RemovalRequest,
  policy: RemovalPolicy,
): RemovalPlan {
  const held = new Map(request.held.map(removal => [removal.entryKey, removal]));
  const getHeld = ({ file }: CatalogLocation) => held.get(getEntryKey(file));
  const sinceMs = request.sinceConfirmationMs ?? 0;
  const confirmedForMs = (location: CatalogLocation) => {
    const before = getHeld(location);
    return before ? before.confirmedForMs + sinceMs : 0;
  };
  const isReleasable = (location: CatalogLocation) =>
    request.approved?.has(getEntryKey(location.file)) === true ||
    getHeld(location)?.approved === true ||
    (policy.maxPercentage > 0 &&
      getHeld(location) !== undefined &&
      confirmedForMs(location) >= policy.holdForMs);

  const isReplaced = (location: CatalogLocation) =>
    request.replaced?.has(getEntryKey(location.file)) === true;
  const isKeptInOtherForm = (location: CatalogLocation) =>
    request.replaced?.get(getEntryKey(location.file)) === 'other-form';

  const newlyDue = request.due.filter(
    location => !isReleasable(location) && !isKeptInOtherForm(location),
  );
  const lost = request.due.filter(location => !isReplaced(location));
  const areMany = exceedsShare(newlyDue.length, request.knownLocations, policy);
  const areAllHeld = policy.maxPercentage <= 0 || lost.length >= request.knownLocations;
  const holdBack =
    policy.maxPercentage >= 100
      ? []
      : newlyDue.filter(location => areMany || (areAllHeld && !isReplaced(location)));
  const heldBack = new Set(holdBack);
  const confirmed = holdBack.reduce(
    (most, location) => Math.max(most, confirmedForMs(location)),
    0,
  );
  const untilMs = request.nowMs + policy.holdForMs - confirmed;
  return {
    remove: request.due.filter(location => !heldBack.has(location)),
    holdBack,
    held: holdBack.map(location => ({
      repositoryId: location.repository.id,
      entryKey: getEntryKey(location.file),
      sinceMs: getHeld(location)?.sinceMs ?? request.nowMs,
      confirmedForMs: confirmedForMs(location) - (request.isRun ? 0 : sinceMs),
      approved: false,
    })),
    reason:
      holdBack.length > 0
        ? describeHold(holdBack.length, holdBack.filter(isReplaced).length, {
            known: request.knownLocations,
            policy,
            untilMs,
          })
        : undefined,
  };
}

/**
 * Whether there are too many removals at once; exactly the percentage is still allowed.
 */
function exceedsShare(removals: number, known: number, policy: RemovalPolicy): boolean {
  return removals > ALWAYS_ALLOWED && removals * 100 > policy.maxPercentage * known;
}

/** @param untilMs - when the first of them is removed, epoch milliseconds */
function describeHold(
  removals: number,
  replaced: number,
  {
    known,
    policy,
    untilMs,
  }: { readonly known: number; readonly policy: RemovalPolicy; readonly untilMs: number },
): string {
  const until = new Date(untilMs).toISOString();
  // Rounded up, so that a little more than the percentage does not read as exactly that.
  const share = known === 0 ? 100 : Math.ceil((removals * 1000) / known) / 10;
  const why =
    replaced === 0 ? '' : `, ${replaced} of them because their file has another URL now`;
  return policy.maxPercentage <= 0
    ? `${removals} of ${known} Locations would be removed${why}; ${policy.nothingBecause ?? 'removals.maxPercentage is 0'}, so nothing is removed without approval`
    : `${removals} of ${known} Locations (${share} %) would be removed${why}, more than removals.maxPercentage (${policy.maxPercentage} %) allows at once. They will be removed after ${until}, if every run until then confirms them (removals.holdFor)`;
}
