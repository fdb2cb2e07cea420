/**
 * Which removals happen now and which are held back. Pure. A mass removal is far more
 * often a lost permission or a changed filter than what it looks like.
 */

import { keyOf } from './locations';
import { CatalogLocation, HeldRemoval } from './types';

/** `removals` of a provider. */
export interface RemovalPolicy {
  /** A run may remove this share of the known Locations; 100 switches the guard off, 0 removes nothing without approval. */
  readonly maxPercentage: number;
  readonly holdForMs: number;
}

/** What is due and what went before. */
export interface RemovalRequest {
  /** Proven not to belong into the catalog any more. */
  readonly due: readonly CatalogLocation[];
  /** How many Locations the provider has in the catalog. */
  readonly knownLocations: number;
  /** Held back by earlier runs. */
  readonly held: readonly HeldRemoval[];
  /** Keys of those whose removal somebody allowed while it was held back. */
  readonly approved?: ReadonlySet<string>;
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
 * @remarks Held back longer than `holdForMs` by every run since, or approved, a removal goes. What
 * was held and is not due any more is forgotten: it came back, or is in doubt again.
 */
export function planRemovals(
  request: RemovalRequest,
  policy: RemovalPolicy,
): RemovalPlan {
  const since = new Map(request.held.map(one => [one.targetUrl, one.sinceMs]));
  const sinceOf = (location: CatalogLocation) =>
    since.get(keyOf(location.file)) ?? request.nowMs;
  const isRipe = (location: CatalogLocation) =>
    request.approved?.has(keyOf(location.file)) === true ||
    (policy.maxPercentage > 0 &&
      since.has(keyOf(location.file)) &&
      request.nowMs - sinceOf(location) >= policy.holdForMs);

  const ripe = request.due.filter(isRipe);
  const fresh = request.due.filter(location => !isRipe(location));
  const wouldEmpty = request.due.length >= request.knownLocations;
  if (isAllowed(fresh.length, wouldEmpty, request.knownLocations, policy)) {
    return { remove: request.due, holdBack: [], held: [] };
  }
  return {
    remove: ripe,
    holdBack: fresh,
    held: fresh.map(location => ({
      repositoryId: location.repository.id,
      targetUrl: keyOf(location.file),
      sinceMs: sinceOf(location),
      approved: false,
    })),
    reason: describeHold(fresh.map(sinceOf), request.knownLocations, policy),
  };
}

/**
 * Whether so many may go at once: exactly the percentage still may.
 *
 * @param wouldEmpty - together with what is ripe they are all there is
 */
function isAllowed(
  removals: number,
  wouldEmpty: boolean,
  known: number,
  policy: RemovalPolicy,
): boolean {
  if (removals === 0 || policy.maxPercentage >= 100) {
    return true;
  }
  if (policy.maxPercentage <= 0 || wouldEmpty) {
    return false;
  }
  return removals <= ALWAYS_ALLOWED || removals * 100 <= policy.maxPercentage * known;
}

/** @param since - when each of them was first held, epoch milliseconds */
function describeHold(
  since: readonly number[],
  known: number,
  policy: RemovalPolicy,
): string {
  const removals = since.length;
  const first = since.reduce((one, other) => Math.min(one, other));
  const until = new Date(first + policy.holdForMs).toISOString();
  // Rounded up, so that a little more than the percentage does not read as exactly that.
  const share = known === 0 ? 100 : Math.ceil((removals * 1000) / known) / 10;
  return policy.maxPercentage <= 0
    ? `${removals} of ${known} Locations would be removed; removals.maxPercentage is 0, so nothing is removed without approval`
    : `${removals} of ${known} Locations (${share} %) would be removed, more than removals.maxPercentage (${policy.maxPercentage} %) allows at once. They go from ${until} on, if every run until then confirms them (removals.holdFor)`;
}
