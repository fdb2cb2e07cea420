/** What is known of repositories once they were looked at. Pure. */

import { CatalogFile } from '../model';
import { forEachInTurns } from '../util/clock';
import { Difference, Findings } from './difference';
import { isAt } from './identify';
import { getRegisteredFiles, getEntryKey, toRepositoryRef } from './locations';
import { KnownRepository, RepositoryResult } from './types';

/** What becomes of a difference. */
export interface AppliedDifference extends Pick<Difference, 'found' | 'transferred'> {
  /** Keys of what leaves the catalog. */
  readonly removed?: ReadonlySet<string>;
  /** Keys of what was found and the catalog has not got. */
  readonly refused?: ReadonlySet<string>;
}

/**
 * What is known of the repositories that were looked at, and of all others of which the
 * catalog has something: what each was found to have, and what stays of the rest.
 *
 * @param others - what is known of those others where nothing is left of them: they are
 * forgotten, or known without files
 * @returns those that are as they were, as the same objects
 */
export async function knownAfter(
  { known, results, hasLeft, getOwner }: Findings,
  { found, transferred, removed, refused }: AppliedDifference,
  others: 'forget' | 'keep',
): Promise<KnownRepository[]> {
  const isGiven = (file: CatalogFile) => refused?.has(getEntryKey(file)) !== true;
  const stays = (one: KnownRepository, file: CatalogFile) => {
    const key = getEntryKey(file);
    const finder = isGiven(file) ? found.get(key)?.repository : undefined;
    // A place belongs to whoever is there, while an entity may be made of several places.
    const isTaken = finder !== undefined && (!file.entity || isAt(one, finder));
    const isDecided = finder !== undefined || transferred.has(key);
    return (
      !isTaken &&
      removed?.has(key) !== true &&
      !(isDecided && hasLeft({ repository: toRepositoryRef(one), file }))
    );
  };
  const staying = new Map<number, readonly CatalogFile[]>();
  await forEachInTurns(known, one => {
    const files = select(one.files, file => stays(one, file));
    if (files.length > 0) {
      const id = getOwner(one);
      staying.set(id, union(staying.get(id), files));
    }
  });
  const after: KnownRepository[] = [];
  const knownIds = new Set<number>();
  await forEachInTurns(known, one => {
    const { repositoryId: id } = one;
    const result = results.get(id);
    const files = staying.get(id) ?? [];
    if (result) {
      after.push(afterLook(result, one, files, isGiven));
      knownIds.add(id);
    } else if (others === 'keep' || files.length > 0) {
      const isSame = hasSameItems(files, one.files);
      after.push(isSame ? one : { ...one, files });
    }
  });
  // In the usual run, all are known.
  const newcomers = knownIds.size < results.size ? results.values() : [];
  await forEachInTurns(newcomers, result => {
    const { id } = result.repository;
    if (!knownIds.has(id)) {
      after.push(afterLook(result, undefined, staying.get(id) ?? [], isGiven));
    }
  });
  return after;
}

/**
 * What is known of one repository while it is not decided yet what leaves the catalog:
 * what was found is in it by then, and so is all that was there before.
 */
export function knownAfterLook(
  result: RepositoryResult,
  before: KnownRepository | undefined,
): KnownRepository {
  const found = new Set(getRegisteredFiles(result.outcome).map(getEntryKey));
  const rest = select(before?.files ?? [], file => !found.has(getEntryKey(file)));
  return afterLook(result, before, rest, () => true);
}

function afterLook(
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
    ...lastLook(result, before),
  };
}

function hasSameItems<T>(some: readonly T[], others: readonly T[]): boolean {
  return (
    some === others ||
    (some.length === others.length && some.every((one, index) => one === others[index]))
  );
}

/** Each once. */
function union(
  some: readonly CatalogFile[] | undefined,
  more: readonly CatalogFile[],
): readonly CatalogFile[] {
  return some
    ? [...new Map([...some, ...more].map(file => [getEntryKey(file), file])).values()]
    : more;
}

/** The list itself where nothing is left out. */
function select(
  files: readonly CatalogFile[],
  isWanted: (file: CatalogFile) => boolean,
): readonly CatalogFile[] {
  return files.every(isWanted) ? files : files.filter(isWanted);
}

/** The last look that was not `unknown`, with its time, and what came of a later one. */
function lastLook(
  { outcome, checkedAtMs, revision }: RepositoryResult,
  before: KnownRepository | undefined,
): Pick<KnownRepository, 'conclusive' | 'checkedAtMs' | 'problem' | 'revision'> {
  if (outcome.kind !== 'unknown') {
    return { conclusive: outcome, checkedAtMs, revision };
  }
  const { reason, detail } = outcome;
  // What a run did not come to was not looked at.
  const isLook = reason !== 'not-checked' && revision !== undefined;
  return {
    conclusive: before?.conclusive,
    checkedAtMs: before?.checkedAtMs,
    problem: { reason, detail },
    revision: isLook ? revision : before?.revision,
  };
}
