/** From the counts of a run, and from conflicts, to what the gauges show. Pure. */

import {
  Conflict,
  CONFLICT_KINDS,
  distinctConflicts,
} from '../conflicts/describeConflicts';
import { RunSummary } from '../discovery/summarizeRun';
import {
  ABSENCE_REASONS,
  EXCLUSION_REASONS,
  OUTCOME_KINDS,
  OutcomeKind,
  UNKNOWN_REASONS,
} from '../model';

/** A number and what it is about. */
export interface Measurement {
  readonly value: number;
  readonly attributes: Readonly<Record<string, string>>;
}

const REASONS: Readonly<Record<OutcomeKind, readonly string[]>> = {
  registered: [],
  excluded: EXCLUSION_REASONS,
  absent: ABSENCE_REASONS,
  unknown: UNKNOWN_REASONS,
};

/**
 * Repositories by outcome and reason.
 *
 * @remarks Reasons that no repository ended with are there as 0: an SDK goes on exporting
 * the last value of a gauge that is not measured any more.
 */
export function measureRepositories(summary: RunSummary): Measurement[] {
  return OUTCOME_KINDS.flatMap((outcome): Measurement[] => {
    if (outcome === 'registered') {
      return [{ value: summary.registered, attributes: { outcome } }];
    }
    const counts = summary.reasons[outcome];
    const reasons = new Set([...REASONS[outcome], ...Object.keys(counts)]);
    return [...reasons].map(reason => ({
      value: counts[reason] ?? 0,
      attributes: { outcome, reason },
    }));
  });
}

/** Locations by state; those carried forward and held back are among the known ones. */
export function measureLocations(summary: RunSummary): Measurement[] {
  return [
    { value: summary.locations, attributes: { state: 'known' } },
    { value: summary.heldBack, attributes: { state: 'held_back' } },
    { value: summary.carriedForward, attributes: { state: 'carried_forward' } },
  ];
}

/** Conflicts by kind, each once. */
export function measureConflicts(conflicts: readonly Conflict[]): Measurement[] {
  const distinct = distinctConflicts(conflicts);
  return CONFLICT_KINDS.map(kind => ({
    value: distinct.filter(one => one.kind === kind).length,
    attributes: { kind },
  }));
}
