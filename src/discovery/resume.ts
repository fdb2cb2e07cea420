/**
 * How a run that never reached its end is resumed by the next one. Pure. A run cut
 * short by its timeout, a restart or a crash must not start over, or it would never end
 * on a huge server.
 */

import { Repository, RepositoryOutcome } from '../model';
import { forEachInTurns } from '../util/clock';
import { getEntryKey } from './locations';
import {
  DiscoveryResult,
  DiscoveryScope,
  KnownRepository,
  ConclusiveOutcome,
  RunOrigin,
} from './types';

/** Older runs are not resumed: what they saw may no longer be so. */
const MAX_AGE_MS = 6 * 3_600_000;

/** Of what a run has not looked at yet. */
export const NOT_CHECKED = {
  kind: 'unknown',
  reason: 'not-checked',
  detail: 'the run ended before this repository was looked at',
} as const;

/** Of what the listing lacks, until it is asked for. */
export function unlistedOutcome(listing: DiscoveryResult['listing']): RepositoryOutcome {
  if (listing.continuesAt === undefined) {
    return NOT_CHECKED;
  }
  const detail = listing.problems.map(one => one.problem.detail).join('; ');
  return { ...NOT_CHECKED, detail };
}

/** What a run looks for, in a comparable form: outcomes of another kind of look do not count. */
export function scopeFingerprint(scope: DiscoveryScope): string {
  const paths = scope.catalogPaths.map(one =>
    one.kind === 'plain' ? one.path : `glob:${one.pattern}`,
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
 * Where a run begins: where the interrupted one did, if that can be resumed, or by itself.
 *
 * @param revision - of the run
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
  // The rest of the listing is as unknown as it was, however long ago the other part was read.
  const { listingFrom } = interrupted;
  return canGoOn ? interrupted : { ...own, ...(listingFrom && { listingFrom }) };
}

/**
 * What the next run resumes.
 *
 * @remarks Where a run was cut short whose listing was cut short before, the same part is
 * listed again: not everything in it was looked at.
 *
 * @param origin - where this run began
 * @returns `undefined` where the next run begins by itself
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
 * The outcome that the interrupted run, or one it had resumed, came to, if it may stand for a
 * look.
 *
 * @remarks It may not where it would take something out of the catalog: a removal always
 * rests on a look in the very run that removes.
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
  const still = new Set(
    conclusive.kind === 'registered' ? conclusive.files.map(getEntryKey) : [],
  );
  const removesSomething = files.some(file => !still.has(getEntryKey(file)));
  return conclusive.kind === 'excluded' || removesSomething ? undefined : conclusive;
}

/** Somebody has asked since, and was told nothing. */
function isDoubtful({ problem }: KnownRepository): boolean {
  return problem !== undefined && problem.reason !== 'not-checked';
}

/** The order to look in: a run that never reaches its end still reaches everything in time. */
export async function longestUncheckedFirst(
  repositories: readonly Repository[],
  known: ReadonlyMap<number, KnownRepository>,
): Promise<Repository[]> {
  // Grouped first: few revisions are sorted at once where all repositories would hold up others.
  const byLastLook = new Map<number, Repository[]>();
  await forEachInTurns(repositories, one => {
    const lastLook = known.get(one.id)?.revision ?? 0;
    const group = byLastLook.get(lastLook);
    if (group) {
      group.push(one);
    } else {
      byLastLook.set(lastLook, [one]);
    }
  });
  return [...byLastLook].sort(([a], [b]) => a - b).flatMap(([, group]) => group);
}
