/** The answers of the HTTP report as JSON; `docs/report.openapi.yaml` describes them. Pure. */

import { RepositoryInCatalog } from '../catalog/CatalogReporter';
import { Conflict } from '../conflicts/describeConflicts';
import { explainOutcome } from '../discovery/explanations';
import { HeldRemovalReport, RepositoryReport } from '../discovery/report';
import { RunSummary } from '../discovery/summarizeRun';
import { StoredDiscovery } from '../store/records';
import { summarizeWebhooks } from '../store/summarizeWebhooks';
import { ProjectWebhooks } from '../store/WebhookStore';

/** Numbers that are counted for each request; `undefined` if they cannot be read. */
interface CurrentCounts {
  /** Repositories with files that the catalog could not use. */
  readonly withErrors?: number;
  readonly conflicts?: number;
}

/**
 * Describes the state of a provider and the result of its last run.
 *
 * @remarks During a run, and after one that broke off, the summary is that of the previous run:
 * it belongs to the repositories in the report.
 *
 * @param provider - the provider as configured
 * @param stored - `undefined` if nothing is stored about it yet
 * @param counts - the current counts
 */
export function toDiscoveryJson(
  provider: { readonly id: string; readonly host: string },
  stored: StoredDiscovery | undefined,
  counts: CurrentCounts,
) {
  const { lastStart, lastRun } = stored ?? {};
  return {
    providerId: provider.id,
    host: lastStart?.host ?? provider.host,
    status: getStatus(stored),
    ...(lastStart && {
      startedAt: toIso(lastStart.startedAtMs),
      trigger: lastStart.trigger,
    }),
    ...(lastRun && { summary: toSummaryJson(lastRun.summary, counts) }),
    ...(stored && !stored.running && toEndJson(stored)),
  };
}

function getStatus(stored: StoredDiscovery | undefined): string {
  if (stored?.running) {
    return 'running';
  }
  return stored?.failure ? 'failed' : (stored?.lastRun?.status ?? 'never-run');
}

function toEndJson({ failure, lastRun }: StoredDiscovery) {
  return {
    finishedAt: toIso((failure ?? lastRun)?.finishedAtMs),
    error: (failure ?? lastRun)?.error,
    // The number of requests is not known for a run that broke off.
    ...(!failure && { requests: lastRun?.requests }),
  };
}

function toSummaryJson(summary: RunSummary, counts: CurrentCounts) {
  const { registered: _, ...reasons } = summary.reasons;
  return { ...summary, ...counts, reasons };
}

/** Describes a removal that is held back. */
export function toHeldRemovalJson(held: HeldRemovalReport) {
  return {
    projectKey: held.address?.projectKey,
    repositorySlug: held.address?.slug,
    targetUrl: held.entryKey,
    since: toIso(held.sinceMs),
    approved: held.approved,
  };
}

/** The current state of a repository outside of its stored report. */
export interface CurrentRepositoryState {
  /** `undefined` if the catalog cannot be read. */
  readonly catalog?: RepositoryInCatalog;
  /** `undefined` if conflicts are not known. */
  readonly conflicts?: readonly Conflict[];
  /** Its removals that are held back. */
  readonly held?: readonly HeldRemovalReport[];
}

/**
 * Describes the outcome of a repository in the last run, and its remedy.
 *
 * @param current - its current state outside of the report
 */
export function toRepositoryJson(
  report: RepositoryReport,
  { catalog, conflicts, held = [] }: CurrentRepositoryState,
) {
  const heldTargets = new Set(held.map(({ entryKey }) => entryKey));
  const isHeld =
    held.length > 0 && report.files.every(file => heldTargets.has(file.targetUrl));
  const explanation = explainOutcome(report.outcome, report.reason, isHeld);
  return {
    projectKey: report.projectKey,
    repositorySlug: report.repositorySlug,
    outcome: report.outcome,
    reason: report.reason,
    detail: report.detail,
    cause: explanation?.cause,
    remedy: explanation?.remedy,
    files: report.files.map(({ path, targetUrl }) => ({ path, targetUrl })),
    ...(held.length > 0 && { heldRemovals: held.map(toHeldRemovalJson) }),
    catalog,
    conflicts: conflicts?.map(({ recorded: _, ...conflict }) => conflict),
    checkedAt: toIso(report.checkedAtMs),
    dueAt: toIso(report.dueAtMs),
  };
}

/**
 * Describes the configuration of the last run.
 *
 * @param problem - why the current configuration is not in effect
 */
export function toConfigurationJson(
  stored: StoredDiscovery | undefined,
  problem: string | undefined,
) {
  const { settings } = stored?.lastRun ?? {};
  return {
    ...(settings && { lastRun: settings.values, since: toIso(settings.sinceMs) }),
    ...(problem !== undefined && { refused: problem }),
  };
}

/** Describes for each project whether webhooks arrive. */
export function toWebhooksJson(webhooks: readonly ProjectWebhooks[]) {
  const { lastEventAtMs, projects, silentProjects, totalProjects, unannounced } =
    summarizeWebhooks(webhooks);
  return {
    lastEventAt: toIso(lastEventAtMs),
    silentProjects,
    unannouncedChanges: unannounced,
    totalProjects,
    projects: projects.map(project => ({
      projectKey: project.projectKey,
      registered: project.registered,
      lastEventAt: toIso(project.lastEventAtMs),
      unannouncedChanges: project.unannounced,
      lastUnannouncedAt: toIso(project.lastUnannouncedAtMs),
    })),
  };
}

function toIso(epochMs: number | undefined): string | undefined {
  return epochMs === undefined ? undefined : new Date(epochMs).toISOString();
}
