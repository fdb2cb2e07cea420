/** Converts between repositories with files and their Locations in the catalog. Pure. */

import { CatalogFile, RepositoryOutcome } from '../model';
import { CatalogLocation, KnownRepository, RepositoryRef } from './types';

/** Returns the files that an outcome registers; none without an outcome. */
export function getRegisteredFiles(
  outcome: RepositoryOutcome | undefined,
): readonly CatalogFile[] {
  return outcome?.kind === 'registered' ? outcome.files : [];
}

/**
 * Returns the unique key of a Location: the URL it reads, or the ref of the entity that a
 * location parser made from the file.
 */
export function getEntryKey(file: CatalogFile): string {
  return file.entity?.key ?? file.targetUrl;
}

/** Returns the keys of Locations. */
export function getEntryKeys(locations: readonly CatalogLocation[]): Set<string> {
  return new Set(locations.map(location => getEntryKey(location.file)));
}

/** Whether a file has to be sent to the catalog, given its version there. */
export function differsFrom(file: CatalogFile, before: CatalogFile | undefined): boolean {
  return (
    before === undefined ||
    before.entity?.json !== file.entity?.json ||
    (file.entity === undefined && before.presence !== file.presence)
  );
}

/** Whether two lists contain the same files in the same order. */
export function hasSameFiles(
  some: readonly CatalogFile[],
  others: readonly CatalogFile[],
): boolean {
  return (
    some === others ||
    (some.length === others.length &&
      some.every((file, index) => isSameFile(file, others[index])))
  );
}

function isSameFile(file: CatalogFile, other: CatalogFile | undefined): boolean {
  return (
    file === other ||
    (file.path === other?.path &&
      file.targetUrl === other.targetUrl &&
      file.presence === other.presence &&
      file.entity?.key === other.entity?.key &&
      file.entity?.json === other.entity?.json)
  );
}

/** Returns the identity of a known repository. */
export function toRepositoryRef(known: KnownRepository): RepositoryRef {
  const { repositoryId: id, projectKey, slug, hierarchyId } = known;
  return { id, projectKey, slug, hierarchyId };
}

/** Returns every Location of these repositories. */
export function toLocations(known: Iterable<KnownRepository>): CatalogLocation[] {
  return [...known].flatMap(repositoryState => {
    const repository = toRepositoryRef(repositoryState);
    return repositoryState.files.map(file => ({ repository, file }));
  });
}

/** Removes duplicates by key, keeping the last Location of each. */
export function uniqueByKey(locations: readonly CatalogLocation[]): CatalogLocation[] {
  return [
    ...new Map(
      locations.map(location => [getEntryKey(location.file), location]),
    ).values(),
  ];
}

/**
 * Returns the repositories that lose files, without these files. An outcome that
 * registered one of them is dropped.
 */
export function withoutFiles(
  repositories: readonly KnownRepository[],
  keys: ReadonlySet<string>,
): KnownRepository[] {
  return repositories
    .filter(known => known.files.some(file => keys.has(getEntryKey(file))))
    .map(known => ({
      ...known,
      files: known.files.filter(file => !keys.has(getEntryKey(file))),
      conclusive: registersAny(known, keys) ? undefined : known.conclusive,
    }));
}

function registersAny(
  { conclusive }: KnownRepository,
  keys: ReadonlySet<string>,
): boolean {
  return getRegisteredFiles(conclusive).some(file => keys.has(getEntryKey(file)));
}

/** How a file that leaves the catalog is replaced there. */
export type Replacement =
  /** The same file has another URL: it was renamed, moved or is on another branch. */
  | 'other-target'
  /**
   * Entities made by a location parser replace its Location, or the Location replaces
   * them once there is no parser.
   */
  | 'other-form';

/**
 * Determines whether a file that leaves the catalog is replaced rather than lost.
 *
 * @remarks An entity made by a parser keeps its name when the file moves. If it is no
 * longer made, it is lost, unless a Location takes its place because there is no parser
 * any more.
 */
export function findReplacement(
  file: CatalogFile,
  outcome: RepositoryOutcome | undefined,
): Replacement | undefined {
  const replacement = getRegisteredFiles(outcome).find(
    other =>
      other.path === file.path &&
      !(other.entity !== undefined && file.entity !== undefined),
  );
  if (replacement === undefined) {
    return undefined;
  }
  return replacement.targetUrl === file.targetUrl ? 'other-form' : 'other-target';
}

/** Merges two lists without duplicates. */
export function mergeFiles(
  some: readonly CatalogFile[],
  more: readonly CatalogFile[],
): readonly CatalogFile[] {
  return [...new Map([...some, ...more].map(file => [getEntryKey(file), file])).values()];
}
