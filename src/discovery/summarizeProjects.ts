/** What a run found in each project, and what of it no event had announced. Pure. */

import { RepositoryOutcome } from '../model';
import { forEachInTurns } from '../util/clock';
import { getRegisteredFiles, getEntryKey } from './locations';
import { Run } from './performRun';
import { KnownRepository } from './types';

/** One project after a run. */
export interface ProjectSummary {
  readonly projectKey: string;
  readonly registered: number;
  /** Repositories whose catalog files have changed without an event about their project. */
  readonly unannounced: number;
}

/** What events have told before a run. */
export interface Announcements {
  /** Since the run before: what is not known since then is new. */
  readonly sinceMs: number;
  /** When the last event about a project came; `undefined` where none ever did. */
  lastEventMs(projectKey: string): number | undefined;
}

/**
 * Looks at a run project by project; those of which the filters leave everything out are
 * passed over.
 *
 * @remarks A change counts as announced where any event about its project has come since the
 * repository was last looked at: that one does not tell of it is then not certain.
 *
 * @param announcements - left out where what the run found says nothing of changes, such as
 * in the first one
 * @returns in no order
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
  const before = new Map<number, KnownRepository>();
  const lostIds = new Set(reconciliation.removed.map(one => one.repository.id));
  await forEachInTurns(result.known, one => {
    const { repositoryId: id, projectKey } = one;
    before.set(id, one);
    // Once it has left the catalog, and not in each run that holds it back.
    const isGone = result.goneRepositoryIds.has(id) && lostIds.has(id);
    if (isGone && isUnannounced([projectKey], one, announcements)) {
      count(projectKey, { unannounced: 1 });
    }
  });
  await forEachInTurns(result.repositories, ({ repository, outcome }) => {
    const { projectKey } = repository;
    const was = before.get(repository.id);
    if (outcome.kind !== 'excluded') {
      count(projectKey, { registered: outcome.kind === 'registered' ? 1 : 0 });
    }
    const keys = [projectKey, ...(was ? [was.projectKey] : [])];
    if (hasChanged(outcome, was) && isUnannounced(keys, was, announcements)) {
      count(projectKey, { unannounced: 1 });
    }
  });
  return [...projects.values()];
}

const NONE = { registered: 0, unannounced: 0 };

/** What stayed unknown, then or now, is no change. */
function hasChanged(
  outcome: RepositoryOutcome,
  was: KnownRepository | undefined,
): boolean {
  if (outcome.kind === 'unknown' || (was && !was.conclusive)) {
    return false;
  }
  const now = new Set(getRegisteredFiles(outcome).map(getEntryKey));
  const then = new Set(
    was?.conclusive ? getRegisteredFiles(was.conclusive).map(getEntryKey) : [],
  );
  return now.size !== then.size || [...then].some(key => !now.has(key));
}

/** @param projectKeys - those it is in and was in */
function isUnannounced(
  projectKeys: readonly string[],
  was: KnownRepository | undefined,
  announcements: Announcements | undefined,
): boolean {
  if (!announcements) {
    return false;
  }
  const lastLookMs = was?.checkedAtMs ?? announcements.sinceMs;
  return projectKeys.every(
    key => (announcements.lastEventMs(key) ?? -Infinity) < lastLookMs,
  );
}
