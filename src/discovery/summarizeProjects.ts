/** Summarizes a run per project, with the changes that no event had announced. Pure. */

import { RepositoryOutcome } from '../model';
import { forEachInTurns } from '../util/clock';
import { getRegisteredFiles, getEntryKey } from './locations';
import { Run } from './performRun';
import { KnownRepository } from './types';

/** One project after a run. */
export interface ProjectSummary {
  readonly projectKey: string;
  readonly registered: number;
  /** Repositories whose catalog files changed without an event about their project. */
  readonly unannounced: number;
}

/** The events received before a run. */
export interface Announcements {
  /**
   * Time of the previous run, epoch milliseconds: repositories not known then are new.
   */
  readonly sinceMs: number;
  /**
   * Returns when the last event about a project arrived, epoch milliseconds; `undefined`
   * if none ever did.
   */
  lastEventMs(projectKey: string): number | undefined;
}

/**
 * Summarizes a run project by project, without projects in which the filters exclude
 * everything.
 *
 * @remarks A change counts as announced if any event about its project has arrived since
 * the last check of the repository: it is then not certain that the event for this change
 * was missing.
 *
 * @param announcements - omitted if the findings do not indicate changes, as in the first
 * run
 * @returns in no particular order
 */
export async function summarizeProjects(
  { result, reconciliation }: Pick<Run, 'result' | 'reconciliation'>,
  announcements?: Announcements,
): Promise<ProjectSummary[]> {
  const projects = new Map<string, ProjectSummary>();
  const count = (projectKey: string, counts: Partial<typeof NONE>) => {
    const key = projectKey.toLowerCase();
    const { registered, unannounced } = projects.get(key) ?? NONE;
    projects.set(key, {
      projectKey,
      registered: registered + (counts.registered ?? 0),
      unannounced: unannounced + (counts.unannounced ?? 0),
    });
  };
  const lostIds = new Set(reconciliation.removed.map(location => location.repository.id));
  await forEachInTurns(result.known.values(), known => {
    const { repositoryId: id, projectKey } = known;
    // Counted when it leaves the catalog, not in each run that holds it back.
    const isGone = result.goneRepositoryIds.has(id) && lostIds.has(id);
    if (isGone && isUnannounced([projectKey], known, announcements)) {
      count(projectKey, { unannounced: 1 });
    }
  });
  await forEachInTurns(result.repositories.values(), ({ repository, outcome }) => {
    const { projectKey } = repository;
    const knownBefore = result.known.get(repository.id);
    if (outcome.kind !== 'excluded') {
      count(projectKey, { registered: outcome.kind === 'registered' ? 1 : 0 });
    }
    const keys = [projectKey, ...(knownBefore ? [knownBefore.projectKey] : [])];
    if (
      hasChanged(outcome, knownBefore) &&
      isUnannounced(keys, knownBefore, announcements)
    ) {
      count(projectKey, { unannounced: 1 });
    }
  });
  return [...projects.values()];
}

const NONE = { registered: 0, unannounced: 0 };

/** Whether the files changed; an unknown outcome, then or now, is not a change. */
function hasChanged(
  outcome: RepositoryOutcome,
  knownBefore: KnownRepository | undefined,
): boolean {
  if (outcome.kind === 'unknown' || (knownBefore && !knownBefore.conclusive)) {
    return false;
  }
  const now = new Set(getRegisteredFiles(outcome).map(getEntryKey));
  const then = new Set(
    knownBefore?.conclusive
      ? getRegisteredFiles(knownBefore.conclusive).map(getEntryKey)
      : [],
  );
  return now.size !== then.size || [...then].some(key => !now.has(key));
}

/** @param projectKeys - the keys of its current and its former project */
function isUnannounced(
  projectKeys: readonly string[],
  knownBefore: KnownRepository | undefined,
  announcements: Announcements | undefined,
): boolean {
  if (!announcements) {
    return false;
  }
  const lastCheckMs = knownBefore?.checkedAtMs ?? announcements.sinceMs;
  return projectKeys.every(
    key => (announcements.lastEventMs(key) ?? -Infinity) < lastCheckMs,
  );
}
