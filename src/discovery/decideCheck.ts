/**
 * Decides whether a run checks a repository, or trusts its known state or the results of
 * code search. Pure.
 */

import { CatalogFile, Repository } from '../model';
import { hasSameFiles, getEntryKey } from './locations';
import { toBucket, hasDoubt, RecheckPlan, RecheckRule, ruleWith } from './recheck';
import { KnownRepository, ConclusiveOutcome, SparedBy } from './types';

/** Whether a run checks a repository, and why. */
export type CheckDecision =
  | { readonly kind: 'check'; readonly because: CheckReason }
  | {
      readonly kind: 'spared';
      readonly outcome: ConclusiveOutcome;
      readonly by: SparedBy;
      /** Whether it had no conclusive state before. */
      readonly isNew: boolean;
    };

type CheckReason =
  | 'everything-is'
  | 'never-checked'
  | 'in-doubt'
  | 'changed'
  | 'has-no-file'
  | 'may-have-more'
  | 'not-readable'
  | 'shown-by-search'
  | 'due';

/** The results of code search for one repository. */
export interface Shown {
  /** Paths of catalog files. */
  readonly paths: readonly string[];
  /** Whether search covers the repository, so that missing hits mean something. */
  readonly isCovered: boolean;
}

/** The facts that a decision is based on. */
interface Evidence {
  readonly repository: Repository;
  readonly known: KnownRepository | undefined;
  readonly shown: Shown;
  /** URLs of files that the catalog has read recently: a check would find nothing new. */
  readonly read?: ReadonlySet<string>;
  /** Converts paths to the files that would be registered now. */
  readonly spell: (paths: readonly string[]) => readonly CatalogFile[];
}

const NO_FILE = { kind: 'absent', reason: 'no-catalog-file' } as const;

/** Decides whether a run checks a repository that passed the filters. */
export function decideCheck(plan: RecheckPlan, evidence: Evidence): CheckDecision {
  const { repository, known, shown } = evidence;
  if (!plan.rule) {
    return check('everything-is');
  }
  if (!isAvailable(repository)) {
    return check('changed');
  }
  if (!known?.conclusive) {
    return decideNew(plan, plan.rule, evidence);
  }
  if (hasDoubt(known)) {
    return check('in-doubt');
  }
  if (!isAsListed(known, repository)) {
    return check('changed');
  }
  const { conclusive } = known;
  const rule = ruleWith(plan.rule, shown.isCovered);
  switch (conclusive.kind) {
    case 'registered':
      return decideFound(plan, rule, evidence, known);
    case 'absent':
      if (shown.paths.length > 0) {
        return check('shown-by-search');
      }
      return rule.absentMs && !plan.due.absent.has(toBucket(repository.id))
        ? { kind: 'spared', outcome: conclusive, by: 'search', isNew: false }
        : check('has-no-file');
    default:
      return check('changed');
  }
}

function decideFound(
  plan: RecheckPlan,
  rule: RecheckRule,
  { read, shown, spell }: Evidence,
  { repositoryId, conclusive, files }: KnownRepository,
): CheckDecision {
  const paths = files.map(file => file.path);
  const hasAll = files.length >= (plan.rule?.minFiles ?? 0);
  if (!shown.paths.every(path => paths.includes(path))) {
    return check('shown-by-search');
  }
  if (!hasAll && !isGainNoticed(files, rule)) {
    return check('may-have-more');
  }
  const turn = turnOf(plan, { repositoryId, files }, read);
  if (turn === 'not-readable' || turn === 'due') {
    return check(turn);
  }
  const by = turn ?? (hasAll ? 'recheck' : 'search');
  return conclusive && hasSameFiles(spell(paths), files)
    ? { kind: 'spared', outcome: conclusive, by, isNew: false }
    : check('changed');
}

/**
 * Whether known files are due for a check, and whether a recent read by the catalog
 * replaces it.
 */
function turnOf(
  { due, unreadable }: RecheckPlan,
  { repositoryId, files }: Pick<KnownRepository, 'repositoryId' | 'files'>,
  read: ReadonlySet<string> | undefined,
): 'not-readable' | 'due' | 'read' | undefined {
  if (files.some(file => unreadable?.has(file.targetUrl))) {
    return 'not-readable';
  }
  if (!due.found.has(toBucket(repositoryId))) {
    return undefined;
  }
  return files.every(file => read?.has(file.targetUrl)) ? 'read' : 'due';
}

/**
 * Whether further files are noticed in time: a hint from search alone must not be trusted
 * longer than an absence.
 */
function isGainNoticed(
  files: readonly CatalogFile[],
  { foundMs, absentMs = 0, minFiles }: RecheckRule,
): boolean {
  return files.length >= minFiles && foundMs <= absentMs;
}

/**
 * Decides about a repository without conclusive state. Hits of search are registered,
 * unless the catalog holds other files of the repository. A missing hit is trusted in the
 * very first run only, not for repositories that are created later: search may not have
 * indexed them yet.
 */
function decideNew(
  { before }: RecheckPlan,
  { absentMs }: RecheckRule,
  { known, shown, spell }: Evidence,
): CheckDecision {
  const held = known?.files ?? [];
  const spared = { kind: 'spared', by: 'search', isNew: true } as const;
  if (known?.problem) {
    return check('in-doubt');
  }
  if (shown.paths.length > 0) {
    const files = spell(shown.paths);
    const keys = new Set(files.map(getEntryKey));
    return held.every(file => keys.has(getEntryKey(file)))
      ? { ...spared, outcome: { kind: 'registered', files } }
      : check('never-checked');
  }
  const isBelieved = !before && held.length === 0 && shown.isCovered && absentMs;
  return isBelieved ? { ...spared, outcome: NO_FILE } : check('never-checked');
}

function check(because: CheckReason): CheckDecision {
  return { kind: 'check', because };
}

function isAvailable({ state = 'AVAILABLE' }: Repository): boolean {
  return state === 'AVAILABLE';
}

/**
 * Whether the repository is unchanged: neither renamed nor moved, nor another one with
 * the same id.
 */
function isAsListed(known: KnownRepository, listed: Repository): boolean {
  return (
    known.projectKey === listed.projectKey &&
    known.slug === listed.slug &&
    known.hierarchyId === listed.hierarchyId
  );
}
