/** What a filter is that has to ask Bitbucket. Types only. */

import { FilterVerdict } from '../filters/types';
import { ExclusionReason, Repository } from '../model';
import { DiscoveryScope, RepositorySource } from './types';

/** What a filter asks with. */
export interface FilterQuestions extends Pick<DiscoveryScope, 'filters' | 'concurrency'> {
  readonly source: RepositorySource;
  /** Whether the catalog has something of a repository, which a wrong answer would take away. */
  readonly isHeld: (repositoryId: number) => boolean;
  readonly signal?: AbortSignal;
}

/** A filter whose answer is on no listing row. Throws only what the source throws. */
export interface AskingFilterStep {
  readonly reason: ExclusionReason;
  readonly needs: 'request';
  /** Whether the configuration uses it. */
  isUsed(filters: DiscoveryScope['filters']): boolean;
  /** Decides about many together: one by one, each would cost a request. */
  readInBulk(
    repositories: readonly Repository[],
    questions: FilterQuestions,
  ): Promise<(repository: Repository) => FilterVerdict>;
  /** Decides about one alone, with as few requests as that takes. */
  readOne(repository: Repository, questions: FilterQuestions): Promise<FilterVerdict>;
}
