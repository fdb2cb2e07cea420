/**
 * Compares the Locations that the catalog should hold with those that it holds, and computes
 * the known state after the difference is applied. Pure, and the same for a run over all
 * repositories and for an event about a few. Whether a Location may be removed is decided in
 * `planRemovals`.
 */

import { CatalogFile, RepositoryOutcome } from '../model';
import { forEachInTurns } from '../util/clock';
import {
  getRegisteredFiles,
  getEntryKey,
  toRepositoryRef,
  Replacement,
  findReplacement,
  hasSameFiles,
  mergeFiles,
} from './locations';
import {
  CatalogLocation,
  ConclusiveOutcome,
  KnownRepositories,
  KnownRepository,
  RepositoryResult,
} from './types';
import { hasSameIdentity, isAt } from './identify';

/** Findings about some repositories, or about all. */
export interface Findings {
  /** The known state of these repositories. */
  readonly known: KnownRepositories;
  /** Results of the repositories that were checked, by id. */
  readonly results: ReadonlyMap<number, RepositoryResult>;
  /** Whether a Location that was not found is proven to be gone; in doubt it is kept. */
  readonly hasLeft: (location: CatalogLocation) => boolean;
  /**
   * Returns the id of the repository to which kept files of a known repository belong.
   */
  readonly getOwner: (known: KnownRepository) => number;
}

/**
 * The differences; every found or known Location is in exactly one of the first three.
 */
export interface Difference {
  /** Locations that were found, by key. */
  readonly found: ReadonlyMap<string, CatalogLocation>;
  /**
   * Locations that are kept although they were not found: the outcome of their repository
   * is unknown.
   */
  readonly carriedForward: readonly CatalogLocation[];
  /** Locations that are proven not to belong in the catalog any more. */
  readonly due: readonly CatalogLocation[];
  /** How some of the Locations in `due` are replaced, by key. */
  readonly replaced: ReadonlyMap<string, Replacement>;
  /**
   * Locations that are carried forward although another repository has lost them, by key.
   */
  readonly transferred: ReadonlyMap<string, CatalogLocation>;
  /** How many Locations the catalog holds. */
  readonly knownLocations: number;
}

/** Compares findings with the known state. */
export async function findDifference({
  known,
  results,
  hasLeft,
}: Omit<Findings, 'getOwner'>): Promise<Difference> {
  const found = new Map<string, CatalogLocation>();
  await forEachInTurns(results.values(), ({ repository, outcome }) => {
    for (const file of getRegisteredFiles(outcome)) {
      found.set(getEntryKey(file), { repository, file });
    }
  });
  const movedKeys = new Set<string>();
  const kept = new Map<string, CatalogLocation>();
  const lost = new Map<string, CatalogLocation>();
  const replaced = new Map<string, Replacement>();
  await forEachInTurns(known.values(), repository => {
    for (const file of repository.files) {
      const key = getEntryKey(file);
      const finder = found.get(key)?.repository;
      if (finder && finder.id !== repository.repositoryId) {
        movedKeys.add(key);
      } else if (!finder) {
        const location = { repository: toRepositoryRef(repository), file };
        const isLost = hasLeft(location);
        (isLost ? lost : kept).set(key, location);
        const replacement =
          isLost && findReplacement(file, results.get(repository.repositoryId)?.outcome);
        if (replacement) {
          replaced.set(key, replacement);
        }
      }
    }
  });
  const transferred = new Map<string, CatalogLocation>();
  for (const key of lost.keys()) {
    const location = kept.get(key);
    if (location) {
      transferred.set(key, location);
      lost.delete(key);
    }
  }
  // Counted without an index of all keys, which would take as much memory as `found`.
  let knownLocations = kept.size + lost.size;
  await forEachInTurns(found.values(), ({ repository, file }) => {
    const key = getEntryKey(file);
    const files = known.get(repository.id)?.files ?? [];
    if (movedKeys.has(key) || files.some(before => getEntryKey(before) === key)) {
      knownLocations += 1;
    }
  });
  return {
    found,
    carriedForward: [...kept.values()],
    due: [...lost.values()],
    replaced,
    transferred,
    knownLocations,
  };
}

/** How a difference was applied to the catalog. */
export interface AppliedDifference extends Pick<Difference, 'found' | 'transferred'> {
  /** Keys of the entries that leave the catalog. */
  readonly removed?: ReadonlySet<string>;
  /** Keys of the entries that were found but not accepted by the catalog. */
  readonly refused?: ReadonlySet<string>;
}

/** What becomes of known state that a check does not change. */
export interface UnchangedStates {
  /**
   * Whether repositories that were not checked and have no remaining files are dropped or
   * kept without files.
   */
  readonly others: 'forget' | 'keep';
  /**
   * Returns what the store holds. Where a check has confirmed that, it stays as it is,
   * without the time and revision of that check: a run stores these once for all.
   */
  readonly getStored?: (repositoryId: number) => KnownRepository | undefined;
}

/**
 * Returns the known state of the repositories that were checked and of all others with
 * files in the catalog: the files that were found, and the remaining ones that stay.
 *
 * @returns unchanged repositories as the same objects
 */
