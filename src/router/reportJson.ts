/** What the HTTP report answers; `docs/report.openapi.yaml` describes it. Pure. */

import { RepositoryInCatalog } from '../catalog/CatalogReporter';
import { Conflict } from '../conflicts/describeConflicts';
import { explainOutcome } from '../discovery/explanations';
import { HeldRemovalReport, RepositoryReport } from '../discovery/report';
import { RunSummary } from '../discovery/summarizeRun';
import { StoredDiscovery } from '../store/records';
import { summarizeWebhooks } from '../store/summarizeWebhooks';
import { ProjectWebhooks } from '../store/WebhookStore';

/** What is counted when it is asked for; `undefined` where that cannot be read. */
interface CountsNow {
  /** Repositories of which the catalog could not use something. */
  readonly withErrors?: number;
  readonly conflicts?: number;
}

/**
 * Describes what a provider is doing and how its last run ended.
 *
 * @remarks While a run goes on, and after one that broke off, the summary is that of the
 * run before: it belongs to the repositories that are listed.
 *
 * @param provider - as it is configured
 * @param stored - `undefined` where nothing is stored of it yet
 * @param counts - how many there are now
 */
export function toDiscoveryJson(
  provider: { readonly id: string; readonly host: string },
  stored: StoredDiscovery | undefined,
  counts: CountsNow,
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
    // How many a run had sent that broke off is not known.
    ...(!failure && { requests: lastRun?.requests }),
  };
}

function toSummaryJson(summary: RunSummary, counts: CountsNow) {
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

/** What is known of a repository when it is asked for. */
export interface RepositoryNow {
  /** `undefined` where that cannot be read. */
  readonly catalog?: RepositoryInCatalog;
  /** `undefined` where that is not known. */
  readonly conflicts?: readonly Conflict[];
  /** Its removals that are held back. */
  readonly held?: readonly HeldRemovalReport[];
}

/**
 * Describes how a repository ended the last run, and what to do about it.
 *
 * @param now - what is known of it at this moment
 */
export function toRepositoryJson(
  report: RepositoryReport,
  { catalog, conflicts, held = [] }: RepositoryNow,
) {
  const heldTargets = new Set(held.map(one => one.entryKey));
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
    conflicts: conflicts?.map(toConflictJson),
    checkedAt: toIso(report.checkedAtMs),
    dueAt: toIso(report.dueAtMs),
  };
}

/** @param problem - why the configuration as it stands now is not in effect */
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

/** Describes whether webhooks come, project by project. */
export function toWebhooksJson(webhooks: readonly ProjectWebhooks[]) {
  const { lastEventAtMs, projects, silentProjects, totalProjects, unannounced } =
    summarizeWebhooks(webhooks);
  return {
    lastEventAt: toIso(lastEventAtMs),
    silentProjects,
    unannouncedChanges: unannounced,
    totalProjects,
    projects: projects.map(one => ({
      projectKey: one.projectKey,
      registered: one.registered,
      lastEventAt: toIso(one.lastEventAtMs),
      unannouncedChanges: one.unannounced,
      lastUnannouncedAt: toIso(one.lastUnannouncedAtMs),
    })),
  };
}

function toConflictJson({ recorded: _, ...conflict }: Conflict) {
  return conflict;
}

function toIso(epochMs: number | undefined): string | undefined {
  return epochMs === undefined ? undefined : new Date(epochMs).toISOString();
}
