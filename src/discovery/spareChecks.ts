/**
 * Determines which repositories a run need not check: those whose state is still trusted,
 * and those covered by code search if a search is worthwhile.
 */

import { CatalogFile, Repository } from '../model';
import { forEachInTurns, mapInTurns } from '../util/clock';
import { toCatalogFiles } from './findCatalogFiles';
import { hasSameIdentity } from './identify';
import { RecheckPlan, toBucket, hasDoubt, ruleWith } from './recheck';
import { RecheckRule } from './recheckState';
import { searchCatalogFiles, SearchResult } from './searchCatalogFiles';
import {
  DiscoveryScope,
  KnownRepository,
  RepositorySource,
  SearchUse,
  ConclusiveOutcome,
  SparedBy,
} from './types';
import { hasSameFiles, getEntryKey } from './locations';

/** Checking fewer repositories costs about as little as a search. */
const MIN_CHECKS_WORTH_A_SEARCH = 50;

const NOT_SEARCHED: Shown = { paths: [], isCovered: false };

/** The decision about each repository. */
export interface SparedChecks {
  readonly due: readonly Repository[];
  readonly spared: readonly {
    readonly repository: Repository;
    readonly decision: Extract<CheckDecision, { kind: 'spared' }>;
  }[];
  /** `undefined` if a search was not worthwhile. */
  readonly search?: SearchUse;
}

/** Input of the decision. */
export interface SpareTools {
  readonly source: RepositorySource;
  readonly known: ReadonlyMap<number, KnownRepository>;
  /** Returns the files that the catalog holds for a repository and at its address. */
  readonly getFiles: (repository: Repository) => readonly CatalogFile[];
  readonly signal?: AbortSignal;
}

/** Evidence collected before a decision. */
interface Shows {
  readonly read?: ReadonlySet<string>;
  readonly search?: Extract<SearchResult, { kind: 'used' }>;
}

/**
 * Decides which repositories are due, after a code search if that saves requests. Throws
 * only what the source throws.
 */
export async function spareChecks(
  repositories: readonly Repository[],
  scope: DiscoveryScope,
  plan: RecheckPlan | undefined,
  tools: SpareTools,
): Promise<SparedChecks> {
  if (!plan?.rule) {
    return { due: repositories, spared: [] };
  }
  const decide = (shows: Shows) => decideAll(repositories, scope, plan, tools, shows);
  const unread = await decide({});
  // A read of known files proves nothing if the configuration has changed since.
  const findRead = plan.before && plan.findRead;
  const read = await findRead?.(await getUrls(unread.due, tools.known));
  const alone = read && read.size > 0 ? await decide({ read }) : unread;
  if (!plan.maySearch || alone.due.length < MIN_CHECKS_WORTH_A_SEARCH) {
    return alone;
  }
  const search = await searchCatalogFiles(repositories, scope, tools);
  return search.kind === 'off'
    ? { ...alone, search }
    : {
        ...(await decide({ read, search })),
        search: { kind: 'used' },
      };
}

async function decideAll(
  repositories: readonly Repository[],
  scope: DiscoveryScope,
  plan: RecheckPlan,
  { source, known, getFiles }: SpareTools,
  { read, search }: Shows,
): Promise<SparedChecks> {
  const decisions = await mapInTurns(repositories, repository => {
    const stored = known.get(repository.id);
    const shown = search
      ? {
          paths: search.hits.get(repository.id) ?? [],
          isCovered: search.covers(repository),
        }
      : NOT_SEARCHED;
    const spell = (paths: readonly string[]) => {
      const before = getFiles(repository);
      return toCatalogFiles(repository, paths, scope, { source, before, proven: paths });
    };
    return {
      repository,
      decision: decideCheck(plan, { repository, known: stored, read, shown, spell }),
    };
  });
  return {
    due: decisions.flatMap(({ decision, repository }) =>
      decision.kind === 'check' ? [repository] : [],
    ),
    spared: decisions.flatMap(({ repository, decision }) =>
      decision.kind === 'spared' ? [{ repository, decision }] : [],
    ),
  };
}

/** Returns the URLs of the known files of repositories. */
async function getUrls(
  repositories: readonly Repository[],
  known: ReadonlyMap<number, KnownRepository>,
): Promise<string[]> {
  const urls: string[] = [];
  await forEachInTurns(repositories, ({ id }) => {
    known.get(id)?.files.forEach(file => urls.push(file.targetUrl));
  });
  return urls;
}

/** Whether a run checks a repository, and why. */
type CheckDecision =
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
  if (!hasSameIdentity(known, repository)) {
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
  const turn = getTurn(plan, { repositoryId, files }, read);
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
function getTurn(
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
