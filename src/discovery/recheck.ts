/**
 * When runs look again at what is known. Pure. The catalog itself reads every file it has been
 * given, so a file once found is believed for some hours; what is not there may come any time.
 *
 * Repositories are in buckets, and those of one bucket are looked at together: so it takes no
 * row per repository to remember when that was.
 */

import { Repository } from '../model';
import { hasSameFiles } from './locations';
import { DiscoveryScope, KnownRepository, RunOrigin, SettledOutcome } from './types';

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
}

/** What is believed without a look, and how long. */
export interface RecheckRule {
  /** How long a file once found is, milliseconds. */
  readonly foundMs: number;
  /** Of a repository with fewer files, every run looks for the others. */
  readonly minFiles: number;
}

/** Buckets whose repositories are due. */
export interface DueBuckets {
  readonly found: ReadonlySet<number>;
}

const ALL_BUCKETS: ReadonlySet<number> = new Set(
  Array.from({ length: RECHECK_BUCKETS }, (_, bucket) => bucket),
);

const EVERYTHING_DUE: DueBuckets = { found: ALL_BUCKETS };

/** What a run believes and what it looks at. */
export interface RecheckPlan {
  readonly configuration: string;
  /** `undefined` where everything is looked at every time. */
  readonly rule: RecheckRule | undefined;
  readonly due: DueBuckets;
  /** What is remembered of earlier runs that have looked for the same. */
  readonly before?: RecheckState;
  /** URLs of files that the catalog could not read when it last tried. */
  readonly unreadable?: ReadonlySet<string>;
}

/**
 * What of one kind of configuration may be believed.
 *
 * @remarks A glob may match another file any time, and what a location parser makes of a file
 * changes with it. What is registered unchecked costs no request.
 *
 * @returns `undefined` where every run looks at everything
 */
export function recheckRuleOf(
  scope: Pick<DiscoveryScope, 'catalogPaths' | 'isParsed' | 'validateLocationsExist'>,
  recheck: { readonly foundMs: number },
): RecheckRule | undefined {
  const isPlain = scope.catalogPaths.every(one => one.kind === 'plain');
  const isBelieved = isPlain && scope.validateLocationsExist && !scope.isParsed;
  return isBelieved && recheck.foundMs > 0
    ? { foundMs: recheck.foundMs, minFiles: scope.catalogPaths.length }
    : undefined;
}

/**
 * Plans what a run looks at: what is due, or everything after a change of the configuration,
 * or where somebody asks for a run by hand.
 *
 * @param request - `configuration`: fingerprint of what is looked for now
 */
export function planRecheck(
  state: RecheckState | undefined,
  request: Pick<RecheckPlan, 'configuration' | 'rule'> & {
    readonly isManual: boolean;
    readonly nowMs: number;
  },
): RecheckPlan {
  const { configuration, rule, isManual, nowMs } = request;
  const before = state?.configuration === configuration ? state : undefined;
  const due = rule && before && !isManual ? findDue(before, rule, nowMs) : EVERYTHING_DUE;
  return { configuration, rule, due, before };
}

function findDue(state: RecheckState, rule: RecheckRule, nowMs: number): DueBuckets {
  const isDue = (bucket: number) => {
    const look = state.found[bucket];
    // A clock that was ahead then must not put checks off now.
    return (
      !look || look.atMs > nowMs || dueAtMs(look.atMs, bucket, rule.foundMs) <= nowMs
    );
  };
  return { found: new Set([...ALL_BUCKETS].filter(isDue)) };
}

/**
 * When a bucket is due: later than after half of the interval, after all of it at the
 * latest, each bucket at its own time, however many were looked at together.
 */
function dueAtMs(lookAtMs: number, bucket: number, intervalMs: number): number {
  const half = intervalMs / 2;
  const phase = (bucket / RECHECK_BUCKETS) * half;
  return phase + (Math.floor((lookAtMs + half - phase) / half) + 1) * half;
}

