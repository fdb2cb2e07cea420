/** Which repositories to look at because their project was changed. Pure. */

import { addressKey, isPlaceholderId } from '../discovery/identify';
import { ListedRepository } from '../discovery/filterRepositories';
import { KnownRepository } from '../discovery/types';
import { assessAddress } from '../filters/repositoryFilter';
import { RepositoryFilters } from '../filters/types';
import { Repository } from '../model';
import { PendingRepository } from './pendingRepository';
import { ProjectChange } from './repositoryChanges';

/**
 * What the project has, and what it had and the listing lacks.
 *
 * @param listed - all repositories of the project
 * @param known - what the provider remembers
 */
export function planProject(
  change: ProjectChange,
  listed: readonly ListedRepository[],
  known: readonly KnownRepository[],
  filters: RepositoryFilters,
): PendingRepository[] {
  const keys = new Set([change.key, change.formerKey].map(key => key?.toLowerCase()));
  const had = known.filter(
    one => one.files.length > 0 && keys.has(one.projectKey.toLowerCase()),
  );
  const hadIds = new Set(had.map(one => one.repositoryId));
  const here = listed.filter(
    ({ repository }) =>
      hadIds.has(repository.id) || assessAddress(repository, filters) === undefined,
  );
  const hereIds = new Set(here.map(one => one.repository.id));
  const hereAddresses = new Set(
    here.flatMap(one => addressesOf(one.repository, change)).map(addressKey),
  );
  const missing = had.filter(one =>
    isPlaceholderId(one.repositoryId)
      ? !hereAddresses.has(addressKey(one))
      : !hereIds.has(one.repositoryId),
  );
  return [...here.map(one => toListed(one, change)), ...missing.map(toMissing)];
}

/** Under the key it has now and the one it had before. */
function addressesOf({ projectKey, slug }: Repository, { formerKey }: ProjectChange) {
  return [
    { projectKey, slug },
    ...(formerKey === undefined ? [] : [{ projectKey: formerKey, slug }]),
  ];
}

function toListed(listed: ListedRepository, change: ProjectChange): PendingRepository {
  const { repository } = listed;
  const [, was] = addressesOf(repository, change);
  return {
    repository,
    changes: [{ type: 'modified', repository, ...(was && { was }) }],
    listed,
    isOneOfMany: true,
  };
}

function toMissing({
  repositoryId,
  projectKey,
  slug,
}: KnownRepository): PendingRepository {
  const repository = { id: repositoryId, projectKey, slug };
  return { repository, changes: [{ type: 'deleted', repository }], isOneOfMany: true };
}
