/**
 * Decides when runs check known repositories again. Pure. The catalog itself reads every
 * file that it holds, so a known file is trusted for some hours; a missing file may
 * appear any time.
 *
 * Repositories are in buckets, and those of one bucket are checked together, so that no
 * row per repository is needed to store when that was.
 */

import { getRegisteredFiles, hasSameFiles } from './locations';
import { CheckTime, CheckTimes, RecheckRule, RecheckState } from './recheckState';
import { DiscoveryScope, KnownRepository, RunOrigin } from './types';

/**
 * Number of buckets. If there are more runs than this in half an interval, some of them
 * have no bucket due.
 */
export const RECHECK_BUCKETS = 64;

/** The buckets whose repositories are due. */
interface DueBuckets {
  readonly found: ReadonlySet<number>;
  readonly absent: ReadonlySet<number>;
}

const ALL_BUCKETS: ReadonlySet<number> = new Set(
  Array.from({ length: RECHECK_BUCKETS }, (_, bucket) => bucket),
);

const EVERYTHING_DUE: DueBuckets = { found: ALL_BUCKETS, absent: ALL_BUCKETS };

/** A glob may always match a further file. */
const MORE_THAN_ANY = Number.MAX_SAFE_INTEGER;

/** What a run trusts and what it checks. */
export interface RecheckPlan {
  readonly configuration: string;
  /** `undefined` if every run checks everything. */
  readonly rule: RecheckRule | undefined;
  readonly due: DueBuckets;
  /** Whether code search may be used if it is worthwhile. */
  readonly maySearch: boolean;
  /** The state of earlier runs with the same configuration. */
  readonly before?: RecheckState;
  /** URLs of the files that the catalog could not read at its last attempt. */
  readonly unreadable?: ReadonlySet<string>;
  /** Returns those of the URLs that the catalog has read within `rule.foundMs`. */
  readonly findRead?: (urls: readonly string[]) => Promise<ReadonlySet<string>>;
}

/**
 * Returns what may be trusted under a configuration if search covers the repository.
 *
 * @remarks A glob may match another file any time, and the output of a location parser
 * changes with the file. Registering unchecked files costs no request.
 *
 * @returns `undefined` if every run checks everything
 */
export function toRecheckRule(
  scope: Pick<DiscoveryScope, 'catalogPaths' | 'isParsed' | 'validateLocationsExist'>,
  { foundMs, absentMs }: { readonly foundMs: number; readonly absentMs: number },
): RecheckRule | undefined {
  const isPlain = scope.catalogPaths.every(catalogPath => catalogPath.kind === 'plain');
  return scope.validateLocationsExist && !scope.isParsed
    ? { foundMs, absentMs, minFiles: isPlain ? scope.catalogPaths.length : MORE_THAN_ANY }
    : undefined;
}

/**
 * Returns the part of a rule that applies to a repository that search does or does not
 * cover.
 */
export function ruleWith(
  { foundMs, absentMs, minFiles }: RecheckRule,
  isCovered: boolean,
): RecheckRule {
  return isCovered ? { foundMs, absentMs, minFiles: 1 } : { foundMs, minFiles };
}

/**
 * Plans what a run checks: everything that is due, or everything at all after a change of
 * the configuration and in a manual run.
 *
 * @param request - `configuration`: fingerprint of the current configuration
 */
export function planRecheck(
  state: RecheckState | undefined,
  request: Pick<RecheckPlan, 'configuration' | 'rule' | 'maySearch'> & {
    readonly isManual: boolean;
    readonly nowMs: number;
  },
): RecheckPlan {
  const { configuration, isManual, nowMs, ...rest } = request;
  const before = state?.configuration === configuration ? state : undefined;
  // A manual run checks everything.
  const rule = isManual ? undefined : rest.rule;
  const due = rule && before ? findDue(before, rule, nowMs) : EVERYTHING_DUE;
  return { configuration, rule, due, maySearch: rest.maySearch, before };
}

