/** Between repositories with files and the Locations they are in the catalog. Pure. */

import { CatalogFile, RepositoryOutcome } from '../model';
import { CatalogLocation, KnownRepository, RepositoryRef } from './types';

/** The files that an outcome registers. */
export function getRegisteredFiles(outcome: RepositoryOutcome): readonly CatalogFile[] {
  return outcome.kind === 'registered' ? outcome.files : [];
}

/**
 * What tells a Location from others: the URL it reads, or the entity ref of what a location
 * parser made of the file.
 */
export function getEntryKey(file: CatalogFile): string {
  return file.entity?.key ?? file.targetUrl;
}

/** The keys of some Locations. */
export function getEntryKeys(locations: readonly CatalogLocation[]): Set<string> {
  return new Set(locations.map(one => getEntryKey(one.file)));
}

/** Whether the catalog has to be told of a file, given how it was told of it before. */
export function differsFrom(file: CatalogFile, before: CatalogFile | undefined): boolean {
  return (
    before === undefined ||
    before.entity?.json !== file.entity?.json ||
    (file.entity === undefined && before.presence !== file.presence)
  );
}

/** Whether two lists of files are the same, in the same order. */
export function hasSameFiles(
  some: readonly CatalogFile[],
  others: readonly CatalogFile[],
): boolean {
  return (
    some === others ||
    (some.length === others.length &&
      some.every((one, index) => isSameFile(one, others[index])))
  );
}

function isSameFile(one: CatalogFile, other: CatalogFile | undefined): boolean {
  return (
    one === other ||
    (one.path === other?.path &&
      one.targetUrl === other.targetUrl &&
      one.presence === other.presence &&
      one.entity?.key === other.entity?.key &&
      one.entity?.json === other.entity?.json)
  );
}

/** Which repository is known. */
export function toRepositoryRef(known: KnownRepository): RepositoryRef {
  const { repositoryId: id, projectKey, slug, hierarchyId } = known;
  return { id, projectKey, slug, hierarchyId };
}

/** Every Location of these repositories. */
export function toLocations(known: readonly KnownRepository[]): CatalogLocation[] {
  return known.flatMap(one => {
    const repository = toRepositoryRef(one);
    return one.files.map(file => ({ repository, file }));
  });
}

/** Each once, the last one of it. */
export function uniqueByKey(locations: readonly CatalogLocation[]): CatalogLocation[] {
  return [...new Map(locations.map(one => [getEntryKey(one.file), one])).values()];
}

/**
 * The repositories that lose a file, as they are without it. What registered it is not so
 * any more either.
 */
export function withoutFiles(
  repositories: readonly KnownRepository[],
  keys: ReadonlySet<string>,
): KnownRepository[] {
  return repositories
    .filter(one => one.files.some(file => keys.has(getEntryKey(file))))
    .map(one => ({
      ...one,
      files: one.files.filter(file => !keys.has(getEntryKey(file))),
      conclusive: registersAny(one, keys) ? undefined : one.conclusive,
    }));
}

function registersAny(
  { conclusive }: KnownRepository,
  keys: ReadonlySet<string>,
): boolean {
  return (
    conclusive?.kind === 'registered' &&
    conclusive.files.some(file => keys.has(getEntryKey(file)))
  );
}

/** What the catalog gets in the place of a file that leaves it. */
export type Replacement =
  /** The same file under another URL: renamed, moved or on another branch. */
  | 'other-target'
  /** What a location parser makes of it, or the Location that reads it, once there is no parser. */
  | 'other-form';

/**
 * Whether a file that leaves the catalog is replaced rather than lost.
 *
 * @remarks What a parser made of a file keeps its name when the file moves. If it is not
 * made any more, it is lost, unless a Location takes its place because there is no parser
 * any more.
 */
export function findReplacement(
  file: CatalogFile,
  outcome: RepositoryOutcome | undefined,
): Replacement | undefined {
  const others = outcome ? getRegisteredFiles(outcome) : [];
  const replacement = others.find(
    one =>
      one.path === file.path && !(one.entity !== undefined && file.entity !== undefined),
  );
  if (replacement === undefined) {
    return undefined;
  }
  return replacement.targetUrl === file.targetUrl ? 'other-form' : 'other-target';
}
