/**
 * From what a run found out to what the catalog is told. Pure, and the heart of the
 * promise: nothing is removed that is not proven absent, and nothing in bulk without a
 * second thought.
 */

import { forEachInTurns } from '../util/clock';
import { Findings, findDifference } from './difference';
import { addressKey, isAt } from './identify';
import { knownAfter } from './knownAfter';
import { getEntryKey, getEntryKeys, toLocations, Replacement } from './locations';
import { planRemovals, RemovalPolicy } from './planRemovals';
import { originOfNext } from './resume';
import {
  CatalogLocation,
  DiscoveryResult,
  ProviderState,
  RepositoryResult,
  RunOrigin,
} from './types';

/** What reconciling looks at. */
export interface ReconcileRequest {
  readonly result: DiscoveryResult;
  /** `undefined`: what the catalog holds from this provider is not known. */
  readonly state: ProviderState | undefined;
  readonly policy: RemovalPolicy;
  /** Target URLs whose removal was approved while it was held back. */
  readonly approved?: ReadonlySet<string>;
  /** Time since the last run that confirmed what is held back, milliseconds. */
  readonly sinceConfirmationMs?: number;
  /** Where this run began: remembered until it reaches its end. */
  readonly origin?: RunOrigin;
  readonly nowMs: number;
}

/** What is to be done, and why. */
export interface Reconciliation {
  /** `full` replaces everything the provider has in the catalog; `add-only` removes nothing. */
  readonly mutation: 'full' | 'add-only';
  /** All the catalog is to hold (`full`) or to be given (`add-only`). */
  readonly locations: readonly CatalogLocation[];
  /** How many the catalog has then, as far as this provider knows. */
  readonly locationsAfter: number;
  /** Among `locations`: kept because nothing is known about their repositories. */
  readonly carriedForward: readonly CatalogLocation[];
  /** Due for removal and held back; in a full mutation among `locations`. */
  readonly heldBack: readonly CatalogLocation[];
  readonly heldBackReason?: string;
  readonly removed: readonly CatalogLocation[];
  /** What became of those among `removed` whose file is still in the catalog, by key. */
  readonly replaced: ReadonlyMap<string, Replacement>;
  /**
   * What to remember once the mutation is applied. `undefined` where it is still not known
   * what the catalog holds: to remember the part that was found would make the next run
   * take it for everything, and remove the rest.
   */
  readonly state: ProviderState | undefined;
}

/** Decides the mutation of a run. */
export async function reconcile(request: ReconcileRequest): Promise<Reconciliation> {
  const { result, state } = request;
  // Where it is not known what the catalog holds, nothing of it can be missed.
  const isComplete = result.listing.complete && !result.interruption;
  return isComplete && state ? full(request, state) : addOnly(request);
}

async function addOnly(request: ReconcileRequest): Promise<Reconciliation> {
  const { result, state } = request;
  const findings = await toFindings(result);
  const difference = await findDifference({ ...findings, hasLeft: () => false });
  const { before, found } = difference;
  const held = new Set(state?.held.map(one => one.entryKey));
  const heldBack = toLocations(result.known).filter(one =>
    held.has(getEntryKey(one.file)),
  );
  return {
    mutation: 'add-only',
    locations: [...found.values()],
    locationsAfter: new Set([...before.keys(), ...found.keys()]).size,
    carriedForward: [],
    heldBack,
    heldBackReason:
      heldBack.length > 0
        ? `${heldBack.length} removals of earlier runs wait for a run that gets through`
        : undefined,
    removed: [],
    replaced: new Map(),
    state: state && {
      repositories: await knownAfter(findings, difference, 'keep'),
      held: state.held,
      // Where only the listing failed, everything it showed was looked at.
      interruptedRun: request.origin && originOfNext(result, request.origin),
      serverUrls: getServerUrls(request),
    },
  };
}

async function full(
  request: ReconcileRequest,
  state: ProviderState,
): Promise<Reconciliation> {
  const { result, approved, sinceConfirmationMs, nowMs } = request;
  const findings = await toFindings(result);
  const difference = await findDifference(findings);
  const { found, carriedForward, due, replaced } = difference;
  const removals = planRemovals(
    {
      due,
      replaced,
      knownLocations: difference.before.size,
      held: state.held,
      approved,
      sinceConfirmationMs,
      isRun: true,
      nowMs,
    },
    request.policy,
  );
  const removed = getEntryKeys(removals.remove);
  const locations = [...found.values(), ...carriedForward, ...removals.holdBack];
  return {
    mutation: 'full',
    locations,
    locationsAfter: locations.length,
    carriedForward,
    heldBack: removals.holdBack,
    heldBackReason: removals.reason,
    removed: removals.remove,
    replaced,
    state: {
      repositories: await knownAfter(findings, { ...difference, removed }, 'forget'),
      held: removals.held,
      serverUrls: getServerUrls(request),
    },
  };
}

/** An empty listing shows none: then the last ones count. */
function getServerUrls({ result, state }: ReconcileRequest) {
  return result.serverUrls && result.serverUrls.length > 0
    ? result.serverUrls
    : state?.serverUrls;
}

/**
 * What a run has found out. A repository is in doubt that is unknown, or that was neither
 * looked at nor found gone.
 *
 * @remarks A Location belongs to whoever is at its address now, since addresses are swapped
 * and taken over: only so the doubt about that one protects it, in this run and in the next.
 */
async function toFindings(result: DiscoveryResult): Promise<Findings> {
  const { goneRepositoryIds, known } = result;
  const results = new Map<number, RepositoryResult>();
  let isAnyInDoubt = false;
  await forEachInTurns(result.repositories, one => {
    results.set(one.repository.id, one);
    isAnyInDoubt ||= one.outcome.kind === 'unknown';
  });
  let hasAnyLeft = false;
  await forEachInTurns(known, one => {
    const now = results.get(one.repositoryId)?.repository;
    hasAnyLeft ||= one.files.length > 0 && !isAt(one, now);
  });
  const present = new Map<string, RepositoryResult>();
  // In the usual run, each is where it was.
  await forEachInTurns(isAnyInDoubt || hasAnyLeft ? results.values() : [], one => {
    const key = addressKey(one.repository);
    if (one.outcome.kind === 'unknown' || !present.has(key)) {
      present.set(key, one);
    }
  });
  return {
    known,
    results,
    hasLeft: ({ repository }) => {
      const own = results.get(repository.id)?.outcome.kind;
      const isProven = own ? own !== 'unknown' : goneRepositoryIds.has(repository.id);
      return isProven && present.get(addressKey(repository))?.outcome.kind !== 'unknown';
    },
    getOwner: one => present.get(addressKey(one))?.repository.id ?? one.repositoryId,
  };
}
