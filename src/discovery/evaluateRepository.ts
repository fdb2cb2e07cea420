/**
 * One repository, looked at because something happened to it: the same filter, check and
 * decision as in a run, for one. What a run decides about the rest does not concern it.
 */

import {
  CatalogFile,
  Repository,
  RepositoryAddress,
  RepositoryOutcome,
  Unanswered,
} from '../model';
import { FilteredRepository, filterOne } from './applyFilters';
import { findCatalogFiles } from './findCatalogFiles';
import { addressKey, addressOfFile, isPlaceholderId, isSameRepository } from './identify';
import { filesOf, isNews, keyOf, keysOf, locationsOf, uniqueByKey } from './locations';
import { rememberEarly } from './remember';
import {
  CatalogLocation,
  DiscoveryScope,
  KnownRepository,
  RepositoryRef,
  RepositoryResult,
  RepositorySelector,
  RepositorySource,
  SettledOutcome,
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
  | Evaluated
  /** Nothing is known, so nothing changes; it is worth trying again. */
  | Unanswered;

/** What there is to be done. */
export interface Evaluated {
  readonly kind: 'evaluated';
  /** As Bitbucket shows it now; `undefined` where it is gone. */
  readonly repository?: Repository;
  readonly result?: RepositoryResult;
  /** Its former address, where Bitbucket itself shows that it has left it. */
  readonly movedFrom?: RepositoryAddress;
  readonly delta: RepositoryDelta;
}

/** What an evaluation works with. */
export interface EvaluationTools {
  readonly source: RepositorySource;
  /** Loads what is known of these repositories. */
  readonly loadKnown: (
    selector: RepositorySelector,
  ) => Promise<readonly KnownRepository[]>;
  /** Its former address, where it was renamed or moved. */
  readonly was?: RepositoryAddress;
  /** The repository, where a listing has just shown it: then it is not asked for. */
  readonly listed?: FilteredRepository;
  readonly now: () => number;
  /** Taken before anything is asked; left out where nobody counts. */
  readonly revision?: number;
  readonly signal?: AbortSignal;
}

/** What Bitbucket said of one repository, and of the addresses where it may lose something. */
export interface LookedAt {
  readonly kind: 'looked';
  readonly address: RepositoryAddress;
  readonly was?: RepositoryAddress;
  /** As Bitbucket shows it now; `undefined` where it is gone. */
  readonly repository?: Repository;
  /** Of the filters and the check; present where the repository is. */
  readonly outcome?: SettledOutcome;
  /** When Bitbucket was asked, epoch milliseconds. */
  readonly checkedAtMs: number;
  readonly revision?: number;
  /** Whether it is no longer at the addresses that Bitbucket was asked about. */
  readonly departures: ReadonlyMap<string, boolean>;
  /** What has to be known to decide. */
  readonly selector: RepositorySelector;
}

/** Looks at one repository and decides. Throws only what the source throws. */
export async function evaluateRepository(
  address: RepositoryAddress,
  scope: DiscoveryScope,
  tools: EvaluationTools,
): Promise<Evaluation> {
  const look = await lookAtRepository(address, scope, tools);
  return look.kind === 'unknown'
    ? look
    : evaluateLook(look, await tools.loadKnown(look.selector));
}

/** The long part: asks Bitbucket. Throws only what the source throws. */
export async function lookAtRepository(
  address: RepositoryAddress,
  scope: DiscoveryScope,
  tools: EvaluationTools,
): Promise<LookedAt | Unanswered> {
  const { source, signal, listed, was, now, revision } = tools;
  const asked = { checkedAtMs: now(), revision };
  const lookup = listed
    ? ({ kind: 'found', repository: listed.repository } as const)
    : await source.getRepository(address, { signal });
  if (lookup.kind === 'unknown') {
    return lookup;
  }
  const repository = lookup.kind === 'found' ? lookup.repository : undefined;
  const here = repository ? [repository] : [];
  const selector: RepositorySelector = {
    repositoryIds: here.map(one => one.id),
    addresses: [address, ...here, ...(was ? [was] : [])],
  };
  const known = await tools.loadKnown(selector);
  const outcome = repository && (await checkOutcome(repository, known, scope, tools));
  if (outcome?.kind === 'unknown') {
    const { reason, detail } = outcome;
    return { kind: 'unknown', problem: { reason, detail } };
  }
  const departures = new Map([address, ...here].map(one => [addressKey(one), true]));
  const subject = { address, repository, outcome, selector, departures, ...asked };
  const look: LookedAt = { kind: 'looked', ...subject, ...(was && { was }) };
  // What it comes to is decided later: here it only shows which addresses matter.
  await decide(look, known, askDepartures(departures, repository?.id, tools));
  return look;
}

async function checkOutcome(
  repository: Repository,
  known: readonly KnownRepository[],
  scope: DiscoveryScope,
  { source, signal, listed }: EvaluationTools,
): Promise<RepositoryOutcome> {
  const filtered = listed
    ? listed.outcome
    : await filterOne(repository, { ...scope, source, signal });
  const before = known.flatMap(one => one.files);
  return filtered ?? findCatalogFiles(repository, scope, { source, before, signal });
}

/** The short part: decides, by what is known at that moment. Asks nobody. */
export function evaluateLook(
  look: LookedAt,
  known: readonly KnownRepository[],
): Promise<Evaluated> {
  // What nobody has asked about is not proven.
  return decide(look, known, async at => look.departures.get(addressKey(at)) ?? false);
}

function decide(
  look: LookedAt,
  known: readonly KnownRepository[],
  hasLeft: Departure,
): Promise<Evaluated> {
  const { repository, outcome } = look;
  return repository && outcome
    ? decideFound({ ...look, repository, outcome }, known, hasLeft)
    : decideGone(look, known, hasLeft);
}

async function decideGone(
  { address, checkedAtMs, revision }: LookedAt,
  known: readonly KnownRepository[],
  hasLeft: Departure,
): Promise<Evaluated> {
  const mine = known.filter(one => addressKey(one) === addressKey(address));
  const kept = await findUnproven(mine, [], hasLeft);
  const delta = compare(known, mine, { address, has: [], kept });
  const gone = { settled: undefined, problem: undefined, checkedAtMs, revision };
  const remembered = mine.map(one => ({
    ...one,
    ...gone,
    files: one.files.filter(file => kept.has(keyOf(file))),
  }));
  return { kind: 'evaluated', delta: { ...delta, remembered, forgottenIds: [] } };
}

async function decideFound(
  look: LookedAt & { readonly repository: Repository; readonly outcome: SettledOutcome },
  known: readonly KnownRepository[],
  hasLeft: Departure,
): Promise<Evaluated> {
  const { outcome, was, checkedAtMs, revision } = look;
  const { id, projectKey, slug, hierarchyId } = look.repository;
  const repository = { id, projectKey, slug, hierarchyId };
  const has = filesOf(outcome).map(file => ({ repository, file }));
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
  const result = { repository, outcome, checkedAtMs, revision };
  const own = rememberEarly(result, undefined);
  const keptFiles = mine.flatMap(one => one.files).filter(isKept);
  const remembered = [{ ...own, files: [...own.files, ...keptFiles] }, ...others];
  const forgottenIds = mine.map(one => one.repositoryId).filter(one => one !== id);
  return {
    kind: 'evaluated',
    repository: look.repository,
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
 * @param answers - by address; what is asked is added
 * @param repositoryId - `undefined` where it is gone
 */
function askDepartures(
  answers: Map<string, boolean>,
  repositoryId: number | undefined,
  { source, signal }: Pick<EvaluationTools, 'source' | 'signal'>,
): Departure {
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