function findDue(state: RecheckState, rule: RecheckRule, nowMs: number): DueBuckets {
  const findDue = (times: CheckTimes, intervalMs: number) => {
    const isDue = (bucket: number) => {
      const checkTime = times[bucket];
      // A clock that was ahead at that time must not delay checks now.
      return (
        !checkTime ||
        checkTime.atMs > nowMs ||
        dueAtMs(checkTime.atMs, bucket, intervalMs) <= nowMs
      );
    };
    return new Set([...ALL_BUCKETS].filter(isDue));
  };
  return {
    found: findDue(state.found, rule.foundMs),
    absent: findDue(state.absent, rule.absentMs ?? 0),
  };
}

/**
 * Returns when a bucket is due: after more than half of the interval and at most all of
 * it, at a different time for each bucket, even if many were checked together.
 */
function dueAtMs(checkedAtMs: number, bucket: number, intervalMs: number): number {
  const half = intervalMs / 2;
  if (half === 0) {
    return checkedAtMs;
  }
  const phase = (bucket / RECHECK_BUCKETS) * half;
  return phase + (Math.floor((checkedAtMs + half - phase) / half) + 1) * half;
}

/**
 * Returns the files for which a recent read by the catalog replaces a check.
 *
 * @param reads - when files were read successfully, epoch milliseconds by URL
 */
export function readLately(
  reads: ReadonlyMap<string, number>,
  { foundMs }: RecheckRule,
  nowMs: number,
): Set<string> {
  // The clock of another replica may be ahead; that must not delay checks.
  const isRecent = (atMs: number) => atMs <= nowMs && nowMs - atMs < foundMs;
  return new Set([...reads].flatMap(([url, atMs]) => (isRecent(atMs) ? [url] : [])));
}

/**
 * Returns the state to store after a complete run.
 *
 * @param hasSearched - whether code search replaced checks of repositories without a file
 */
export function stateAfterRun(
  { configuration, rule, due, before }: RecheckPlan,
  origin: RunOrigin,
  hasSearched: boolean,
): RecheckState {
  const checkTime = { revision: origin.sinceRevision, atMs: origin.sinceMs };
  const timesAfter = (dueNow: ReadonlySet<number>, times: CheckTimes | undefined) =>
    [...ALL_BUCKETS].map(bucket =>
      dueNow.has(bucket) ? checkTime : (times?.[bucket] ?? null),
    );
  const nextRule = rule ? ruleWith(rule, hasSearched) : before?.rule;
  return {
    configuration,
    ...(nextRule && { rule: nextRule }),
    found: timesAfter(due.found, before?.found),
    absent: timesAfter(hasSearched ? due.absent : ALL_BUCKETS, before?.absent),
  };
}

/** Returns when a complete run last checked a repository, if that is stored. */
export function getCheckTime(
  state: RecheckState | null | undefined,
  { repositoryId, conclusive }: KnownRepository,
): CheckTime | undefined {
  const bucket = toBucket(repositoryId);
  switch (conclusive?.kind) {
    case 'registered':
      return state?.found[bucket] ?? undefined;
    case 'absent':
      return state?.absent[bucket] ?? undefined;
    default:
      return undefined;
  }
}

/**
 * Returns the time from which a run checks a repository again, epoch milliseconds.
 *
 * @returns `undefined` if the next run checks it, whenever that is
 */
export function recheckDueAtMs(
  state: RecheckState | null | undefined,
  known: KnownRepository,
): number | undefined {
  const checkTime = getCheckTime(state, known);
  const rule = state?.rule;
  if (!checkTime || !rule || hasDoubt(known)) {
    return undefined;
  }
  const bucket = toBucket(known.repositoryId);
  const trustedMs =
    known.conclusive?.kind === 'absent'
      ? rule.absentMs
      : known.files.length >= rule.minFiles
        ? rule.foundMs
        : undefined;
  return trustedMs ? dueAtMs(checkTime.atMs, bucket, trustedMs) : undefined;
}

/**
 * Whether the last check was inconclusive, or the catalog holds files that it did not
 * find.
 */
export function hasDoubt({ problem, conclusive, files }: KnownRepository): boolean {
  return problem !== undefined || !hasSameFiles(getRegisteredFiles(conclusive), files);
}

/**
 * Maps an id to its bucket. Ids are sequential, also within a project, so they are mixed.
 */
export function toBucket(repositoryId: number): number {
  const mixed = Math.imul(repositoryId ^ (repositoryId >>> 16), 0x45d9f3b);
  return ((mixed ^ (mixed >>> 16)) >>> 0) % RECHECK_BUCKETS;
}
