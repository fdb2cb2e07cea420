/**
 * Determines which repositories a run need not check: those whose state is still trusted,
 * and those covered by code search if a search is worthwhile.
 */

import { CatalogFile, Repository } from '../model';
import { forEachInTurns, mapInTurns } from '../util/clock';
import { CheckDecision, decideCheck, Shown } from './decideCheck';
import { toCatalogFiles } from './findCatalogFiles';
import { RecheckPlan } from './recheck';
import { searchCatalogFiles, SearchResult } from './searchCatalogFiles';
import { DiscoveryScope, KnownRepository, RepositorySource, SearchUse } from './types';

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
  readonly filesOf: (repository: Repository) => readonly CatalogFile[];
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
  const read = await findRead?.(await urlsOf(unread.due, tools.known));
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
  { source, known, filesOf }: SpareTools,
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
      const before = filesOf(repository);
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
async function urlsOf(
  repositories: readonly Repository[],
  known: ReadonlyMap<number, KnownRepository>,
): Promise<string[]> {
  const urls: string[] = [];
  await forEachInTurns(repositories, ({ id }) => {
    known.get(id)?.files.forEach(file => urls.push(file.targetUrl));
  });
  return urls;
}
