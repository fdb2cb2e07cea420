/**
 * One run from memory to decision: the engine as scheduled runs, manual runs and
 * previews use it. Applies nothing.
 */

import { Clock } from '../util/clock';
import { applyConcurrentEvents } from './applyConcurrentEvents';
import { RemovalPolicy } from './planRemovals';
import { RecheckPlan } from './recheck';
import { reconcile, Reconciliation } from './reconcile';
import { runDiscovery } from './runDiscovery';
import { RunSummary, summarizeRun } from './summarizeRun';
import {
  DiscoveryProgress,
  DiscoveryResult,
  DiscoveryScope,
  KnownRepository,
  ListingTime,
  ProviderState,
  ParseFiles,
  RepositorySource,
  RunOrigin,
} from './types';

/** What a run is made of. */
export interface RunRequest {
  readonly scope: DiscoveryScope;
  readonly policy: RemovalPolicy;
  readonly source: RepositorySource;
  /** Left out where the catalog reads the files itself. */
  readonly parseFiles?: ParseFiles;
  /** `undefined` when what the catalog holds is not known: the run then removes nothing. */
  readonly state: ProviderState | undefined;
  /** Where it began; left out where nothing is kept of it. */
  readonly origin?: RunOrigin;
  /** What is due; everything is when left out. */
  readonly recheck?: RecheckPlan;
  /** The revision of what is asked from now on; left out where nobody counts. */
  readonly revision?: () => number;
  /** Loads what happened while the run went on; left out where nothing else happens. */
  readonly loadMeanwhile?: (found: DiscoveryResult) => Promise<Meanwhile>;
  readonly clock: Pick<Clock, 'now'>;
  /** The time that the listing may take; left out where it does not matter. */
  readonly listingTime?: ListingTime;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: DiscoveryProgress) => void;
}

/** What others did while a run went on. */
export interface Meanwhile {
  /** Keys of what is held back and whose removal was approved. */
  readonly approved: ReadonlySet<string>;
  /** What events have looked at. */
  readonly newer: readonly KnownRepository[];
  /** Time since the last run that confirmed what is held back, milliseconds. */
  readonly sinceConfirmationMs: number;
}

/** What a run has found out and not decided yet. */
export interface Findings {
  readonly startedAtMs: number;
  readonly result: DiscoveryResult;
}

/** Why a run counts as failed although it may have added something. */
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

/** Finds out and decides. Never throws for what Bitbucket does. */
export async function performRun(request: RunRequest): Promise<Run> {
  return concludeRun(request, await findOut(request));
}

/** The long part of a run: asks Bitbucket. Never throws for what Bitbucket does. */
export async function findOut(request: RunRequest): Promise<Findings> {
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
    known: state?.repositories ?? [],
    // Nothing was looked at before, unless an interrupted run is resumed.
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

/** The short part: decides, by what is known at that moment. */
export async function concludeRun(
  request: RunRequest,
  { startedAtMs, result: found }: Findings,
): Promise<Run> {
  const { policy, state, origin, clock } = request;
  const meanwhile = await request.loadMeanwhile?.(found);
  const finishedAtMs = clock.now();
  const result = applyConcurrentEvents(found, meanwhile?.newer ?? []);
  const reconciliation = await reconcile({
    result,
    state,
    policy,
    approved: meanwhile?.approved,
    sinceConfirmationMs: meanwhile?.sinceConfirmationMs,
    origin,
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

/** Repositories and single projects that stay unknown do not fail a run; these do. */
function findFailure(result: DiscoveryResult): RunFailure | undefined {
  if (result.interruption) {
    return result.interruption;
  }
  if (!result.listing.complete) {
    const detail = result.listing.problems.map(one => one.problem.detail).join('; ');
    return { kind: 'listing', detail };
  }
  return undefined;
}
