/**
 * When runs look again at what is known. Pure. The catalog itself reads every file it has been
 * given, so a file once found is believed for some hours; what is not there may come any time.
 *
 * Repositories are in buckets, and those of one bucket are looked at together: so it takes no
 * row per repository to remember when that was.
 */

import { hasSameFiles } from './locations';
import { DiscoveryScope, KnownRepository, RunOrigin } from './types';

/** Runs that come more often than this many times in half an interval have none on some turns. */
export const RECHECK_BUCKETS = 64;

/** When complete runs last looked: `null` where none has under this configuration. */
export type Looks = readonly (Look | null)[];

/** A look of a run. */
export interface Look {
  readonly revision: number;
  /** Epoch milliseconds. */
  readonly atMs: number;
}

/** What is remembered of looks, a bucket each. */
export interface RecheckState {
  /** Fingerprint of what was looked for: another one makes everything due. */
  readonly configuration: string;
  /** What the last run has believed; left out where it has looked at everything. */
  readonly rule?: RecheckRule;
  /** At repositories that have files. */
  readonly found: Looks;
  /** At those that have none. */
  readonly absent: Looks;
}

/** What is believed without a look, and how long. */
export interface RecheckRule {
  /** How long a file once found is, milliseconds. */
  readonly foundMs: number;
  /** How long it is that there is none, milliseconds; left out where every run looks. */
  readonly absentMs?: number;
  /** Of a repository with fewer files, every run looks for the others. */
  readonly minFiles: number;
}

/** Buckets whose repositories are due. */
interface DueBuckets {
  readonly found: ReadonlySet<number>;
  readonly absent: ReadonlySet<number>;
}

const ALL_BUCKETS: ReadonlySet<number> = new Set(
  Array.from({ length: RECHECK_BUCKETS }, (_, bucket) => bucket),
);

const EVERYTHING_DUE: DueBuckets = { found: ALL_BUCKETS, absent: ALL_BUCKETS };

/** A glob may always match one more. */
const MORE_THAN_ANY = Number.MAX_SAFE_INTEGER;

/** What a run believes and what it looks at. */
export interface RecheckPlan {
  readonly configuration: string;
  /** `undefined` where everything is looked at every time. */
  readonly rule: RecheckRule | undefined;
  readonly due: DueBuckets;
  /** Code search may be asked, where that is worth it. */
  readonly maySearch: boolean;
  /** What is remembered of earlier runs that have looked for the same. */
  readonly before?: RecheckState;
  /** URLs of files that the catalog could not read when it last tried. */
  readonly unreadable?: ReadonlySet<string>;
  /** Those of some URLs that the catalog has read in the time for which a file once found is believed. */
  readonly findRead?: (urls: readonly string[]) => Promise<ReadonlySet<string>>;
}

/**
 * What of one kind of configuration may be believed where search covers it.
 *
 * @remarks A glob may match another file any time, and what a location parser makes of a file
 * changes with it. What is registered unchecked costs no request.
 *
 * @returns `undefined` where every run looks at everything
 */
export function toRecheckRule(
  scope: Pick<DiscoveryScope, 'catalogPaths' | 'isParsed' | 'validateLocationsExist'>,
  { foundMs, absentMs }: { readonly foundMs: number; readonly absentMs: number },
): RecheckRule | undefined {
  const isPlain = scope.catalogPaths.every(one => one.kind === 'plain');
  return scope.validateLocationsExist && !scope.isParsed
    ? { foundMs, absentMs, minFiles: isPlain ? scope.catalogPaths.length : MORE_THAN_ANY }
    : undefined;
}

/** What holds of a rule for a repository that search covers, or does not. */
export function ruleWith(
  { foundMs, absentMs, minFiles }: RecheckRule,
  isCovered: boolean,
): RecheckRule {
  return isCovered ? { foundMs, absentMs, minFiles: 1 } : { foundMs, minFiles };
}

