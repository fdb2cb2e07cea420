/** Short builders for the data of reports. Must not be used outside tests. */

import { z } from 'zod';
import { planRecheck, stateAfterRun } from '../discovery/recheck';
import { RecheckState } from '../discovery/recheckState';
import { RepositoryReport } from '../discovery/report';
import { ABSENCE_REASONS, EXCLUSION_REASONS, UNKNOWN_REASONS } from '../model';
import { RunSummary } from '../discovery/summarizeRun';
import { HeldRemoval, KnownRepository, RunOrigin } from '../discovery/types';
import { ProviderStateStore } from '../store/ProviderStateStore';
import { FinishedRun } from '../store/records';
import { address, CATALOG_FILE, NOW, target } from './discoveryData';

/** A repository that is registered with its catalog file, unless overridden. */
export function repositoryReport(
  repositoryId: number,
  at: string,
  rest: Partial<RepositoryReport> = {},
): RepositoryReport {
  const { projectKey, slug } = address(at);
  return {
    repositoryId,
    projectKey,
    repositorySlug: slug,
    outcome: 'registered',
    files: [{ path: CATALOG_FILE, targetUrl: target(at) }],
    checkedAtMs: NOW,
    ...rest,
  };
}

/** Counts of a run that found nothing, unless overridden. */
export function runSummary(rest: Partial<RunSummary> = {}): RunSummary {
  return {
    repositories: 0,
    registered: 0,
    excluded: 0,
    absent: 0,
    unknown: 0,
    locations: 0,
    removed: 0,
    replaced: 0,
    carriedForward: 0,
    heldBack: 0,
    reasons: { registered: {}, excluded: {}, absent: {}, unknown: {} },
    ...rest,
  };
}

/** A successful scheduled run, unless overridden. */
export function finishedRun(rest: Partial<FinishedRun> = {}): FinishedRun {
  return {
    host: 'bitbucket.test',
    trigger: 'schedule',
    startedAtMs: NOW,
    finishedAtMs: NOW + 1_500,
    status: 'succeeded',
    summary: runSummary(),
    requests: 3,
    ...rest,
  };
}

/** The stored state of a run that has checked everything. */
export function stateAfterFullRun(origin: RunOrigin): RecheckState {
  const everything = planRecheck(undefined, {
    configuration: '',
    rule: undefined,
    maySearch: false,
    isManual: false,
    nowMs: NOW,
  });
  return stateAfterRun(everything, origin, false);
}

/**
 * Stores a run as a provider does, given the report on it: a complete run deletes the
 * repositories that it does not name.
 */
export async function storeRun(
  store: ProviderStateStore,
  providerId: string,
  run: FinishedRun,
  repositories: readonly RepositoryReport[],
  held: readonly HeldRemoval[] = [],
): Promise<void> {
  const before = (await store.load(providerId)) ?? { repositories: [], held: [] };
  const { revision, origin } = await store.beginRun(
    providerId,
    before,
    sinceRevision => ({
      sinceMs: run.startedAtMs,
      sinceRevision,
      scope: '',
    }),
  );
  const isComplete = run.status === 'succeeded';
  const named = new Set(repositories.map(({ repositoryId }) => repositoryId));
  const ids = before.repositories.map(({ repositoryId }) => repositoryId);
  await store.recordRun(providerId, {
    run,
    state: {
      changed: repositories.map(repository => toKnown(repository, revision)),
      forgottenIds: isComplete ? ids.filter(id => !named.has(id)) : [],
      held,
      recheck: stateAfterFullRun(origin),
      origin,
      isComplete,
      isUnfinished: !isComplete,
    },
  });
}

/** Stores the result of an event, given the report on it. */
export async function storeEvaluation(
  store: ProviderStateStore,
  providerId: string,
  repositories: readonly RepositoryReport[],
  forgottenIds: readonly number[] = [],
): Promise<void> {
  const before = { repositories: [], held: [] };
  const isFirst = (await store.takeRevision(providerId)) === undefined;
  if (isFirst) {
    await store.beginRun(providerId, before, sinceRevision => ({
      sinceMs: NOW,
      sinceRevision,
      scope: '',
    }));
  }
  const revision = (await store.takeRevision(providerId)) ?? 0;
  await store.recordEvaluation(providerId, {
    repositories: repositories.map(repository => toKnown(repository, revision)),
    forgottenIds,
    held: [],
    resolvedKeys: [],
  });
}

const Settled = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('registered') }),
  z.object({ outcome: z.literal('excluded'), reason: z.enum(EXCLUSION_REASONS) }),
  z.object({ outcome: z.literal('absent'), reason: z.enum(ABSENCE_REASONS) }),
  z.object({
    outcome: z.literal('unknown'),
    reason: z.enum(UNKNOWN_REASONS),
    detail: z.string().default('nobody knows'),
  }),
]);

function toKnown(report: RepositoryReport, revision: number): KnownRepository {
  const { repositoryId, projectKey, repositorySlug: slug, checkedAtMs } = report;
  const files = report.files.map(file => ({ ...file, presence: 'required' as const }));
  const known = { repositoryId, projectKey, slug, files, checkedAtMs, revision };
  const last = Settled.parse(report);
  switch (last.outcome) {
    case 'registered':
      return { ...known, conclusive: { kind: 'registered', files } };
    case 'excluded':
      return { ...known, conclusive: { kind: 'excluded', reason: last.reason } };
    case 'absent':
      return { ...known, conclusive: { kind: 'absent', reason: last.reason } };
    default:
      return { ...known, problem: { reason: last.reason, detail: last.detail } };
  }
}
