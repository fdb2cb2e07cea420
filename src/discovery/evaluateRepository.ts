/** Evaluates one repository after an event, like a run does. Others are not affected. */

import { Repository, RepositoryAddress, RepositoryOutcome, Unanswered } from '../model';
import { FilteredRepository, filterOne } from './applyFilters';
import {
  Difference,
  findDifference,
  Findings,
  AppliedDifference,
  knownAfter,
} from './difference';
import { findCatalogFiles } from './findCatalogFiles';
import {
  addressKey,
  addressOfFile,
  indexKnown,
  isAt,
  isPlaceholderId,
  isSameRepository,
  replaceIds,
} from './identify';
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

/** The changes for one repository. */
export interface RepositoryDelta {
  /** New Locations, and entities that a location parser made again. */
  readonly added: readonly CatalogLocation[];
  readonly removed: readonly CatalogLocation[];
  /** Locations that stay in the catalog: it should read them again. */
  readonly stayed: readonly CatalogLocation[];
  readonly held: readonly HeldRemoval[];
  /** For the log; `undefined` if nothing is held back. */
  readonly heldBackReason?: string;
  /** State to store once all changes are applied. */
  readonly changed: readonly KnownRepository[];
  /** State to store once `added` is in the catalog and `removed` still is. */
  readonly changedByAdding: readonly KnownRepository[];
  /** State to store if the catalog accepted no change. */
  readonly changedByCheck: readonly KnownRepository[];
  /** Placeholder ids to delete: the real id is known now. */
  readonly forgottenIds: readonly number[];
}

/** Input for deciding which removals are held back. */
export interface RemovalGuard {
  readonly policy: RemovalPolicy;
  readonly held: readonly HeldRemoval[];
  /** Time since the last complete run, milliseconds. */
  readonly sinceConfirmationMs?: number;
  readonly nowMs: number;
}

/** Result of evaluating one repository. */
export type Evaluation =
  | Evaluated
  /** Bitbucket gave no usable answer, so nothing changes; a retry may help. */
  | Unanswered;

/** A conclusive evaluation. */
export interface Evaluated {
  readonly kind: 'evaluated';
  /** As Bitbucket shows it now; `undefined` where it is gone. */
  readonly repository?: Repository;
  readonly result?: RepositoryResult;
  /** The former address, if Bitbucket confirmed that the repository has left it. */
  readonly movedFrom?: RepositoryAddress;
  readonly delta: RepositoryDelta;
}

/** Dependencies and input of an evaluation. */
export interface EvaluationTools {
  readonly source: RepositorySource;
  /** Omitted if the catalog reads the files itself. */
  readonly parseFiles?: ParseFiles;
  /** Loads the known state of the selected repositories. */
  readonly loadKnown: (
    selector: RepositorySelector,
  ) => Promise<readonly KnownRepository[]>;
  /** The former address, if the repository was renamed or moved. */
  readonly formerAddress?: RepositoryAddress;
  /** The repository as just listed: it is then not looked up. */
  readonly listed?: FilteredRepository;
  readonly now: () => number;
  /** Taken before any request; omitted if revisions are not used. */
  readonly revision?: number;
  readonly signal?: AbortSignal;
}

/** Bitbucket's answers about one repository and its former addresses. */
export interface CheckedRepository {
  readonly kind: 'checked';
  readonly address: RepositoryAddress;
  readonly formerAddress?: RepositoryAddress;
  /** As Bitbucket shows it now; `undefined` where it is gone. */
  readonly repository?: Repository;
  /** Outcome of the filters and the check; set if `repository` is. */
  readonly outcome?: ConclusiveOutcome;
  /** When Bitbucket was asked, epoch milliseconds. */
  readonly checkedAtMs: number;
  readonly revision?: number;
  /** By address that Bitbucket was asked about, whether the repository has left it. */
  readonly departures: ReadonlyMap<string, boolean>;
  /** The repositories whose known state is needed for the decision. */
  readonly selector: RepositorySelector;
}

/** Checks one repository and decides. Throws only what the source throws. */
export async function evaluateRepository(
  address: RepositoryAddress,
  scope: DiscoveryScope,
  tools: EvaluationTools,
): Promise<Evaluation> {
  const checked = await checkRepository(address, scope, tools);
  return checked.kind === 'unknown'
    ? checked
    : evaluateCheck(checked, await tools.loadKnown(checked.selector));
}