/** What is remembered once a run has reached its end. */
export function stateAfterRun(
  { configuration, rule, due, before }: RecheckPlan,
  origin: RunOrigin,
): RecheckState {
  const look = { revision: origin.sinceRevision, atMs: origin.sinceMs };
  const found = [...ALL_BUCKETS].map(bucket =>
    due.found.has(bucket) ? look : (before?.found[bucket] ?? null),
  );
  return { configuration, ...(rule && { rule }), found };
}

/** When complete runs have last looked at a repository, as far as that is remembered. */
export function lookAtBucketOf(
  state: RecheckState | null | undefined,
  { repositoryId, settled }: KnownRepository,
): Look | undefined {
  return settled?.kind === 'registered'
    ? (state?.found[bucketOf(repositoryId)] ?? undefined)
    : undefined;
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
  const look = lookAtBucketOf(state, known);
  return look && state?.rule && !findDoubt(known) && hasAllFiles(known, state.rule)
    ? dueAtMs(look.atMs, bucketOf(known.repositoryId), state.rule.foundMs)
    : undefined;
}

/** Whether a run looks at a repository, and why. */
export type CheckDecision =
  | { readonly kind: 'look'; readonly because: LookReason }
  | { readonly kind: 'believe'; readonly outcome: SettledOutcome };

type LookReason =
  | 'never-looked-at'
  | 'unknown'
  | 'something-stays-that-was-not-found'
  | 'changed'
  | 'has-no-file'
  | 'may-have-more'
  | 'not-readable'
  | 'due';

/**
 * Decides whether a run looks at a repository that the filters let through.
 *
 * @param spell - the files of these paths as they would be registered now
 */
export function decideCheck(
  repository: Repository,
  known: KnownRepository | undefined,
  { rule, due, unreadable }: Pick<RecheckPlan, 'rule' | 'due' | 'unreadable'>,
  spell: (paths: readonly string[]) => KnownRepository['files'],
): CheckDecision {
  const because = (reason: LookReason): CheckDecision => ({
    kind: 'look',
    because: reason,
  });
  const doubt = findDoubt(known);
  if (!known?.settled || doubt) {
    return because(doubt ?? 'never-looked-at');
  }
  if (!isAsListed(known, repository)) {
    return because('changed');
  }
  if (known.settled.kind !== 'registered') {
    return because('has-no-file');
  }
  if (!rule || !hasAllFiles(known, rule)) {
    return because('may-have-more');
  }
  if (due.found.has(bucketOf(repository.id))) {
    return because('due');
  }
  if (known.files.some(one => unreadable?.has(one.targetUrl))) {
    return because('not-readable');
  }
  return hasSameFiles(spell(known.files.map(one => one.path)), known.files)
    ? { kind: 'believe', outcome: known.settled }
    : because('changed');
}

function findDoubt(known: KnownRepository | undefined): LookReason | undefined {
  if (!known?.settled) {
    return 'never-looked-at';
  }
  if (known.problem) {
    return 'unknown';
  }
  const { settled, files } = known;
  return hasSameFiles(settled.kind === 'registered' ? settled.files : [], files)
    ? undefined
    : 'something-stays-that-was-not-found';
}

/** Neither renamed nor moved, nor another repository with the same id. */
function isAsListed(known: KnownRepository, listed: Repository): boolean {
  return (
    known.projectKey === listed.projectKey &&
    known.slug === listed.slug &&
    known.hierarchyId === listed.hierarchyId &&
    (listed.state === undefined || listed.state === 'AVAILABLE')
  );
}

function hasAllFiles({ files }: KnownRepository, { minFiles }: RecheckRule): boolean {
  return files.length >= minFiles;
}

/** Ids follow one another, and so do the repositories of a project: they are mixed. */
function bucketOf(repositoryId: number): number {
  const mixed = Math.imul(repositoryId ^ (repositoryId >>> 16), 0x45d9f3b);
  return ((mixed ^ (mixed >>> 16)) >>> 0) % RECHECK_BUCKETS;
}
