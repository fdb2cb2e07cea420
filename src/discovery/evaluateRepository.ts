/**
 * One repository, looked at because something happened to it: the same filter, check and
 * decision as in a run, for one. What a run decides about the rest does not concern it.
 */

import { Repository, RepositoryAddress, Unanswered } from '../model';
import { ListedRepository } from './filterRepositories';
import { findCatalogFiles } from './findCatalogFiles';
import { addressKey, isPlaceholderId } from './identify';
import { decideByOwnLabels } from './labels';
import { filesOf, isNews, keyOf, keysOf, locationsOf, uniqueByKey } from './locations';
import { rememberEarly } from './remember';
import {
  CatalogLocation,
  DiscoveryScope,
  KnownRepository,
  RepositoryResult,
  RepositorySource,
  Vicinity,
} from './types';

/** What changes for one repository. */
export interface RepositoryDelta {
  /** New, or made anew by a location parser. */
  readonly added: readonly CatalogLocation[];
  readonly removed: readonly CatalogLocation[];
  /** In the catalog before and after: to be read again. */
  readonly stayed: readonly CatalogLocation[];
  /** What to remember; where it is gone, without files and outcome, so that a run still going on sees it. */
  readonly remembered: readonly KnownRepository[];
  /** Placeholders to forget: their id is known now. */
  readonly forgottenIds: readonly number[];
}

/** What looking at one repository led to. */
export type Evaluation =
  | {
      readonly kind: 'evaluated';
      /** As Bitbucket shows it now; `undefined` where it is gone. */
      readonly repository?: Repository;
      readonly result?: RepositoryResult;
      /** Its former address, where Bitbucket itself shows that it has left it. */
      readonly movedFrom?: RepositoryAddress;
      readonly delta: RepositoryDelta;
    }
  /** Nothing is known, so nothing changes; it is worth trying again. */
  | Unanswered;

/** What an evaluation works with. */
export interface EvaluationTools {
  readonly source: RepositorySource;
  /** Loads what is remembered of these repositories; asked once Bitbucket has answered. */
  readonly loadKnown: (near: Vicinity) => Promise<readonly KnownRepository[]>;
  /** Its former address, where it was renamed or moved. */
  readonly was?: RepositoryAddress;
  /** The repository, where a listing has just shown it: then it is not asked for. */
  readonly listed?: ListedRepository;
  readonly now: () => number;
  readonly signal?: AbortSignal;
}

/** Looks at one repository. Throws only what the source throws. */
export async function evaluateRepository(
  address: RepositoryAddress,
  scope: DiscoveryScope,
  tools: EvaluationTools,
): Promise<Evaluation> {
  const { source, signal, listed, was, now } = tools;
  const lookup = listed
    ? ({ kind: 'found', repository: listed.repository } as const)
    : await source.getRepository(address, { signal });
  if (lookup.kind === 'unknown') {
    return lookup;
  }
  const here = lookup.kind === 'found' ? [lookup.repository] : [];
  const known = await tools.loadKnown({
    repositoryIds: here.map(one => one.id),
    addresses: [address, ...here, ...(was ? [was] : [])],
  });
  if (lookup.kind === 'gone') {
    const mine = known.filter(one => addressKey(one) === addressKey(address));
    const gone = { files: [], settled: undefined, checkedAtMs: now() };
    const delta = compare(known, mine, address, []);
    const remembered = mine.map(one => ({ ...one, ...gone }));
    return { kind: 'evaluated', delta: { ...delta, remembered, forgottenIds: [] } };
  }
  const settled = listed
    ? listed.settled
    : await decideByOwnLabels(lookup.repository, scope, source, signal);
  const outcome =
    settled ?? (await findCatalogFiles(lookup.repository, scope, source, signal));
  if (outcome.kind === 'unknown') {
    const { reason, detail } = outcome;
    return { kind: 'unknown', problem: { reason, detail } };
  }
  const { id, projectKey, slug } = lookup.repository;
  const repository = { id, projectKey, slug };
  const movedFrom = await proveMove(repository, known, tools);
  const mine = known.filter(one => isSame(one, repository, movedFrom));
  const has = filesOf(outcome).map(file => ({ repository, file }));
  const { remembered: others, ...delta } = compare(known, mine, repository, has);
  const result = { repository, outcome, checkedAtMs: now() };
  const remembered = [rememberEarly(result, undefined), ...others];
  const forgottenIds = mine.map(one => one.repositoryId).filter(one => one !== id);
  return {
    kind: 'evaluated',
    repository: lookup.repository,
    result,
    ...(movedFrom && { movedFrom }),
    delta: { ...delta, remembered, forgottenIds },
  };
}

/**
 * Whoever says that a repository was at another address may be wrong: Bitbucket has shown
 * it there before, or is asked. Where nothing is known there, nothing can be lost.
 *
 * @returns its former address, where it has left that
 */
async function proveMove(
  repository: RepositoryResult['repository'],
  known: readonly KnownRepository[],
  { source, signal, was }: EvaluationTools,
): Promise<RepositoryAddress | undefined> {
  const there = known.filter(one => was && addressKey(one) === addressKey(was));
  if (!was || there.length === 0 || addressKey(was) === addressKey(repository)) {
    return undefined;
  }
  if (there.some(one => one.repositoryId === repository.id)) {
    return was;
  }
  const lookup = await source.getRepository(was, { signal });
  const hasLeft =
    lookup.kind === 'gone' ||
    (lookup.kind === 'found' && lookup.repository.id === repository.id);
  return hasLeft ? was : undefined;
}

/** By id; by address, also the former one, where the id is not known yet. */
function isSame(
  known: KnownRepository,
  repository: RepositoryResult['repository'],
  was: RepositoryAddress | undefined,
) {
  if (!isPlaceholderId(known.repositoryId)) {
    return known.repositoryId === repository.id;
  }
  const addresses = [repository, ...(was ? [was] : [])].map(addressKey);
  return addresses.includes(addressKey(known));
}

/** A Location belongs to whoever is at its address now: the others lose it, or keep it. */
function compare(
  known: readonly KnownRepository[],
  mine: readonly KnownRepository[],
  address: RepositoryAddress,
  has: readonly CatalogLocation[],
): Omit<RepositoryDelta, 'forgottenIds'> {
  const others = known.filter(one => !mine.includes(one));
  const elsewhere = others.filter(one => addressKey(one) !== addressKey(address));
  const had = new Map(locationsOf(known).map(one => [keyOf(one.file), one.file]));
  const isNew = ({ file }: CatalogLocation) => isNews(file, had.get(keyOf(file)));
  const kept = keysOf([...has, ...locationsOf(elsewhere)]);
  const removed = uniqueByKey(locationsOf(mine)).filter(
    one => !kept.has(keyOf(one.file)),
  );
  const taken = keysOf([...has, ...removed]);
  return {
    added: has.filter(isNew),
    removed,
    stayed: has.filter(one => !isNew(one)),
    remembered: others.flatMap(one => {
      const files = one.files.filter(file => !taken.has(keyOf(file)));
      return files.length < one.files.length ? [{ ...one, files }] : [];
    }),
  };
}
