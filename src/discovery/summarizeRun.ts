/** Summarizes a run in numbers and in one sentence. Pure. */

import { OUTCOME_KINDS, OutcomeKind } from '../model';
import { getEntryKey } from './locations';
import { Reconciliation } from './reconcile';
import { DiscoveryResult, SparedBy } from './types';

/** Number of repositories by reason. */
export type ReasonCounts = Readonly<Record<string, number>>;

/** The counts of a run; the report, the log and the command line show the same. */
export interface RunSummary extends Readonly<Record<OutcomeKind, number>> {
  readonly repositories: number;
  /** Locations in the catalog after the run, as far as this provider knows. */
  readonly locations: number;
  readonly removed: number;
  /** Those of `removed` whose file is now in the catalog under another URL. */
  readonly replaced: number;
  readonly carriedForward: number;
  readonly heldBack: number;
  readonly reasons: Readonly<Record<OutcomeKind, ReasonCounts>>;
  /**
   * Number of repositories that did not have to be checked, by reason; omitted if there
   * are none.
   */
  readonly spared?: Readonly<Record<SparedBy, number>>;
  /** Why the results of code search were not used. */
  readonly searchOff?: string;
}

/** Counts the findings of a run and their consequences. */
export function summarizeRun(
  result: DiscoveryResult,
  reconciliation: Reconciliation,
): RunSummary {
  const counts = { registered: 0, excluded: 0, absent: 0, unknown: 0 };
  const reasons: Record<OutcomeKind, Record<string, number>> = {
    registered: {},
    excluded: {},
    absent: {},
    unknown: {},
  };
  const spared = { recheck: 0, read: 0, search: 0 };
  for (const { outcome, sparedBy } of result.repositories.values()) {
    counts[outcome.kind] += 1;
    if (sparedBy) {
      spared[sparedBy] += 1;
    }
    if (outcome.kind !== 'registered') {
      const ofKind = reasons[outcome.kind];
      ofKind[outcome.reason] = (ofKind[outcome.reason] ?? 0) + 1;
    }
  }
  const { removed, replaced } = reconciliation;
  return {
    repositories: result.repositories.size,
    ...counts,
    reasons,
    locations: reconciliation.locationsAfter,
    removed: removed.length,
    replaced: removed.filter(
      location => replaced.get(getEntryKey(location.file)) === 'other-target',
    ).length,
    carriedForward: reconciliation.carriedForward.length,
    heldBack: reconciliation.heldBack.length,
    ...(Object.values(spared).some(count => count > 0) && { spared }),
    ...(result.search?.kind === 'off' && { searchOff: result.search.reason }),
  };
}

/**
 * Describes a run, for example `12 repositories: 5 registered, 4 absent (3
 * no-catalog-file, 1 empty-repository); 5 Locations in the catalog`.
 */
export function describeSummary(summary: RunSummary): string {
  const kinds = OUTCOME_KINDS.filter(kind => summary[kind] > 0).map(kind =>
    describeKind(summary[kind], kind, summary.reasons[kind]),
  );
  const extras = [
    describeCount(
      summary.removed,
      summary.replaced > 0
        ? `removed (${summary.replaced} replaced by the same file under another URL)`
        : 'removed',
    ),
    describeCount(summary.carriedForward, 'carried forward'),
    describeCount(summary.heldBack, 'held back'),
    describeCount(summary.spared?.recheck ?? 0, 'not asked again'),
    describeCount(summary.spared?.read ?? 0, 'recently read by the catalog'),
    describeCount(summary.spared?.search ?? 0, 'decided by code search'),
  ];
  const repositories = plural(summary.repositories, 'repository', 'repositories');
  const locations = plural(summary.locations, 'Location', 'Locations');
  const left = kinds.length === 0 ? repositories : `${repositories}: ${kinds.join(', ')}`;
  const right = [`${locations} in the catalog`, ...extras.flatMap(extra => extra ?? [])];
  return `${left}; ${right.join(', ')}`;
}

function describeKind(count: number, kind: OutcomeKind, reasons: ReasonCounts): string {
  const detail = Object.entries(reasons)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, times]) => `${times} ${reason}`);
  return detail.length === 0
    ? `${count} ${kind}`
    : `${count} ${kind} (${detail.join(', ')})`;
}

function describeCount(count: number, what: string): string | undefined {
  return count === 0 ? undefined : `${count} ${what}`;
}

function plural(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}
