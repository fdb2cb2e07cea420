/**
 * How a pass that never reached its end is continued by the next run. Pure. A run cut
 * short by its timeout, a restart or a crash must not start over, or it would never end
 * on a huge server.
 */

import { Repository } from '../model';
import { keyOf } from './locations';
import { DiscoveryScope, KnownRepository, SettledOutcome, UnfinishedPass } from './types';

/** Older passes are not continued: what they saw may no longer be so. */
const LONGEST_PASS_MS = 6 * 3_600_000;

/** What a pass looks for, in a comparable form: outcomes of another kind of look do not count. */
export function passScopeOf(scope: DiscoveryScope): string {
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
 * The pass that a run belongs to: the unfinished one where it can be continued, or its own.
 *
 * @param revision - of the run
 */
export function choosePass(
  scope: DiscoveryScope,
  unfinished: UnfinishedPass | undefined,
  nowMs: number,
  revision: number,
): UnfinishedPass {
  const own = { sinceMs: nowMs, sinceRevision: revision, scope: passScopeOf(scope) };
  const canGoOn =
    unfinished !== undefined &&
    unfinished.scope === own.scope &&
    unfinished.sinceMs <= nowMs &&
    nowMs - unfinished.sinceMs <= LONGEST_PASS_MS;
  return canGoOn ? unfinished : own;
}

/**
 * The outcome that an earlier run of the same pass settled, if it may stand for a look.
 *
 * @remarks It may not where it would take something out of the catalog: a removal always
 * rests on a look in the very run that removes.
 */
export function settledInPass(
  repository: Repository,
  known: KnownRepository | undefined,
  pass: UnfinishedPass | undefined,
): SettledOutcome | undefined {
  if (
    pass === undefined ||
    known?.settled === undefined ||
    isDoubtful(known) ||
    (known.revision ?? 0) < pass.sinceRevision ||
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
