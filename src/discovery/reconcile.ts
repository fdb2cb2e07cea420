/**
 * Converts the findings of a run to a catalog mutation. Pure. Guarantees that nothing is
 * removed unless it is proven absent, and that mass removals are held back for
 * confirmation.
 */

import { forEachInTurns } from '../util/clock';
import { formatPlural } from '../util/text';
import { Findings, findDifference, knownAfter } from './difference';
import { addressKey, isAt } from './identify';
import { getEntryKey, getEntryKeys, toLocations, Replacement } from './locations';
import { planRemovals, RemovalPolicy } from './planRemovals';
import { originOfNext } from './resume';
import {
  CatalogLocation,
  DiscoveryResult,
  KnownRepository,
  ProviderState,
  RepositoryResult,
  RunOrigin,
} from './types';
import { RepositoryAddress } from '../model';

/** Input of {@link reconcile}. */
export interface ReconcileRequest {
  readonly result: DiscoveryResult;
  /** `undefined` if it is not known what the catalog holds from this provider. */
  readonly state: ProviderState | undefined;
  readonly policy: RemovalPolicy;
  /** Keys of the held removals that were approved. */
  readonly approved?: ReadonlySet<string>;
  /** Time since the last run that confirmed the held removals, milliseconds. */
  readonly sinceConfirmationMs?: number;
  /** The start of this run: stored until the run completes. */
  readonly origin?: RunOrigin;
  /** Returns what the store holds by now; what was known before if omitted. */
  readonly getStored?: (repositoryId: number) => KnownRepository | undefined;
  readonly nowMs: number;
}

/** The mutation to apply, and the reasons for it. */
export interface Reconciliation {
  /** `full` replaces everything the provider has in the catalog; `add-only` removes nothing. */
  readonly mutation: 'full' | 'add-only';
  /**
   * All Locations that the catalog should hold (`full`) or receive in addition
   * (`add-only`).
   */
  readonly locations: readonly CatalogLocation[];
  /** How many Locations the catalog holds afterwards, as far as this provider knows. */
  readonly locationsAfter: number;
  /**
   * Those of `locations` that are kept because the outcome of their repository is
   * unknown.
   */
  readonly carriedForward: readonly CatalogLocation[];
  /** Removals that are due but held back; part of `locations` in a full mutation. */
  readonly heldBack: readonly CatalogLocation[];
  readonly heldBackReason?: string;
  readonly removed: readonly CatalogLocation[];
  /**
   * How the Locations in `removed` whose file stays in the catalog were replaced, by key.
   */
  readonly replaced: ReadonlyMap<string, Replacement>;
  /**
   * The state to store once the mutation is applied. `undefined` if it is still not known
   * what the catalog holds: the next run would take a partial state for the complete one,
   * and remove everything else.
   */
  readonly state: ProviderState | undefined;
}

/** Decides which mutation a run applies. */
export async function reconcile(request: ReconcileRequest): Promise<Reconciliation> {
  const { result, state } = request;
  // Without the catalog's state, removals cannot be determined.
  const isComplete = result.listing.complete && !result.interruption;
  return isComplete && state ? full(request, state) : addOnly(request);
}

async function addOnly(request: ReconcileRequest): Promise<Reconciliation> {
  const { result, state } = request;
  const findings = await toFindings(result);
  const difference = await findDifference({ ...findings, hasLeft: () => false });
  const { found, carriedForward } = difference;
  const held = new Set(state?.held.map(removal => removal.entryKey));
  const heldBack = toLocations(result.known.values()).filter(location =>
    held.has(getEntryKey(location.file)),
  );
  return {
    mutation: 'add-only',
    locations: [...found.values()],
    locationsAfter: found.size + carriedForward.length,
    carriedForward: [],
    heldBack,
    heldBackReason: heldBack.length > 0 ? describeWaiting(heldBack.length) : undefined,
    removed: [],
    replaced: new Map(),
    state: state && {
      repositories: await knownAfter(findings, difference, {
        others: 'keep',
        getStored: getStored(request),
      }),
      held: state.held,
      // If only the listing failed, all listed repositories were checked.
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
      knownLocations: difference.knownLocations,
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
      repositories: await knownAfter(
        findings,
        { ...difference, removed },
        { others: 'forget', getStored: getStored(request) },
      ),
      held: removals.held,
      serverUrls: getServerUrls(request),
    },
  };
}

function getStored({ result, getStored: get }: ReconcileRequest) {
  return get ?? ((id: number) => result.known.get(id));
}

/**
 * Returns the server's base URLs; an empty listing has none, so the previous ones are
 * kept.
 */
function getServerUrls({ result, state }: ReconcileRequest) {
  return result.serverUrls && result.serverUrls.length > 0
    ? result.serverUrls
    : state?.serverUrls;
}

/**
 * Collects the findings of a run. A repository is in doubt if it is unknown, or was
 * neither checked nor found gone.
 *
 * @remarks A Location belongs to the repository that is at its address now, since
 * addresses are swapped and reused: only then does doubt about that repository protect
 * the Location, in this run and in the next.
 */
async function toFindings(run: DiscoveryResult): Promise<Findings> {
  const { goneRepositoryIds, known, repositories: results } = run;
  const left = new Set<string>();
  await forEachInTurns(known.values(), repository => {
    const now = results.get(repository.repositoryId)?.repository;
    if (repository.files.length > 0 && !isAt(repository, now)) {
      left.add(addressKey(repository));
    }
  });
  // Only at the addresses that matter: in most runs no repository has moved.
  const present = new Map<string, RepositoryResult>();
  await forEachInTurns(results.values(), result => {
    const isUnknown = result.outcome.kind === 'unknown';
    const key = isUnknown || left.size > 0 ? addressKey(result.repository) : '';
    if (isUnknown || (left.has(key) && !present.has(key))) {
      present.set(key, result);
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
    getOwner: repository =>
      present.get(addressKey(repository))?.repository.id ?? repository.repositoryId,
  };
}

function describeWaiting(count: number): string {
  const wait = count === 1 ? 'waits' : 'wait';
  return `${formatPlural(count, 'removal')} held back by earlier runs ${wait} for a complete run`;
}

/**
 * Returns the repositories in which a file has appeared or disappeared, or whose address
 * belonged to another repository before. Changes inside a file are invisible to a run.
 */
export async function changedAddresses({
  reconciliation: { locations, removed },
  result: { known },
}: {
  readonly reconciliation: Pick<Reconciliation, 'locations' | 'removed'>;
  readonly result: Pick<DiscoveryResult, 'known'>;
}): Promise<RepositoryAddress[]> {
  const changed: RepositoryAddress[] = removed.map(location => location.repository);
  await forEachInTurns(locations, ({ file, repository }) => {
    const key = getEntryKey(file);
    const before = known.get(repository.id)?.files ?? [];
    if (!before.some(held => held === file || getEntryKey(held) === key)) {
      changed.push(repository);
    }
  });
  return changed;
}
