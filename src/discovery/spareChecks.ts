/**
 * Finds out which repositories a run need not look at: what is believed for a while, and what
 * code search shows, where asking that is worth it.
 */

import { Repository } from '../model';
import { mapInTurns } from '../util/clock';
import { CheckDecision, decideCheck, Shown } from './decideCheck';
import { toCatalogFiles } from './findCatalogFiles';
import { RecheckPlan } from './recheck';
import { searchCatalogFiles, SearchResult } from './searchCatalogFiles';
import { DiscoveryScope, KnownRepository, RepositorySource, SearchUse } from './types';

/** To look at fewer costs about as little as to search. */
const MIN_LOOKS_WORTH_A_SEARCH = 50;

const NOT_SEARCHED: Shown = { paths: [], isCovered: false };

/** What is decided of each repository. */
export interface SparedChecks {
  readonly due: readonly Repository[];
  readonly spared: readonly {
    readonly repository: Repository;
    readonly decision: Extract<CheckDecision, { kind: 'spared' }>;
  }[];
  /** `undefined` where it was not worth asking. */
  readonly search?: SearchUse;
}

/** What it is decided by. */
interface SpareTools {
  readonly source: RepositorySource;
  readonly known: ReadonlyMap<number, KnownRepository>;
  readonly signal?: AbortSignal;
}

/** Decides, after a search where that spares requests. Throws only what the source throws. */
export async function spareChecks(
  repositories: readonly Repository[],
  scope: DiscoveryScope,
  plan: RecheckPlan | undefined,
  tools: SpareTools,
): Promise<SparedChecks> {
  if (!plan?.rule) {
    return { due: repositories, spared: [] };
  }
  const alone = await decideAll(repositories, scope, plan, tools);
  if (!plan.maySearch || alone.due.length < MIN_LOOKS_WORTH_A_SEARCH) {
    return alone;
  }
  const search = await searchCatalogFiles(repositories, scope, tools);
  return search.kind === 'off'
    ? { ...alone, search }
    : {
        ...(await decideAll(repositories, scope, plan, tools, search)),
        search: { kind: 'used' },
      };
}

async function decideAll(
  repositories: readonly Repository[],
  scope: DiscoveryScope,
  plan: RecheckPlan,
  { source, known }: SpareTools,
  search?: Extract<SearchResult, { kind: 'used' }>,
): Promise<SparedChecks> {
  const decisions = await mapInTurns(repositories, repository => {
    const one = known.get(repository.id);
    const shown = search
      ? {
          paths: search.hits.get(repository.id) ?? [],
          isCovered: search.covers(repository),
        }
      : NOT_SEARCHED;
    const spell = (paths: readonly string[]) => {
      const before = one?.files ?? [];
      return toCatalogFiles(repository, paths, scope, { source, before, proven: paths });
    };
    return {
      repository,
      decision: decideCheck(plan, { repository, known: one, shown, spell }),
    };
  });
  return {
    due: decisions.flatMap(one => (one.decision.kind === 'look' ? [one.repository] : [])),
    spared: decisions.flatMap(({ repository, decision }) =>
      decision.kind === 'spared' ? [{ repository, decision }] : [],
    ),
  };
}
