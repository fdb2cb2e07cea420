/**
 * One repository, looked at because something happened to it: the same filter, check and
 * decision as in a run, for one. What a run decides about the rest does not concern it.
 */

import { CatalogFile, Repository, RepositoryAddress, Unanswered } from '../model';
import { ListedRepository } from './filterRepositories';
import { findCatalogFiles } from './findCatalogFiles';
import { addressKey, addressOfFile, isPlaceholderId, isSameRepository } from './identify';
import { decideByOwnLabels } from './labels';
import { filesOf, isNews, keyOf, keysOf, locationsOf, uniqueByKey } from './locations';
import { rememberEarly } from './remember';
import {
  CatalogLocation,
  DiscoveryScope,
  KnownRepository,
  RepositoryRef,
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
  const { source, signal, listed, was } = tools;
  const lookup = listed
    ? ({ kind: 'found', repository: listed.repository } as const)
    : await source.getRepository(address, { signal });
  if (lookup.kind === 'unknown') {
    return lookup;
  }
  const here = lookup.kind === 'found' ? lookup.repository : undefined;
  const known = await tools.loadKnown({
    repositoryIds: here ? [here.id] : [],
    addresses: [address, ...(here ? [here] : []), ...(was ? [was] : [])],
  });
  return here
    ? evaluateFound(here, { address, known, scope, ...tools })
    : evaluateGone({ address, known, scope, ...tools });
}

/** What is known, and where it was asked about. */
interface Evaluating extends EvaluationTools {
  readonly address: RepositoryAddress;
  readonly known: readonly KnownRepository[];
  readonly scope: DiscoveryScope;
}

async function evaluateGone(evaluating: Evaluating): Promise<Evaluation> {
  const { address, known, now } = evaluating;
  const mine = known.filter(one => addressKey(one) === addressKey(address));
  const hasLeft = askDepartures([address], undefined, evaluating);
  const kept = await findUnproven(mine, [], hasLeft);
  const delta = compare(known, mine, { address, has: [], kept });
  const remembered = mine.map(one => ({
    ...one,
    files: one.files.filter(file => kept.has(keyOf(file))),
    settled: undefined,
    checkedAtMs: now(),
  }));
  return { kind: 'evaluated', delta: { ...delta, remembered, forgottenIds: [] } };
}

async function evaluateFound(
  here: Repository,
  evaluating: Evaluating,
): Promise<Evaluation> {
  const { address, known, scope, source, signal, listed, was, now } = evaluating;
  const settled = listed
    ? listed.settled
    : await decideByOwnLabels(here, scope, source, signal);
  const before = known.flatMap(one => one.files);
  const outcome =
    settled ?? (await findCatalogFiles(here, scope, { source, before, signal }));
  if (outcome.kind === 'unknown') {
    const { reason, detail } = outcome;
    return { kind: 'unknown', problem: { reason, detail } };
  }
  const { id, projectKey, slug, hierarchyId } = here;
  const repository = { id, projectKey, slug, hierarchyId };
  const has = filesOf(outcome).map(file => ({ repository, file }));
  const hasLeft = askDepartures([address, here], id, evaluating);
  const movedFrom = await proveMove(repository, known, was, hasLeft);
  const same = known.filter(one => isSame(one, repository, movedFrom));
  const kept = await findUnproven(same, has, hasLeft, repository);
  const isKept = (file: CatalogFile) => kept.has(keyOf(file));
  // A placeholder of which something stays is still known by its address only.
  const mine = same.filter(
    one => !isPlaceholderId(one.repositoryId) || !one.files.some(isKept),
  );
  const compared = compare(known, mine, { address: repository, has, kept });
  const { remembered: others, ...delta } = compared;
  const result = { repository, outcome, checkedAtMs: now() };
  const own = rememberEarly(result, undefined);
  const keptFiles = mine.flatMap(one => one.files).filter(isKept);
  const remembered = [{ ...own, files: [...own.files, ...keptFiles] }, ...others];
  const forgottenIds = mine.map(one => one.repositoryId).filter(one => one !== id);
  return {
    kind: 'evaluated',
    repository: here,
    result,
    ...(movedFrom && { movedFrom }),
    delta: { ...delta, remembered, forgottenIds },
  };
}

/** Whether a repository is no longer at an address. */
type Departure = (address: RepositoryAddress) => Promise<boolean>;

/**
 * Asks Bitbucket, once per address: it has left where nothing is any more, and where
 * Bitbucket leads on to it.
 *
 * @param answered - addresses that Bitbucket has answered about
 * @param repositoryId - `undefined` where it is gone
 */
function askDepartures(
  answered: readonly RepositoryAddress[],
  repositoryId: number | undefined,
  { source, signal }: Pick<EvaluationTools, 'source' | 'signal'>,
): Departure {
  const answers = new Map<string, boolean>(answered.map(one => [addressKey(one), true]));
  return async address => {
    const key = addressKey(address);
    const known = answers.get(key);
    if (known !== undefined) {
      return known;
    }
    const answer = await source.getRepository(address, { signal });
    const hasLeft =
      answer.kind === 'gone' ||
      (answer.kind === 'found' && answer.repository.id === repositoryId);
    answers.set(key, hasLeft);
    return hasLeft;
  };
}

/**
 * Keys of what must not leave the catalog although the repository that it is known of does
 * not have it: Bitbucket does not say that nothing else is at the address where it lies.
 *
 * @remarks A former address comes from a webhook or from what is remembered, and an id may
 * belong to another repository by now. Neither proves anything; the next run decides.
 *
 * @param repository - what is looked at; `undefined` where it is gone
 */
async function findUnproven(
  mine: readonly KnownRepository[],
  has: readonly CatalogLocation[],
  hasLeft: Departure,
  repository?: RepositoryRef,
): Promise<Set<string>> {
  const found = keysOf(has);
  const unproven = new Set<string>();
  for (const { repository: before, file } of locationsOf(mine)) {
    const isOther = before.id === repository?.id && !isSameRepository(before, repository);
    const at = addressOfFile(file, before);
    const isProven =
      found.has(keyOf(file)) ||
      (isOther ? addressKey(at) === addressKey(repository) : await hasLeft(at));
    if (!isProven) {
      unproven.add(keyOf(file));
    }
  }
  return unproven;
}

/**
 * Whoever says that a repository was at another address may be wrong: Bitbucket has shown
 * it there before, or is asked. Where nothing is known there, nothing can be lost.
 *
 * @returns its former address, where it has left that
 */
async function proveMove(
  repository: RepositoryRef,
  known: readonly KnownRepository[],
  was: RepositoryAddress | undefined,
  hasLeft: Departure,
): Promise<RepositoryAddress | undefined> {
  if (!was || addressKey(was) === addressKey(repository)) {
    return undefined;
  }
  const isKnownThere = known.some(one => addressKey(one) === addressKey(was));
  return isKnownThere && (await hasLeft(was)) ? was : undefined;
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
  {
    address,
    has,
    kept: unproven,
  }: {
    readonly address: RepositoryAddress;
    readonly has: readonly CatalogLocation[];
    readonly kept: ReadonlySet<string>;
  },
): Omit<RepositoryDelta, 'forgottenIds'> {
  const others = known.filter(one => !mine.includes(one));
  const elsewhere = others.filter(one => addressKey(one) !== addressKey(address));
  const had = new Map(locationsOf(known).map(one => [keyOf(one.file), one.file]));
  const isNew = ({ file }: CatalogLocation) => isNews(file, had.get(keyOf(file)));
  const kept = new Set([...keysOf([...has, ...locationsOf(elsewhere)]), ...unproven]);
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
