/**
 * Finds out which repositories a run need not look at: what is believed for a while, and what
 * code search shows, where asking that is worth it.
 */

import { CatalogFile, Repository } from '../model';
import { forEachInTurns, mapInTurns } from '../util/clock';
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
export interface SpareTools {
  readonly source: RepositorySource;
  readonly known: ReadonlyMap<number, KnownRepository>;
  /** What the catalog has of a repository and at its address. */
  readonly filesOf: (repository: Repository) => readonly CatalogFile[];
  readonly signal?: AbortSignal;
}

/** What is found out before it is decided. */
interface Shows {
  readonly read?: ReadonlySet<string>;
  readonly search?: Extract<SearchResult, { kind: 'used' }>;
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
  const decide = (shows: Shows) => decideAll(repositories, scope, plan, tools, shows);
  const unread = await decide({});
  // A read of what was found before tells nothing where something else is looked for now.
  const findRead = plan.before && plan.findRead;
  const read = await findRead?.(await urlsOf(unread.due, tools.known));
  const alone = read && read.size > 0 ? await decide({ read }) : unread;
  if (!plan.maySearch || alone.due.length < MIN_LOOKS_WORTH_A_SEARCH) {
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
    const one = known.get(repository.id);
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
      decision: decideCheck(plan, { repository, known: one, read, shown, spell }),
    };
  });
  return {
    due: decisions.flatMap(one => (one.decision.kind === 'look' ? [one.repository] : [])),
    spared: decisions.flatMap(({ repository, decision }) =>
      decision.kind === 'spared' ? [{ repository, decision }] : [],
    ),
  };
}

/** The URLs of what is known of some repositories. */
async function urlsOf(
  repositories: readonly Repository[],
  known: ReadonlyMap<number, KnownRepository>,
): Promise<string[]> {
  const urls: string[] = [];
  await forEachInTurns(repositories, ({ id }) => {
    known.get(id)?.files.forEach(one => urls.push(one.targetUrl));
  });
  return urls;
}
