/**
 * One repository, looked at because something happened to it: the same filter, check and
 * decision as in a run, for one. What a run decides about the rest does not concern it.
 */

import { Repository, RepositoryAddress, RepositoryOutcome, Unanswered } from '../model';
import { FilteredRepository, filterOne } from './applyFilters';
import { Difference, findDifference, Findings } from './difference';
import { findCatalogFiles } from './findCatalogFiles';
import {
  addressKey,
  addressOfFile,
  isAt,
  isPlaceholderId,
  isSameRepository,
  replaceIds,
} from './identify';
import { AppliedDifference, knownAfter } from './knownAfter';
import {
  differsFrom,
  getRegisteredFiles,
  getEntryKey,
  getEntryKeys,
  toLocations,
} from './locations';
import { planRemovals, RemovalPlan, RemovalPolicy } from './planRemovals';
import {
  CatalogLocation,
  DiscoveryScope,
  HeldRemoval,
  KnownRepository,
  ParseFiles,
  RepositoryResult,
  RepositorySelector,
  RepositorySource,
  ConclusiveOutcome,
} from './types';

/** What changes for one repository. */
export interface RepositoryDelta {
  /** New, or made anew by a location parser. */
  readonly added: readonly CatalogLocation[];
  readonly removed: readonly CatalogLocation[];
  /** In the catalog before and after: to be read again. */
  readonly stayed: readonly CatalogLocation[];
  readonly held: readonly HeldRemoval[];
  /** For the log; `undefined` where nothing is held back. */
  readonly heldBackReason?: string;
  /** What is known anew once all of that is applied. */
  readonly changed: readonly KnownRepository[];
  /** What is known anew once `added` is in the catalog, and `removed` as well still is. */
  readonly changedByAdding: readonly KnownRepository[];
  /** What is known anew where the catalog has taken nothing. */
  readonly changedByLooking: readonly KnownRepository[];
  /** Placeholders to forget: their id is known now. */
  readonly forgottenIds: readonly number[];
}

/** What holds removals back. */
export interface RemovalGuard {
  readonly policy: RemovalPolicy;
  readonly held: readonly HeldRemoval[];
  /** Time since the last complete run, milliseconds. */
  readonly sinceConfirmationMs?: number;
  readonly nowMs: number;
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
  /** Left out where the catalog reads the files itself. */
  readonly parseFiles?: ParseFiles;
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
  readonly outcome?: ConclusiveOutcome;
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
  await askDepartures(look, departures, known, tools);
  return look;
}

async function checkOutcome(
  repository: Repository,
  known: readonly KnownRepository[],
  scope: DiscoveryScope,
  { source, parseFiles, signal, listed }: EvaluationTools,
): Promise<RepositoryOutcome> {
  const filtered = listed
    ? listed.outcome
    : await filterOne(repository, { ...scope, source, signal });
  const before = known.flatMap(one => one.files);
  const tools = { source, parseFiles, before, signal };
  return filtered ?? findCatalogFiles(repository, scope, tools);
}

/**
 * Asks Bitbucket, once per address where something is known that would leave the catalog:
 * the repository has left it where nothing is any more, and where Bitbucket leads on to it.
 *
 * @param answers - by address; what is asked is added
 */
async function askDepartures(
  look: LookedAt,
  answers: Map<string, boolean>,
  known: readonly KnownRepository[],
  { source, signal }: Pick<EvaluationTools, 'source' | 'signal'>,
): Promise<void> {
  const ask = async (address: RepositoryAddress) => {
    if (!answers.has(addressKey(address))) {
      const answer = await source.getRepository(address, { signal });
      const leadsOn =
        answer.kind === 'found' && answer.repository.id === look.repository?.id;
      answers.set(addressKey(address), answer.kind === 'gone' || leadsOn);
    }
  };
  // Where nothing is known there, nothing can be lost.
  if (look.repository && look.was && known.some(one => isAt(one, look.was))) {
    await ask(look.was);
  }
  for (const { at } of findLost(look, findSubject(look, known).records)) {
    if (at) {
      await ask(at);
    }
  }
}

/**
 * The short part: decides, by what is known at that moment. Asks nobody.
 *
 * @param known - of the repositories that were selected; where something is removed, of all
 * @param guard - may be left out where nothing is removed
 */
export async function evaluateLook(
  look: LookedAt,
  known: readonly KnownRepository[],
  guard?: RemovalGuard,
): Promise<Evaluated> {
  const { repository } = look;
  const { records, movedFrom } = findSubject(look, known);
  const findings = toFindings(look, known, records);
  const [result] = findings.results.values();
  const difference = await findDifference(findings);
  const plan = guard
    ? planRemovals(
        {
          ...guard,
          due: difference.due,
          replaced: difference.replaced,
          knownLocations: difference.before.size,
        },
        guard.policy,
      )
    : { remove: difference.due, holdBack: [], held: [] };
  return {
    kind: 'evaluated',
    ...(repository && { repository }),
    ...(result && { result }),
    ...(movedFrom && { movedFrom }),
    delta: await toDelta(known, findings, difference, plan),
  };
}