/**
 * Asks Bitbucket about one repository: the long part. Throws only what the source throws.
 */
export async function checkRepository(
  address: RepositoryAddress,
  scope: DiscoveryScope,
  tools: EvaluationTools,
): Promise<CheckedRepository | Unanswered> {
  const { source, signal, listed, formerAddress, now, revision } = tools;
  const asked = { checkedAtMs: now(), revision };
  const lookup = listed
    ? ({ kind: 'found', repository: listed.repository } as const)
    : await source.getRepository(address, { signal });
  if (lookup.kind === 'unknown') {
    return lookup;
  }
  const repository = lookup.kind === 'found' ? lookup.repository : undefined;
  const current = repository ? [repository] : [];
  const selector: RepositorySelector = {
    repositoryIds: current.map(({ id }) => id),
    addresses: [address, ...current, ...(formerAddress ? [formerAddress] : [])],
  };
  const known = await tools.loadKnown(selector);
  const outcome = repository && (await checkOutcome(repository, known, scope, tools));
  if (outcome?.kind === 'unknown') {
    const { reason, detail } = outcome;
    return { kind: 'unknown', problem: { reason, detail } };
  }
  const departures = new Map([address, ...current].map(left => [addressKey(left), true]));
  const subject = { address, formerAddress, repository, outcome, selector, departures };
  const checked: CheckedRepository = { kind: 'checked', ...subject, ...asked };
  await confirmDepartures(checked, departures, known, tools);
  return checked;
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
  const before = known.flatMap(record => record.files);
  const tools = { source, parseFiles, before, signal };
  return filtered ?? findCatalogFiles(repository, scope, tools);
}

/**
 * Asks Bitbucket, once per address, about the known files that would leave the catalog.
 * The repository has left an address if nothing is there any more, or if Bitbucket
 * redirects from there to the repository.
 *
 * @param answers - by address; new answers are added
 */
async function confirmDepartures(
  checked: CheckedRepository,
  answers: Map<string, boolean>,
  known: readonly KnownRepository[],
  { source, signal }: Pick<EvaluationTools, 'source' | 'signal'>,
): Promise<void> {
  const ask = async (address: RepositoryAddress) => {
    if (!answers.has(addressKey(address))) {
      const answer = await source.getRepository(address, { signal });
      const isRedirected =
        answer.kind === 'found' && answer.repository.id === checked.repository?.id;
      answers.set(addressKey(address), answer.kind === 'gone' || isRedirected);
    }
  };
  // Without known files there, nothing can be lost.
  const { formerAddress } = checked;
  const wasThere = known.some(record => isAt(record, formerAddress));
  if (checked.repository && formerAddress && wasThere) {
    await ask(formerAddress);
  }
  for (const { at } of findLost(checked, findSubject(checked, known).records)) {
    if (at) {
      await ask(at);
    }
  }
}

/**
 * Decides, based on the state at that moment: the short part, without requests.
 *
 * @param known - state of the selected repositories; of all repositories if something is
 * removed
 * @param guard - may be omitted if nothing is removed
 */
