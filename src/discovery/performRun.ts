/**
 * One run from memory to decision: the engine as scheduled runs, manual runs and
 * previews use it. Applies nothing.
 */

import { Clock } from '../util/clock';
import { mergeNewer } from './mergeNewer';
import { RemovalPolicy } from './planRemovals';
import { reconcile, Reconciliation } from './reconcile';
import { choosePass } from './resume';
import { runDiscovery } from './runDiscovery';
import { RunSummary, summarizeRun } from './summarizeRun';
import {
  DiscoveryProgress,
  DiscoveryResult,
  DiscoveryScope,
  KnownRepository,
  ProviderMemory,
  RepositorySource,
} from './types';

/** What a run is made of. */
export interface RunRequest {
  readonly scope: DiscoveryScope;
  readonly policy: RemovalPolicy;
  readonly source: RepositorySource;
  /** `undefined` when what the catalog holds is not known: the run then removes nothing. */
  readonly memory: ProviderMemory | undefined;
  /** Asked at the end of the run, so that an approval given during it counts. */
  readonly loadApprovals?: () => Promise<ReadonlySet<string>>;
  /** Asked at the end of the run: what events settled while it went on. */
  readonly loadNewer?: () => Promise<readonly KnownRepository[]>;
  readonly clock: Pick<Clock, 'now'>;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: DiscoveryProgress) => void;
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
  const { scope, policy, source, memory, clock, signal, onProgress } = request;
  const startedAtMs = clock.now();
  const pass = choosePass(scope, memory?.unfinishedPass, startedAtMs);
  const found = await runDiscovery(scope, {
    source,
    known: memory?.repositories ?? [],
    // A pass that begins now has settled nothing yet.
    pass: pass === memory?.unfinishedPass ? pass : undefined,
    now: () => clock.now(),
    signal,
    onProgress,
  });
  const approved = (await request.loadApprovals?.()) ?? new Set<string>();
  const finishedAtMs = clock.now();
  const result = mergeNewer(found, (await request.loadNewer?.()) ?? []);
  const reconciliation = reconcile({
    result,
    memory,
    policy,
    approved,
    pass,
    nowMs: finishedAtMs,
  });
  return {
    startedAtMs,
    finishedAtMs,
    result,
    reconciliation,
    summary: summarizeRun(result, reconciliation),
    failure: failureOf(result),
  };
}

/** Repositories and single projects that stay unknown do not fail a run; these do. */
function failureOf(result: DiscoveryResult): RunFailure | undefined {
  if (result.interruption) {
    return result.interruption;
  }
  if (!result.listing.complete) {
    const detail = result.listing.problems.map(one => one.problem.detail).join('; ');
    return { kind: 'listing', detail };
  }
  return undefined;
}
