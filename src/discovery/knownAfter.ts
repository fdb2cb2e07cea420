/** Computes the known state of repositories after a check. Pure. */

import { CatalogFile } from '../model';
import { forEachInTurns } from '../util/clock';
import { Difference, Findings } from './difference';
import { isAt } from './identify';
import { getRegisteredFiles, getEntryKey, toRepositoryRef } from './locations';
import { KnownRepository, RepositoryResult } from './types';

/** How a difference was applied to the catalog. */
export interface AppliedDifference extends Pick<Difference, 'found' | 'transferred'> {
  /** Keys of the entries that leave the catalog. */
  readonly removed?: ReadonlySet<string>;
  /** Keys of the entries that were found but not accepted by the catalog. */
  readonly refused?: ReadonlySet<string>;
}

/**
 * Returns the known state of the repositories that were checked and of all others with
 * files in the catalog: the files that were found, and the remaining ones that stay.
 *
 * @param others - whether other repositories without remaining files are dropped or kept
 * without files
 * @returns unchanged repositories as the same objects
 */
export async function knownAfter(
  { known, results, hasLeft, getOwner }: Findings,
  { found, transferred, removed, refused }: AppliedDifference,
  others: 'forget' | 'keep',
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
  await forEachInTurns(known, repository => {
    const files = select(repository.files, file => stays(repository, file));
    if (files.length > 0) {
      const id = getOwner(repository);
      staying.set(id, union(staying.get(id), files));
    }
  });
  const after: KnownRepository[] = [];
  const knownIds = new Set<number>();
  await forEachInTurns(known, repository => {
    const { repositoryId: id } = repository;
    const result = results.get(id);
    const files = staying.get(id) ?? [];
    if (result) {
      after.push(afterCheck(result, repository, files, isGiven));
      knownIds.add(id);
    } else if (others === 'keep' || files.length > 0) {
      const isSame = hasSameItems(files, repository.files);
      after.push(isSame ? repository : { ...repository, files });
    }
  });
  // In most runs all repositories are known.
  const newcomers = knownIds.size < results.size ? results.values() : [];
  await forEachInTurns(newcomers, result => {
    const { id } = result.repository;
    if (!knownIds.has(id)) {
      after.push(afterCheck(result, undefined, staying.get(id) ?? [], isGiven));
    }
  });
  return after;
}

/**
 * Returns the known state of one repository before removals are decided: the files that
 * were found are in the catalog by then, and so are all earlier ones.
 */
export function knownAfterCheck(
  result: RepositoryResult,
  before: KnownRepository | undefined,
): KnownRepository {
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
  return {
    repositoryId: id,
    projectKey,
    slug,
    hierarchyId,
    files: rest.length === 0 ? found : [...found, ...rest],
    ...lastCheck(result, before),
  };
}

function hasSameItems<T>(some: readonly T[], others: readonly T[]): boolean {
  return (
    some === others ||
    (some.length === others.length &&
      some.every((entry, index) => entry === others[index]))
  );
}

/** Merges two lists without duplicates. */
function union(
  some: readonly CatalogFile[] | undefined,
  more: readonly CatalogFile[],
): readonly CatalogFile[] {
  return some
    ? [...new Map([...some, ...more].map(file => [getEntryKey(file), file])).values()]
    : more;
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