/**
 * Plans what a run looks at: what is due, or everything after a change of the configuration,
 * or where somebody asks for a run by hand.
 *
 * @param request - `configuration`: fingerprint of what is looked for now
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
  // By hand, everything is looked at: nothing is believed.
  const rule = isManual ? undefined : rest.rule;
  const due = rule && before ? findDue(before, rule, nowMs) : EVERYTHING_DUE;
  return { configuration, rule, due, maySearch: rest.maySearch, before };
}

function findDue(state: RecheckState, rule: RecheckRule, nowMs: number): DueBuckets {
  const dueOf = (looks: Looks, intervalMs: number) => {
    const isDue = (bucket: number) => {
      const look = looks[bucket];
      // A clock that was ahead then must not put checks off now.
      return (
        !look || look.atMs > nowMs || dueAtMs(look.atMs, bucket, intervalMs) <= nowMs
      );
    };
    return new Set([...ALL_BUCKETS].filter(isDue));
  };
  return {
    found: dueOf(state.found, rule.foundMs),
    absent: dueOf(state.absent, rule.absentMs ?? 0),
  };
}

/**
 * When a bucket is due: later than after half of the interval, after all of it at the
 * latest, each bucket at its own time, however many were looked at together.
 */
function dueAtMs(lookAtMs: number, bucket: number, intervalMs: number): number {
  const half = intervalMs / 2;
  if (half === 0) {
    return lookAtMs;
  }
  const phase = (bucket / RECHECK_BUCKETS) * half;
  return phase + (Math.floor((lookAtMs + half - phase) / half) + 1) * half;
}

/**
 * The files of which a read tells what a look would.
 *
 * @param reads - when files were read and found, epoch milliseconds by URL
 */
export function readLately(
  reads: ReadonlyMap<string, number>,
  { foundMs }: RecheckRule,
  nowMs: number,
): Set<string> {
  // The clock of another replica that is ahead must not put checks off.
  const isLate = (atMs: number) => atMs <= nowMs && nowMs - atMs < foundMs;
  return new Set([...reads].flatMap(([url, atMs]) => (isLate(atMs) ? [url] : [])));
}

/**
 * What is remembered once a run has reached its end.
 *
 * @param hasSearched - code search has spared looks where there is no file
 */
export function stateAfterRun(
  { configuration, rule, due, before }: RecheckPlan,
  origin: RunOrigin,
  hasSearched: boolean,
): RecheckState {
  const look = { revision: origin.sinceRevision, atMs: origin.sinceMs };
  const looksAfter = (dueNow: ReadonlySet<number>, looks: Looks | undefined) =>
    [...ALL_BUCKETS].map(bucket =>
      dueNow.has(bucket) ? look : (looks?.[bucket] ?? null),
    );
  const nextRule = rule ? ruleWith(rule, hasSearched) : before?.rule;
  return {
    configuration,
    ...(nextRule && { rule: nextRule }),
    found: looksAfter(due.found, before?.found),
    absent: looksAfter(hasSearched ? due.absent : ALL_BUCKETS, before?.absent),
  };
}

/** When complete runs have last looked at a repository, as far as that is remembered. */
export function getBucketLook(
  state: RecheckState | null | undefined,
  { repositoryId, conclusive }: KnownRepository,
): Look | undefined {
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
 * From when on a run looks at a repository again.
 *
 * @returns `undefined` where the next one does, whenever that is
 */
export function recheckDueAtMs(
  state: RecheckState | null | undefined,
  known: KnownRepository,
): number | undefined {
  const look = getBucketLook(state, known);
  const rule = state?.rule;
  if (!look || !rule || hasDoubt(known)) {
    return undefined;
  }
  const bucket = toBucket(known.repositoryId);
  const believedMs =
    known.conclusive?.kind === 'absent'
      ? rule.absentMs
      : known.files.length >= rule.minFiles
        ? rule.foundMs
        : undefined;
  return believedMs ? dueAtMs(look.atMs, bucket, believedMs) : undefined;
}

/** The last look told nothing, or something stays in the catalog that it has not found. */
export function hasDoubt({ problem, conclusive, files }: KnownRepository): boolean {
  const found = conclusive?.kind === 'registered' ? conclusive.files : [];
  return problem !== undefined || !hasSameFiles(found, files);
}

/** Ids follow one another, and so do the repositories of a project: they are mixed. */
export function toBucket(repositoryId: number): number {
  const mixed = Math.imul(repositoryId ^ (repositoryId >>> 16), 0x45d9f3b);
  return ((mixed ^ (mixed >>> 16)) >>> 0) % RECHECK_BUCKETS;
}
