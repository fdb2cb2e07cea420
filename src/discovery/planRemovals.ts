/**
 * Which removals happen now and which are held back. Pure. A mass removal is far more
 * often a lost permission or a changed filter than what it looks like.
 */

import { getEntryKey, Replacement } from './locations';
import { CatalogLocation, HeldRemoval } from './types';

/** `removals` of a provider. */
export interface RemovalPolicy {
  /** A run may remove this share of the known Locations; 100 switches the guard off, 0 removes nothing without approval. */
  readonly maxPercentage: number;
  readonly holdForMs: number;
  /** Why nothing is removed without approval, where that is not the configured percentage. */
  readonly nothingBecause?: string;
}

/** What is due and what went before. */
export interface RemovalRequest {
  /** Whatever leaves the catalog: proven not to belong into it any more. */
  readonly due: readonly CatalogLocation[];
  /** What the catalog gets in the place of some of them, by key. */
  readonly replaced?: ReadonlyMap<string, Replacement>;
  /** How many Locations the provider has in the catalog. */
  readonly knownLocations: number;
  /** Held back by earlier runs. */
  readonly held: readonly HeldRemoval[];
  /** Keys of those whose removal somebody has allowed since what is held was loaded. */
  readonly approved?: ReadonlySet<string>;
  /** Time since the last complete run, milliseconds: since then, what is held was confirmed. */
  readonly sinceConfirmationMs?: number;
  /** This is a complete run itself, from which the time counts anew. */
  readonly isRun?: boolean;
  readonly nowMs: number;
}

/** Every due removal is in exactly one of the two. */
export interface RemovalPlan {
  readonly remove: readonly CatalogLocation[];
  readonly holdBack: readonly CatalogLocation[];
  readonly held: readonly HeldRemoval[];
  /** One sentence for the log; `undefined` when nothing is held back. */
  readonly reason?: string;
}

/** So few are never held back, unless they are all there are. */
const ALWAYS_ALLOWED = 5;

/**
 * Splits what is due into what goes now and what is held back.
 *
 * @remarks A few that are replaced may always go: repositories are renamed. Many at once are
 * held back like others, since a changed setting, or another server that answers under the
 * old address, looks just like that, and what hangs on them is made anew. What the catalog
 * keeps in another form, since a location parser came or went, is no loss at all.
 *
 * Confirmed by every run for `holdForMs`, or approved, a removal goes. The time that counts
 * is the one between runs as the store measures it, not a difference of wall clocks, one of
 * which may have been wrong. What was held and is not due any more is forgotten: it came
 * back, or is in doubt again.
 */
export function planRemovals(
  request: RemovalRequest,
  policy: RemovalPolicy,
): RemovalPlan {
  const held = new Map(request.held.map(one => [one.entryKey, one]));
  const heldOf = ({ file }: CatalogLocation) => held.get(getEntryKey(file));
  const sinceMs = request.sinceConfirmationMs ?? 0;
  const confirmedForMs = (location: CatalogLocation) => {
    const before = heldOf(location);
    return before ? before.confirmedForMs + sinceMs : 0;
  };
  const isReleasable = (location: CatalogLocation) =>
    request.approved?.has(getEntryKey(location.file)) === true ||
    heldOf(location)?.approved === true ||
    (policy.maxPercentage > 0 &&
      heldOf(location) !== undefined &&
      confirmedForMs(location) >= policy.holdForMs);

  const isReplaced = (location: CatalogLocation) =>
    request.replaced?.has(getEntryKey(location.file)) === true;
  const isKeptInOtherForm = (location: CatalogLocation) =>
    request.replaced?.get(getEntryKey(location.file)) === 'other-form';

  const newlyDue = request.due.filter(
    one => !isReleasable(one) && !isKeptInOtherForm(one),
  );
  const lost = request.due.filter(location => !isReplaced(location));
  const areMany = exceedsShare(newlyDue.length, request.knownLocations, policy);
  const mayNoneBeLost =
    policy.maxPercentage <= 0 || lost.length >= request.knownLocations;
  const holdBack =
    policy.maxPercentage >= 100
      ? []
      : newlyDue.filter(location => areMany || (mayNoneBeLost && !isReplaced(location)));
  const heldBack = new Set(holdBack);
  const confirmed = holdBack.reduce(
    (most, one) => Math.max(most, confirmedForMs(one)),
    0,
  );
  const untilMs = request.nowMs + policy.holdForMs - confirmed;
  return {
    remove: request.due.filter(location => !heldBack.has(location)),
    holdBack,
    held: holdBack.map(location => ({
      repositoryId: location.repository.id,
      entryKey: getEntryKey(location.file),
      sinceMs: heldOf(location)?.sinceMs ?? request.nowMs,
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

/** Whether so many are too many at once: exactly the percentage still may go. */
function exceedsShare(removals: number, known: number, policy: RemovalPolicy): boolean {
  return removals > ALWAYS_ALLOWED && removals * 100 > policy.maxPercentage * known;
}

/** @param untilMs - when the first of them goes, epoch milliseconds */
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
    replaced === 0 ? '' : `, ${replaced} of them since their file has another URL now`;
  return policy.maxPercentage <= 0
    ? `${removals} of ${known} Locations would be removed${why}; ${policy.nothingBecause ?? 'removals.maxPercentage is 0'}, so nothing is removed without approval`
    : `${removals} of ${known} Locations (${share} %) would be removed${why}, more than removals.maxPercentage (${policy.maxPercentage} %) allows at once. They go from ${until} on, if every run until then confirms them (removals.holdFor)`;
}