export async function evaluateCheck(
  checked: CheckedRepository,
  known: readonly KnownRepository[],
  guard?: RemovalGuard,
): Promise<Evaluated> {
  const { repository } = checked;
  const { records, movedFrom } = findSubject(checked, known);
  const findings = await toFindings(checked, known, records);
  const [result] = findings.results.values();
  const difference = await findDifference(findings);
  const plan = guard
    ? planRemovals(
        {
          ...guard,
          due: difference.due,
          replaced: difference.replaced,
          knownLocations: difference.knownLocations,
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

/** The known state of the repository that was checked. */
interface Subject {
  readonly records: readonly KnownRepository[];
  /** The former address, if the repository has left it. */
  readonly movedFrom?: RepositoryAddress;
}

/**
 * Selects known state by id; by address, including the former one, if the id is not known
 * yet; for a repository that is gone, everything known at its address.
 *
 * @remarks A reported former address may be wrong: it counts only if Bitbucket has shown
 * the repository there before, or was asked.
 */
function findSubject(
  { address, repository, formerAddress, departures }: CheckedRepository,
  known: readonly KnownRepository[],
): Subject {
  if (!repository) {
    return { records: known.filter(record => isAt(record, address)) };
  }
  const hasMoved =
    formerAddress !== undefined &&
    departures.get(addressKey(formerAddress)) === true &&
    !isAt(formerAddress, repository) &&
    known.some(record => isAt(record, formerAddress));
  const movedFrom = hasMoved ? formerAddress : undefined;
  const records = known.filter(record =>
    isPlaceholderId(record.repositoryId)
      ? isAt(record, repository) || isAt(record, movedFrom)
      : record.repositoryId === repository.id,
  );
  return { records, movedFrom };
}

/**
 * Finds the known files that the checked repository no longer has, and where they are: a
 * file leaves the catalog only if Bitbucket shows that no other repository is at that
 * address.
 *
 * @remarks A former address comes from a webhook or from stored state, and an id may
 * belong to another repository by now. Neither proves anything; the next run decides.
 *
 * @returns files without an address if no answer could prove their removal
 */
function findLost(
  { repository, outcome }: CheckedRepository,
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

/**
 * Converts the answers to findings. Files that are not proven gone, or belong to other
 * repositories, stay as they are.
 */
async function toFindings(
  checked: CheckedRepository,
  known: readonly KnownRepository[],
  records: readonly KnownRepository[],
): Promise<Findings> {
  const { repository, outcome, checkedAtMs, revision, departures } = checked;
  const kept = new Set(
    findLost(checked, records).flatMap(({ key, at }) =>
      at && departures.get(addressKey(at)) ? [] : [key],
    ),
  );
  const own = repository ? [repository.id] : records.map(record => record.repositoryId);
  const ids = new Set(own);
  const rules = {
    hasLeft: (location: CatalogLocation) =>
      ids.has(location.repository.id) && !kept.has(getEntryKey(location.file)),
    getOwner: (record: KnownRepository) => record.repositoryId,
  };
  if (!repository || !outcome) {
    // Stored without files and outcome, so that a run in progress notices.
    const gone = { conclusive: undefined, problem: undefined, checkedAtMs, revision };
    const left = known.map(record =>
      ids.has(record.repositoryId) ? { ...record, ...gone } : record,
    );
    return { ...rules, known: await indexKnown(left), results: new Map() };
  }
  const { id, projectKey, slug, hierarchyId } = repository;
  const ref = { id, projectKey, slug, hierarchyId };
  // A placeholder that keeps some files is still known by its address only.
  const identified = records.filter(
    record => !record.files.some(file => kept.has(getEntryKey(file))),
  );
  return {
    ...rules,
    known: await replaceIds(
      await indexKnown(known),
      new Map(identified.map(record => [record.repositoryId, id])),
    ),
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
  const files = known.flatMap(record => record.files);
  const before = new Map(files.map(file => [getEntryKey(file), file]));
  const isNew = ({ file }: CatalogLocation) =>
    differsFrom(file, before.get(getEntryKey(file)));
  // The catalog holds the version of an entity made by the repository that lost it.
  const transferred = [...difference.transferred.values()].filter(
    location => location.file.entity !== undefined,
  );
  const added = [...found.filter(isNew), ...transferred];
  const removed = getEntryKeys(remove);
  const knownBefore = new Set(known);
  const knownOnce = (change: Pick<AppliedDifference, 'removed' | 'refused'>) =>
    knownAfter(findings, { ...difference, ...change }, { others: 'keep' });
  const after = await knownOnce({ removed });
  const isChanged = (repository: KnownRepository) => !knownBefore.has(repository);
  const left = new Set(after.map(repository => repository.repositoryId));
  return {
    added,
    removed: remove,
    stayed: found.filter(location => !isNew(location)),
    held,
    heldBackReason: reason,
    changed: after.filter(isChanged),
    changedByAdding: (await knownOnce({})).filter(isChanged),
    changedByCheck: (await knownOnce({ refused: getEntryKeys(added) })).filter(isChanged),
    forgottenIds: known
      .map(repository => repository.repositoryId)
      .filter(id => !left.has(id)),
  };
}
