/**
 * One run, from the stored state to the decision: the engine as used by scheduled runs,
 * manual runs and previews. Applies nothing. Takes over the findings of events that were handled
 * during the run, which would otherwise revert the changes made by these events.
 */

import { Clock } from '../util/clock';
import { RemovalPolicy } from './planRemovals';
import { RecheckPlan } from './recheck';
import { reconcile, Reconciliation } from './reconcile';
import { runDiscovery } from './runDiscovery';
import { RunSummary, summarizeRun } from './summarizeRun';
import {
  DiscoveryProgress,
  DiscoveryResult,
  DiscoveryScope,
  KnownRepositories,
  KnownRepository,
  ListingTime,
  ProviderState,
  ParseFiles,
  RepositorySource,
  RunOrigin,
  RepositoryResult,
} from './types';
import { addressKey, indexKnown, isPlaceholderId } from './identify';

/** Dependencies and input of a run. */
export interface RunRequest {
  readonly scope: DiscoveryScope;
  readonly policy: RemovalPolicy;
  readonly source: RepositorySource;
  /** Omitted if the catalog reads the files itself. */
  readonly parseFiles?: ParseFiles;
  /**
   * `undefined` if it is not known what the catalog holds: the run then removes nothing.
   */
  readonly state: ProviderState | undefined;
  /** The repositories in `state` by id, where the caller needs that index, too. */
  readonly known?: KnownRepositories;
  /** Returns what the store holds by now; omitted if nothing is stored during the run. */
  readonly getStored?: (repositoryId: number) => KnownRepository | undefined;
  /** The start of the run; omitted if it is not stored. */
  readonly origin?: RunOrigin;
  /** Which repositories are due; all of them if omitted. */
  readonly recheck?: RecheckPlan;
  /** The revision for requests sent from now on; omitted if revisions are not used. */
  readonly revision?: () => number;
  /** Loads the changes during the run; omitted if there cannot be any. */
  readonly loadConcurrentChanges?: () => Promise<ConcurrentChanges>;
  readonly clock: Pick<Clock, 'now'>;
  /** The time that the listing may take; unlimited if omitted. */
  readonly listingTime?: ListingTime;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: DiscoveryProgress) => void;
}

/** Concurrent changes during a run. */
export interface ConcurrentChanges {
  /** Keys of the held removals that were approved. */
  readonly approved: ReadonlySet<string>;
  /** State of the repositories that events have checked. */
  readonly newer: readonly KnownRepository[];
  /** Time since the last run that confirmed the held removals, milliseconds. */
  readonly sinceConfirmationMs: number;
}

/** The findings of a run, before any decision. */
export interface Findings {
  readonly startedAtMs: number;
  readonly result: DiscoveryResult;
}

/** Why a run counts as failed, although it may have added Locations. */
export type RunFailure =
  | { readonly kind: 'aborted'; readonly error: unknown }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'listing'; readonly detail: string };

/** A finished run. */
export interface Run {
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly result: DiscoveryResult;
  readonly reconciliation: Reconciliation;
  readonly summary: RunSummary;
  readonly failure?: RunFailure;
}

/** Collects the findings and decides. Never throws because of Bitbucket's answers. */
export async function performRun(request: RunRequest): Promise<Run> {
  return concludeRun(request, await discover(request));
}

/**
 * Collects the findings: the long part of a run, which asks Bitbucket. Never throws
 * because of Bitbucket's answers.
 */
export async function discover(request: RunRequest): Promise<Findings> {
  const {
    scope,
    source,
    parseFiles,
    state,
    origin,
    recheck,
    clock,
    signal,
    onProgress,
    revision,
  } = request;
  const startedAtMs = clock.now();
  const result = await runDiscovery(scope, {
    source,
    parseFiles,
    known: request.known ?? (await indexKnown(state?.repositories ?? [])),
    // Outcomes since the origin count only if an interrupted run is resumed.
    origin: origin === state?.interruptedRun ? origin : undefined,
    recheck,
    listing: { time: request.listingTime, from: origin?.listingFrom },
    now: () => clock.now(),
    revision,
    signal,
    onProgress,
  });
  return { startedAtMs, result };
}

