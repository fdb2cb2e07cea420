/**
 * Decides how the next run resumes one that did not complete. Pure. After a timeout, a
 * restart or a crash a run must not start over, or it would never complete on a huge
 * server.
 */

import { Repository, RepositoryOutcome } from '../model';
import { forEachInTurns } from '../util/clock';
import { getEntryKey, getRegisteredFiles } from './locations';
import {
  DiscoveryResult,
  DiscoveryScope,
  KnownRepository,
  ConclusiveOutcome,
  RunOrigin,
} from './types';

/** Older runs are not resumed: their findings may be outdated. */
const MAX_AGE_MS = 6 * 3_600_000;

/** The outcome of a repository that a run has not checked yet. */
export const NOT_CHECKED = {
  kind: 'unknown',
  reason: 'not-checked',
  detail: 'the run ended before this repository was checked',
} as const;

/**
 * Returns the outcome of a repository missing from the listing, until it is looked up.
 */
export function unlistedOutcome(listing: DiscoveryResult['listing']): RepositoryOutcome {
  if (listing.continuesAt === undefined) {
    return NOT_CHECKED;
  }
  const detail = listing.problems.map(problem => problem.problem.detail).join('; ');
  return { ...NOT_CHECKED, detail };
}

/**
 * Returns the discovery scope in a comparable form: outcomes under another scope do not
 * count.
 */
export function scopeFingerprint(scope: DiscoveryScope): string {
  const paths = scope.catalogPaths.map(catalogPath =>
    catalogPath.kind === 'plain' ? catalogPath.path : `glob:${catalogPath.pattern}`,
  );
  return JSON.stringify([
    scope.host,
    paths,
    scope.branch ?? null,
    scope.validateLocationsExist,
    ...(scope.isParsed ? ['parsed'] : []),
  ]);
}

/**
 * Returns the start of the interrupted run if it can be resumed, otherwise a new start.
 *
 * @param revision - of the new run
 */
export function resumeOrStart(
  scope: DiscoveryScope,
  interrupted: RunOrigin | undefined,
  nowMs: number,
  revision: number,
): RunOrigin {
  const own = { sinceMs: nowMs, sinceRevision: revision, scope: scopeFingerprint(scope) };
  if (interrupted?.scope !== own.scope) {
    return own;
  }
  const canGoOn =
    interrupted.sinceMs <= nowMs && nowMs - interrupted.sinceMs <= MAX_AGE_MS;
  // The rest of the listing is still unread, however old the first part is.
  const { listingFrom } = interrupted;
  return canGoOn ? interrupted : { ...own, ...(listingFrom && { listingFrom }) };
}

/**
 * Returns the start of the run that the next one resumes.
 *
 * @remarks If an interrupted run also continued an earlier listing, the next one lists
 * the same part again: not every repository in it was checked.
 *
 * @param origin - start of this run
 * @returns `undefined` if the next run starts afresh
 */
export function originOfNext(
  { interruption, listing }: Pick<DiscoveryResult, 'interruption' | 'listing'>,
  origin: RunOrigin,
): RunOrigin | undefined {
  if (interruption) {
    return origin;
  }
  const { continuesAt } = listing;
  return continuesAt && { ...origin, listingFrom: continuesAt };
}

/**
 * Returns the outcome from the interrupted run, or from one that it had resumed, if it
 * may replace a check.
 *
 * @remarks It may not if it would remove something from the catalog: a removal is always
 * based on a check in the same run.
 */
export function outcomeSince(
  repository: Repository,
  known: KnownRepository | undefined,
  origin: RunOrigin | undefined,
): ConclusiveOutcome | undefined {
  if (
    origin === undefined ||
    known?.conclusive === undefined ||
    isDoubtful(known) ||
    (known.revision ?? 0) < origin.sinceRevision ||
    known.projectKey !== repository.projectKey ||
    known.slug !== repository.slug
  ) {
    return undefined;
  }
  const { conclusive, files } = known;
  const still = new Set(getRegisteredFiles(conclusive).map(getEntryKey));
  const removesSomething = files.some(file => !still.has(getEntryKey(file)));
  return conclusive.kind === 'excluded' || removesSomething ? undefined : conclusive;
}

/** Whether a later check was inconclusive. */
function isDoubtful({ problem }: KnownRepository): boolean {
  return problem !== undefined && problem.reason !== 'not-checked';
}

/**
 * Sorts repositories by their last check, oldest first: even if no run completes, every
 * repository is eventually checked.
 */
export async function longestUncheckedFirst(
  repositories: readonly Repository[],
  known: ReadonlyMap<number, KnownRepository>,
): Promise<Repository[]> {
  // Grouped by revision first: sorting the few revisions is fast, while sorting all
  // repositories would block the process.
  const byLastCheck = new Map<number, Repository[]>();
  await forEachInTurns(repositories, repository => {
    const lastCheck = known.get(repository.id)?.revision ?? 0;
    const group = byLastCheck.get(lastCheck);
    if (group) {
      group.push(repository);
    } else {
      byLastCheck.set(lastCheck, [repository]);
    }
  });
  return [...byLastCheck].sort(([a], [b]) => a - b).flatMap(([, group]) => group);
}
