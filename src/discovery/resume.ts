/**
 * How a run that never reached its end is resumed by the next one. Pure. A run cut
 * short by its timeout, a restart or a crash must not start over, or it would never end
 * on a huge server.
 */

import { Repository } from '../model';
import { forEachInTurns } from '../util/clock';
import { keyOf } from './locations';
import { DiscoveryScope, KnownRepository, SettledOutcome, RunOrigin } from './types';

/** Older runs are not resumed: what they saw may no longer be so. */
const MAX_AGE_MS = 6 * 3_600_000;

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
  const canGoOn =
    interrupted !== undefined &&
    interrupted.scope === own.scope &&
    interrupted.sinceMs <= nowMs &&
    nowMs - interrupted.sinceMs <= MAX_AGE_MS;
  return canGoOn ? interrupted : own;
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
): SettledOutcome | undefined {
  if (
    origin === undefined ||
    known?.settled === undefined ||
    isDoubtful(known) ||
    (known.revision ?? 0) < origin.sinceRevision ||
    known.projectKey !== repository.projectKey ||
    known.slug !== repository.slug
  ) {
    return undefined;
  }
  const { settled, files } = known;
  const still = new Set(settled.kind === 'registered' ? settled.files.map(keyOf) : []);
  const removesSomething = files.some(file => !still.has(keyOf(file)));
  return settled.kind === 'excluded' || removesSomething ? undefined : settled;
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
