/**
 * From what a run found out to what the catalog is told. Pure, and the heart of the
 * promise: nothing is removed that is not proven absent, and nothing in bulk without a
 * second thought.
 */

import { addressKey } from './identify';
import {
  foundLocations,
  keyOf,
  keysOf,
  locationsOf,
  Replacement,
  replacementOf,
  uniqueByKey,
} from './locations';
import { planRemovals, RemovalPolicy } from './planRemovals';
import { remember } from './remember';
import {
  CatalogLocation,
  DiscoveryResult,
  ProviderMemory,
  UnfinishedPass,
} from './types';

/** What reconciling looks at. */
export interface ReconcileRequest {
  readonly result: DiscoveryResult;
  /** `undefined`: what the catalog holds from this provider is not known. */
  readonly memory: ProviderMemory | undefined;
  readonly policy: RemovalPolicy;
  /** Target URLs whose removal was approved while it was held back. */
  readonly approved?: ReadonlySet<string>;
  /** Time since the last run that confirmed what is held back, milliseconds. */
  readonly sinceConfirmationMs?: number;
  /** The pass of this run: remembered until it reaches its end. */
  readonly pass?: UnfinishedPass;
  readonly nowMs: number;
}

/** What is to be done, and why. */
export interface Reconciliation {
  /** `full` replaces everything the provider has in the catalog; `add-only` removes nothing. */
  readonly mutation: 'full' | 'add-only';
  readonly reason: string;
  /** All the catalog is to hold (`full`) or to be given (`add-only`). */
  readonly locations: readonly CatalogLocation[];
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
  readonly memory: ProviderMemory | undefined;
}

/** Decides the mutation of a run. */
export function reconcile(request: ReconcileRequest): Reconciliation {
  const doubt = reasonForAddOnly(request);
  return doubt ? addOnly(request, doubt) : full(request);
}

function reasonForAddOnly({ result, memory }: ReconcileRequest): string | undefined {
  if (result.interruption) {
    return 'the run was interrupted';
  }
  if (!result.listing.complete) {
    return 'the listing is not complete';
  }
  if (memory === undefined) {
    return 'it is not known what the catalog holds from this provider';
  }
  return undefined;
}

function addOnly(request: ReconcileRequest, reason: string): Reconciliation {
  const { result, memory } = request;
  const found = foundLocations(result);
  const held = new Set(memory?.held.map(one => one.targetUrl));
  const heldBack = locationsOf(result.known).filter(one => held.has(keyOf(one.file)));
  return {
    mutation: 'add-only',
    reason,
    locations: found,
    carriedForward: [],
    heldBack,
    heldBackReason:
      heldBack.length > 0
        ? `${heldBack.length} removals of earlier runs wait for a run that gets through`
        : undefined,
    removed: [],
    replaced: new Map(),
    memory: memory && {
      repositories: remember(
        result,
        uniqueByKey([...locationsOf(result.known), ...found]),
        result.known.map(one => one.repositoryId),
      ),
      held: memory.held,
      // Where only the listing failed, everything it showed was looked at.
      unfinishedPass: result.interruption && request.pass,
      serverUrls: serverUrlsOf(request),
    },
  };
}

function full(request: ReconcileRequest): Reconciliation {
  const { result, nowMs } = request;
  const found = foundLocations(result);
  const verdicts = judgeKnown(result, found);
  const removals = planRemovals(
    {
      due: verdicts.due,
      replaced: verdicts.replaced,
      knownLocations: uniqueByKey(locationsOf(result.known)).length,
      held: request.memory?.held ?? [],
      approved: request.approved,
      sinceConfirmationMs: request.sinceConfirmationMs,
      isRun: true,
      nowMs,
    },
    request.policy,
  );
  const locations = uniqueByKey([
    ...found,
    ...verdicts.carriedForward,
    ...removals.holdBack,
  ]);
  return {
    mutation: 'full',
    reason: 'the listing is complete',
    locations,
    carriedForward: verdicts.carriedForward,
    heldBack: removals.holdBack,
    heldBackReason: removals.reason,
    removed: removals.remove,
    replaced: verdicts.replaced,
    memory: {
      repositories: remember(result, locations),
      held: removals.held,
      serverUrls: serverUrlsOf(request),
    },
  };
}

/** An empty listing shows none: then the last ones count. */
function serverUrlsOf({ result, memory }: ReconcileRequest) {
  return result.serverUrls && result.serverUrls.length > 0
    ? result.serverUrls
    : memory?.serverUrls;
}

/**
 * Splits what the catalog holds, beyond what was found, into kept and due for removal,
 * each once.
 */
function judgeKnown(result: DiscoveryResult, found: readonly CatalogLocation[]) {
  const outcomes = new Map(
    result.repositories.map(one => [one.repository.id, one.outcome]),
  );
  const doubtfulAddresses = new Set(
    result.repositories
      .filter(one => one.outcome.kind === 'unknown')
      .map(one => addressKey(one.repository)),
  );
  const foundKeys = keysOf(found);
  const carriedForward: CatalogLocation[] = [];
  const due: CatalogLocation[] = [];
  const replaced = new Map<string, Replacement>();
  for (const location of locationsOf(result.known)) {
    const { repository, file } = location;
    if (foundKeys.has(keyOf(file))) {
      continue;
    }
    const outcome = outcomes.get(repository.id);
    const inDoubt =
      outcome?.kind === 'unknown' ||
      (outcome === undefined && !result.goneRepositoryIds.has(repository.id)) ||
      doubtfulAddresses.has(addressKey(repository));
    if (inDoubt) {
      carriedForward.push(location);
    } else {
      due.push(location);
      const replacement = replacementOf(file, outcome);
      if (replacement) {
        replaced.set(keyOf(file), replacement);
      }
    }
  }
  const kept = keysOf(carriedForward);
  return {
    carriedForward: uniqueByKey(carriedForward),
    due: uniqueByKey(due).filter(one => !kept.has(keyOf(one.file))),
    replaced,
  };
}
