/**
 * Updates the findings of a run with those of events that were handled during the run.
 * Pure. Otherwise the run would revert the changes made by these events.
 */

import { addressKey, isPlaceholderId } from './identify';
import { DiscoveryResult, KnownRepository, RepositoryResult } from './types';

/**
 * Replaces outcomes with newer ones, from checks that began after the run had checked the
 * repository.
 *
 * @param newer - repositories as stored at the end of the run
 */
export function applyConcurrentEvents(
  result: DiscoveryResult,
  newer: readonly KnownRepository[],
): DiscoveryResult {
  if (newer.length === 0) {
    return result;
  }
  const checked = new Map(
    result.repositories.map(repositoryResult => [
      repositoryResult.repository.id,
      repositoryResult,
    ]),
  );
  const known = new Map(
    result.known.map(repository => [repository.repositoryId, repository]),
  );
  const later = newer.filter(repository => {
    const { repositoryId: id, revision = 0 } = repository;
    const seen = Math.max(
      getCheckRevision(checked.get(id)),
      known.get(id)?.revision ?? 0,
    );
    return (
      revision > seen && (repository.conclusive || isGone(repository, checked.get(id)))
    );
  });
  if (later.length === 0) {
    return result;
  }
  const gone = new Set(result.goneRepositoryIds);
  for (const repository of later) {
    const { repositoryId: id } = repository;
    const asResult = toResult(repository);
    known.set(id, repository);
    if (asResult) {
      checked.set(id, asResult);
      gone.delete(id);
    } else {
      checked.delete(id);
      gone.add(id);
    }
  }
  forgetPlaceholders(later, checked, known);
  return {
    ...result,
    repositories: [...checked.values()],
    known: [...known.values()],
    goneRepositoryIds: gone,
  };
}

/**
 * Returns the revision of a conclusive check.
 *
 * @returns 0 if the check was inconclusive: an earlier conclusive one then takes
 * precedence
 */
export function getCheckRevision(result: RepositoryResult | undefined): number {
  return result === undefined || result.outcome.kind === 'unknown'
    ? 0
    : (result.revision ?? 0);
}

/** Whether the repository was found gone, and the run did not find it elsewhere. */
function isGone(known: KnownRepository, checked: RepositoryResult | undefined): boolean {
  return (
    known.conclusive === undefined &&
    known.files.length === 0 &&
    (checked === undefined || addressKey(checked.repository) === addressKey(known))
  );
}

/** Removes placeholders for addresses whose repository is known by now. */
function forgetPlaceholders(
  later: readonly KnownRepository[],
  checked: Map<number, RepositoryResult>,
  known: Map<number, KnownRepository>,
): void {
  const conclusive = later.filter(
    repository => repository.conclusive && !isPlaceholderId(repository.repositoryId),
  );
  const addresses = new Set(conclusive.map(addressKey));
  for (const [id, repository] of known) {
    if (isPlaceholderId(id) && addresses.has(addressKey(repository))) {
      known.delete(id);
      checked.delete(id);
    }
  }
}

function toResult(known: KnownRepository): RepositoryResult | undefined {
  return (
    known.conclusive && {
      repository: {
        id: known.repositoryId,
        projectKey: known.projectKey,
        slug: known.slug,
      },
      outcome: known.conclusive,
      checkedAtMs: known.checkedAtMs,
      revision: known.revision,
    }
  );
}