/** What is known of the repository that was looked at. */
interface Subject {
  readonly records: readonly KnownRepository[];
  /** Its former address, where it has left that. */
  readonly movedFrom?: RepositoryAddress;
}

/**
 * By id; by address, also the former one, where the id is not known yet; of one that is gone,
 * all that is known at its address.
 *
 * @remarks Whoever says that a repository was at another address may be wrong: Bitbucket has
 * shown it there before, or was asked.
 */
function findSubject(
  { address, repository, was, departures }: LookedAt,
  known: readonly KnownRepository[],
): Subject {
  if (!repository) {
    return { records: known.filter(one => isAt(one, address)) };
  }
  const hasLeft = was !== undefined && departures.get(addressKey(was)) === true;
  const hasMoved = hasLeft && !isAt(was, repository) && known.some(one => isAt(one, was));
  const movedFrom = hasMoved ? was : undefined;
  const records = known.filter(one =>
    isPlaceholderId(one.repositoryId)
      ? isAt(one, repository) || isAt(one, movedFrom)
      : one.repositoryId === repository.id,
  );
  return { records, movedFrom };
}

/**
 * What the repository that was looked at does not have although it is known of it, and where
 * that lies: it leaves the catalog only if Bitbucket shows that nothing else is there.
 *
 * @remarks A former address comes from a webhook or from what is remembered, and an id may
 * belong to another repository by now. Neither proves anything; the next run decides.
 *
 * @returns without an address where no answer could prove it
 */
function findLost(
  { repository, outcome }: LookedAt,
  records: readonly KnownRepository[],
): { readonly key: string; readonly at?: RepositoryAddress }[] {
  const found = new Set(outcome ? getRegisteredFiles(outcome).map(getEntryKey) : []);
  return toLocations(records).flatMap(({ repository: before, file }) => {
    const key = getEntryKey(file);
    const at = addressOfFile(file, before);
    const isOther = before.id === repository?.id && !isSameRepository(before, repository);
    if (found.has(key)) {
      return [];
    }
    return [isOther && !isAt(at, repository) ? { key } : { key, at }];
  });
}

/** What is not proven, or belongs to others, stays as it is. */
function toFindings(
  look: LookedAt,
  known: readonly KnownRepository[],
  records: readonly KnownRepository[],
): Findings {
  const { repository, outcome, checkedAtMs, revision, departures } = look;
  const kept = new Set(
    findLost(look, records).flatMap(({ key, at }) =>
      at && departures.get(addressKey(at)) ? [] : [key],
    ),
  );
  const own = repository ? [repository.id] : records.map(one => one.repositoryId);
  const ids = new Set(own);
  const rules = {
    hasLeft: (location: CatalogLocation) =>
      ids.has(location.repository.id) && !kept.has(getEntryKey(location.file)),
    getOwner: (one: KnownRepository) => one.repositoryId,
  };
  if (!repository || !outcome) {
    // Known without files and outcome, so that a run still going on sees that it is gone.
    const gone = { conclusive: undefined, problem: undefined, checkedAtMs, revision };
    return {
      ...rules,
      known: known.map(one => (ids.has(one.repositoryId) ? { ...one, ...gone } : one)),
      results: new Map(),
    };
  }
  const { id, projectKey, slug, hierarchyId } = repository;
  const ref = { id, projectKey, slug, hierarchyId };
  // A placeholder of which something stays is still known by its address only.
  const identified = records.filter(
    one => !one.files.some(file => kept.has(getEntryKey(file))),
  );
  return {
    ...rules,
    known: replaceIds(known, new Map(identified.map(one => [one.repositoryId, id]))),
    results: new Map([[id, { repository: ref, outcome, checkedAtMs, revision }]]),
  };
}

async function toDelta(
  known: readonly KnownRepository[],
  findings: Findings,
  difference: Difference,
  { remove, held, reason }: RemovalPlan,
): Promise<RepositoryDelta> {
  const found = [...difference.found.values()];
  const isNew = ({ file }: CatalogLocation) =>
    differsFrom(file, difference.before.get(getEntryKey(file)));
  // Of an entity, the catalog has what the one made of it that has lost it.
  const transferred = [...difference.transferred.values()].filter(
    one => one.file.entity !== undefined,
  );
  const added = [...found.filter(isNew), ...transferred];
  const removed = getEntryKeys(remove);
  const knownBefore = new Set(known);
  const knownOnce = (change: Pick<AppliedDifference, 'removed' | 'refused'>) =>
    knownAfter(findings, { ...difference, ...change }, 'keep');
  const after = await knownOnce({ removed });
  const isChanged = (one: KnownRepository) => !knownBefore.has(one);
  const left = new Set(after.map(one => one.repositoryId));
  return {
    added,
    removed: remove,
    stayed: found.filter(one => !isNew(one)),
    held,
    heldBackReason: reason,
    changed: after.filter(isChanged),
    changedByAdding: (await knownOnce({})).filter(isChanged),
    changedByLooking: (await knownOnce({ refused: getEntryKeys(added) })).filter(
      isChanged,
    ),
    forgottenIds: known.map(one => one.repositoryId).filter(id => !left.has(id)),
  };
}
