/** Short ways to write down what is reported. Must not be used outside tests. */

import { RepositoryReport } from '../discovery/report';
import { RunSummary } from '../discovery/summarizeRun';
import { FinishedRun } from '../store/ReportStore';
import { address, CATALOG_FILE, NOW, target } from './discoveryData';

/** A repository that is registered with its catalog file, unless told otherwise. */
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

/** Counts of a run that found nothing, unless told otherwise. */
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

/** A run of the schedule that succeeded, unless told otherwise. */
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
