/**
 * Applies the filters to what a run has listed: first what the rows themselves tell, then
 * the labels, which have to be asked for, in bulk and only where a repository is left that
 * they concern.
 */

import { assessRepository } from '../filters/repositoryFilter';
import { Repository, RepositoryOutcome } from '../model';
import { readLabels } from './labels';
import { DiscoveryScope, KnownRepository, RepositorySource } from './types';

/** What filtering works with. */
export interface FilterTools {
  readonly source: RepositorySource;
  readonly signal?: AbortSignal;
  /** Told of each repository that the filters settle: excluded, or unknown. */
  readonly record: (repository: Repository, outcome: RepositoryOutcome) => void;
}

/** Answers the repositories to be looked at. Throws only what the source throws. */
export type RepositoryFilter = (
  repositories: readonly Repository[],
  known: readonly KnownRepository[],
) => Promise<Repository[]>;

/** A repository that a listing has just shown, among others. */
export interface ListedRepository {
  readonly repository: Repository;
  /** Where the filters have settled it: excluded, or unknown. */
  readonly settled?: RepositoryOutcome;
}

/**
 * Filters what a listing has shown, all of it together: one by one, each repository would
 * be asked for its labels. Throws only what the source throws.
 */
export async function filterListed(
  repositories: readonly Repository[],
  known: readonly KnownRepository[],
  scope: DiscoveryScope,
  tools: Omit<FilterTools, 'record'>,
): Promise<ListedRepository[]> {
  const outcomes = new Map<number, RepositoryOutcome>();
  const record: FilterTools['record'] = ({ id }, outcome) => outcomes.set(id, outcome);
  await createRepositoryFilter(scope, { ...tools, record })(repositories, known);
  return repositories.map(repository => {
    const settled = outcomes.get(repository.id);
    return { repository, ...(settled && { settled }) };
  });
}

/** Makes the filter of one pass; each call reads the labels that the filters name. */
export function createRepositoryFilter(
  scope: DiscoveryScope,
  { source, signal, record }: FilterTools,
): RepositoryFilter {
  const leaveOut = (
    repositories: readonly Repository[],
    decide: (repository: Repository) => RepositoryOutcome | undefined,
  ) =>
    repositories.filter(repository => {
      const outcome = decide(repository);
      if (outcome) {
        record(repository, outcome);
      }
      return outcome === undefined;
    });
  return async (repositories, known) => {
    const passing = leaveOut(repositories, repository => {
      const assessment = assessRepository(repository, scope.filters);
      return assessment.included
        ? undefined
        : { kind: 'excluded', reason: assessment.reason };
    });
    if (passing.length === 0) {
      return [];
    }
    const heldIds = heldAmong(passing, known);
    // Read anew for what only a confirmation has found: pages of labels shift as well.
    const byLabels = await readLabels(scope, { source, signal, heldIds });
    return leaveOut(passing, byLabels);
  };
}

/** Ids of those that the catalog has something of. */
function heldAmong(
  repositories: readonly Repository[],
  known: readonly KnownRepository[],
): Set<number> {
  const held = new Set(
    known.filter(one => one.files.length > 0).map(one => one.repositoryId),
  );
  return new Set(repositories.map(one => one.id).filter(id => held.has(id)));
}
