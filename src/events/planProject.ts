/** Which repositories to look at because their project was changed. Pure. */

import { addressKey, isPlaceholderId } from '../discovery/identify';
import { FilteredRepository } from '../discovery/applyFilters';
import { KnownRepository } from '../discovery/types';
import { assessAddress } from '../filters/steps';
import { RepositoryFilters } from '../filters/types';
import { RepositoryAddress } from '../model';
import { PendingRepository } from './pendingRepository';
import { ProjectChange } from './repositoryChanges';

/**
 * What the project has, and what it had and the listing lacks.
 *
 * @remarks What another project has lost is left to the next run: that this one was that one
 * before is only what the payload claims.
 *
 * @param listed - all repositories of the project
 * @param known - what the provider remembers
 */
export function planProject(
  { key, formerKey }: ProjectChange,
  listed: readonly FilteredRepository[],
  known: readonly KnownRepository[],
  filters: RepositoryFilters,
): PendingRepository[] {
  const held = new Map(
    known
      .filter(({ files }) => files.length > 0)
      .map(repository => [repository.repositoryId, repository]),
  );
  const here = listed.filter(
    ({ repository }) =>
      held.has(repository.id) || assessAddress(repository, filters) === undefined,
  );
  const ids = new Set(here.map(({ repository }) => repository.id));
  const addresses = new Set(here.map(({ repository }) => addressKey(repository)));
  const missing = [...held.values()].filter(
    repository =>
      repository.projectKey.toLowerCase() === key.toLowerCase() &&
      !(isPlaceholderId(repository.repositoryId)
        ? addresses.has(addressKey(repository))
        : ids.has(repository.repositoryId)),
  );
  return [
    ...here.map(shown => {
      const { id, slug } = shown.repository;
      const claimed =
        formerKey === undefined ? undefined : { projectKey: formerKey, slug };
      return toListed(shown, held.get(id) ?? claimed);
    }),
    ...missing.map(toMissing),
  ];
}

/** @param former - where it was before, as Bitbucket has shown it or else as the payload claims */
function toListed(
  listed: FilteredRepository,
  former: RepositoryAddress | undefined,
): PendingRepository {
  const { repository } = listed;
  const hasMoved = former && addressKey(former) !== addressKey(repository);
  const was = hasMoved ? { projectKey: former.projectKey, slug: former.slug } : undefined;
  const changes = [{ type: 'modified', repository, was } as const];
  return { repository, changes, listed, isOneOfMany: true };
}

function toMissing({ repositoryId, projectKey, slug }: KnownRepository) {
  const repository = { id: repositoryId, projectKey, slug };
  const changes = [{ type: 'deleted', repository } as const];
  return { repository, changes, isOneOfMany: true };
}
