/** Between repositories with files and the Locations they are in the catalog. Pure. */

import { CatalogFile, RepositoryOutcome } from '../model';
import { CatalogLocation, DiscoveryResult, KnownRepository } from './types';

/** The Location of each file that was found, each target once. */
export function foundLocations(result: DiscoveryResult): CatalogLocation[] {
  return uniqueByTarget(
    result.repositories.flatMap(({ repository, outcome }) =>
      filesOf(outcome).map(file => ({ repository, file })),
    ),
  );
}

/** The files that an outcome registers. */
export function filesOf(outcome: RepositoryOutcome): readonly CatalogFile[] {
  return outcome.kind === 'registered' ? outcome.files : [];
}

/** Every Location of these repositories. */
export function locationsOf(known: readonly KnownRepository[]): CatalogLocation[] {
  return known.flatMap(one =>
    one.files.map(file => ({
      repository: { id: one.repositoryId, projectKey: one.projectKey, slug: one.slug },
      file,
    })),
  );
}

/** Each target once, the last one of it. */
export function uniqueByTarget(locations: readonly CatalogLocation[]): CatalogLocation[] {
  return [...new Map(locations.map(one => [one.file.targetUrl, one])).values()];
}

/** The repositories that lose a file, as they are without it. */
export function withoutFiles(
  repositories: readonly KnownRepository[],
  targets: ReadonlySet<string>,
): KnownRepository[] {
  return repositories
    .filter(one => one.files.some(file => targets.has(file.targetUrl)))
    .map(one => ({
      ...one,
      files: one.files.filter(file => !targets.has(file.targetUrl)),
    }));
}

/** The same path was found under another URL: renamed, moved or on another branch, not lost. */
export function isReplaced(
  file: CatalogFile,
  outcome: RepositoryOutcome | undefined,
): boolean {
  return (
    outcome?.kind === 'registered' && outcome.files.some(one => one.path === file.path)
  );
}