/** Decides, based on the state at that moment: the short part of a run. */
export async function concludeRun(
  request: RunRequest,
  { startedAtMs, result: found }: Findings,
): Promise<Run> {
  const { policy, state, origin, getStored, clock } = request;
  const concurrent = await request.loadConcurrentChanges?.();
  const finishedAtMs = clock.now();
  const result = applyConcurrentEvents(found, concurrent?.newer ?? []);
  const reconciliation = await reconcile({
    result,
    state,
    policy,
    approved: concurrent?.approved,
    sinceConfirmationMs: concurrent?.sinceConfirmationMs,
    origin,
    getStored,
    nowMs: finishedAtMs,
  });
  return {
    startedAtMs,
    finishedAtMs,
    result,
    reconciliation,
    summary: summarizeRun(result, reconciliation),
    failure: findFailure(result),
  };
}

/** Unknown repositories and single unknown projects do not fail a run; these do. */
function findFailure(result: DiscoveryResult): RunFailure | undefined {
  if (result.interruption) {
    return result.interruption;
  }
  if (!result.listing.complete) {
    const detail = result.listing.problems
      .map(problem => problem.problem.detail)
      .join('; ');
    return { kind: 'listing', detail };
  }
  return undefined;
}

/**
 * Replaces outcomes with newer ones, from checks that began after the run had checked the
 * repository.
 *
 * @param newer - repositories as stored at the end of the run
 */
export function applyConcurrentEvents(
  result: DiscoveryResult,
  newer: readonly KnownRepository[],
): DiscoveryResult {
  if (newer.length === 0) {
    return result;
  }
  const later = newer.filter(repository => {
    const { repositoryId: id, revision = 0 } = repository;
    const own = result.repositories.get(id);
    const seen = Math.max(getCheckRevision(own), result.known.get(id)?.revision ?? 0);
    return revision > seen && (repository.conclusive || isGone(repository, own));
  });
  if (later.length === 0) {
    return result;
  }
  const checked = new Map(result.repositories);
  const known = new Map(result.known);
  const gone = new Set(result.goneRepositoryIds);
  for (const repository of later) {
    const { repositoryId: id } = repository;
    const asResult = toResult(repository);
    known.set(id, repository);
    if (asResult) {
      checked.set(id, asResult);
      gone.delete(id);
    } else {
      checked.delete(id);
      gone.add(id);
    }
  }
  forgetPlaceholders(later, checked, known);
  return { ...result, repositories: checked, known, goneRepositoryIds: gone };
}

/**
 * Returns the revision of a conclusive check.
 *
 * @returns 0 if the check was inconclusive: an earlier conclusive one then takes
 * precedence
 */
function getCheckRevision(result: RepositoryResult | undefined): number {
  return result === undefined || result.outcome.kind === 'unknown'
    ? 0
    : (result.revision ?? 0);
}

/** Whether the repository was found gone, and the run did not find it elsewhere. */
function isGone(known: KnownRepository, checked: RepositoryResult | undefined): boolean {
  return (
    known.conclusive === undefined &&
    known.files.length === 0 &&
    (checked === undefined || addressKey(checked.repository) === addressKey(known))
  );
}

/** Removes placeholders for addresses whose repository is known by now. */
function forgetPlaceholders(
  later: readonly KnownRepository[],
  checked: Map<number, RepositoryResult>,
  known: Map<number, KnownRepository>,
): void {
  const conclusive = later.filter(
    repository => repository.conclusive && !isPlaceholderId(repository.repositoryId),
  );
  const addresses = new Set(conclusive.map(addressKey));
  for (const [id, repository] of known) {
    if (isPlaceholderId(id) && addresses.has(addressKey(repository))) {
      known.delete(id);
      checked.delete(id);
    }
  }
}

function toResult(known: KnownRepository): RepositoryResult | undefined {
  return (
    known.conclusive && {
      repository: {
        id: known.repositoryId,
        projectKey: known.projectKey,
        slug: known.slug,
      },
      outcome: known.conclusive,
      checkedAtMs: known.checkedAtMs,
      revision: known.revision,
    }
  );
}