export async function knownAfter(
  { known, results, hasLeft, getOwner }: Findings,
  { found, transferred, removed, refused }: AppliedDifference,
  { others, getStored }: UnchangedStates,
): Promise<KnownRepository[]> {
  const isGiven = (file: CatalogFile) => refused?.has(getEntryKey(file)) !== true;
  const stays = (repository: KnownRepository, file: CatalogFile) => {
    const key = getEntryKey(file);
    const finder = isGiven(file) ? found.get(key)?.repository : undefined;
    // A URL belongs to the repository at its address, while an entity may be made from
    // several places.
    const isTaken = finder !== undefined && (!file.entity || isAt(repository, finder));
    const isDecided = finder !== undefined || transferred.has(key);
    return (
      !isTaken &&
      removed?.has(key) !== true &&
      !(isDecided && hasLeft({ repository: toRepositoryRef(repository), file }))
    );
  };
  const staying = new Map<number, readonly CatalogFile[]>();
  await forEachInTurns(known.values(), repository => {
    const files = select(repository.files, file => stays(repository, file));
    if (files.length > 0) {
      const id = getOwner(repository);
      const more = staying.get(id);
      staying.set(id, more ? mergeFiles(more, files) : files);
    }
  });
  const after: KnownRepository[] = [];
  const addChecked = (result: RepositoryResult, before?: KnownRepository) => {
    const { id } = result.repository;
    const files = staying.get(id) ?? [];
    const stored = files.length === 0 ? getStored?.(id) : undefined;
    const isKept = stored !== undefined && isConfirmed(stored, result);
    after.push(isKept ? stored : afterCheck(result, before, files, isGiven));
  };
  let checked = 0;
  await forEachInTurns(known.values(), repository => {
    const { repositoryId: id } = repository;
    const result = results.get(id);
    const files = staying.get(id) ?? [];
    if (result) {
      addChecked(result, repository);
      checked += 1;
    } else if (others === 'keep' || files.length > 0) {
      const isSame = hasSameFiles(files, repository.files);
      after.push(isSame ? repository : { ...repository, files });
    }
  });
  // In most runs all repositories are known.
  if (checked < results.size) {
    await forEachInTurns(results.values(), result => {
      if (!known.has(result.repository.id)) {
        addChecked(result);
      }
    });
  }
  return after;
}

/**
 * Returns the known state of one repository before removals are decided: the files that
 * were found are in the catalog by then, and so are all earlier ones.
 *
 * @returns state that the check has confirmed as the same object
 */
export function knownAfterCheck(
  result: RepositoryResult,
  before: KnownRepository | undefined,
): KnownRepository {
  if (before && isConfirmed(before, result)) {
    return before;
  }
  const found = new Set(getRegisteredFiles(result.outcome).map(getEntryKey));
  const rest = select(before?.files ?? [], file => !found.has(getEntryKey(file)));
  return afterCheck(result, before, rest, () => true);
}

function afterCheck(
  result: RepositoryResult,
  before: KnownRepository | undefined,
  rest: readonly CatalogFile[],
  isGiven: (file: CatalogFile) => boolean,
): KnownRepository {
  const { id, projectKey, slug, hierarchyId } = result.repository;
  const found = select(getRegisteredFiles(result.outcome), isGiven);
  const { conclusive, checkedAtMs, problem, revision } = lastCheck(result, before);
  // Spelled out: a spread takes twice the memory, and there is one for each repository.
  return {
    repositoryId: id,
    projectKey,
    slug,
    hierarchyId,
    files: rest.length === 0 ? found : [...found, ...rest],
    conclusive,
    checkedAtMs,
    problem,
    revision,
  };
}

/** Whether stored state is, but for its time and revision, what a check has found. */
function isConfirmed(
  before: KnownRepository,
  { repository, outcome }: RepositoryResult,
): boolean {
  return (
    before.revision !== undefined &&
    before.problem === undefined &&
    hasSameIdentity(before, repository) &&
    isSameOutcome(before.conclusive, outcome) &&
    hasSameFiles(before.files, getRegisteredFiles(outcome))
  );
}

/** Whether a check had the same outcome as an earlier one. */
export function isSameOutcome(
  before: ConclusiveOutcome | undefined,
  outcome: RepositoryOutcome,
): boolean {
  if (before?.kind === 'registered' || outcome.kind === 'registered') {
    return (
      before?.kind === outcome.kind &&
      hasSameFiles(getRegisteredFiles(before), getRegisteredFiles(outcome))
    );
  }
  return before?.kind === outcome.kind && before.reason === outcome.reason;
}

/** Filters files; returns the same array if all are wanted. */
function select(
  files: readonly CatalogFile[],
  isWanted: (file: CatalogFile) => boolean,
): readonly CatalogFile[] {
  return files.every(isWanted) ? files : files.filter(isWanted);
}

/**
 * Returns the last check that was not `unknown`, with its time, and the problem of a
 * later one.
 */
function lastCheck(
  { outcome, checkedAtMs, revision }: RepositoryResult,
  before: KnownRepository | undefined,
): Pick<KnownRepository, 'conclusive' | 'checkedAtMs' | 'problem' | 'revision'> {
  if (outcome.kind !== 'unknown') {
    return { conclusive: outcome, checkedAtMs, revision };
  }
  const { reason, detail } = outcome;
  // Repositories that a run did not reach were not checked.
  const isCheck = reason !== 'not-checked' && revision !== undefined;
  return {
    conclusive: before?.conclusive,
    checkedAtMs: before?.checkedAtMs,
    problem: { reason, detail },
    revision: isCheck ? revision : before?.revision,
  };
}
