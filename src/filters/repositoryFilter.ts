/**
 * Decides whether a repository is looked at all, from its listing row alone. Pure: no
 * request is ever spent on a repository that is left out here. Used by the run, by
 * events and by the preview alike.
 */

import { ExclusionReason, Repository, RepositoryAddress } from '../model';
import { TextPattern } from './textPattern';
import { RepositoryFilters } from './types';

/** Whether the filters let a repository through, and if not, which one stopped it. */
export type RepositoryAssessment =
  | { readonly included: true }
  | { readonly included: false; readonly reason: ExclusionReason };

type Check<T = Repository> = (repository: T, filters: RepositoryFilters) => boolean;

/** What the address alone decides. */
const ADDRESS_EXCLUSIONS: readonly (readonly [
  ExclusionReason,
  Check<RepositoryAddress>,
])[] = [
  ['excluded-by-pattern', matchesExclusion],
  [
    'project-key',
    (repository, { projectKey }) => !includes(projectKey, repository.projectKey),
  ],
  ['repo-slug', (repository, { repoSlug }) => !includes(repoSlug, repository.slug)],
];

/**
 * What keeps a repository out, in order of precedence: the first that applies is the
 * reason given. Exclusion patterns come first because they win over everything else,
 * then the include patterns, then the properties.
 */
const EXCLUSIONS: readonly (readonly [ExclusionReason, Check])[] = [
  ...ADDRESS_EXCLUSIONS,
  ['archived', (repository, filters) => filters.skipArchivedRepos && repository.archived],
  ['fork', (repository, filters) => filters.skipForkedRepos && repository.fork],
  ['personal', (repository, filters) => !filters.personalRepos && repository.personal],
  ['visibility', hasOtherVisibility],
];

/**
 * Tells whether discovery looks at a repository.
 *
 * @remarks Patterns are tested unanchored, as in the published module this one replaces:
 * `PAY` lets `PAYMENTS` through, `^PAY$` does not. When several filters apply, the reason
 * is the first of: `excluded-by-pattern`, `project-key`, `repo-slug`, `archived`, `fork`,
 * `personal`, `visibility`.
 *
 * @param repository - as the listing shows it
 * @param filters - the provider's, compiled
 */
export function assessRepository(
  repository: Repository,
  filters: RepositoryFilters,
): RepositoryAssessment {
  for (const [reason, applies] of EXCLUSIONS) {
    if (applies(repository, filters)) {
      return { included: false, reason };
    }
  }
  return { included: true };
}

/**
 * Tells why a repository is left out as far as its address says, without a request.
 *
 * @returns `undefined` when the address is in scope; the rest of the filters may still
 * leave the repository out
 */
export function assessAddress(
  address: RepositoryAddress,
  filters: RepositoryFilters,
): ExclusionReason | undefined {
  const found = ADDRESS_EXCLUSIONS.find(([, applies]) => applies(address, filters));
  const personal = address.projectKey.startsWith('~') && !filters.personalRepos;
  return found?.[0] ?? (personal ? 'personal' : undefined);
}

/**
 * Tells why all repositories of a project are left out, as far as its key says.
 *
 * @returns `undefined` when the key is in scope
 */
export function assessProjectKey(
  key: string,
  { exclude, personalRepos, projectKey }: RepositoryFilters,
): ExclusionReason | undefined {
  if (exclude.projectKey?.test(key)) {
    return 'excluded-by-pattern';
  }
  if (!includes(projectKey, key)) {
    return 'project-key';
  }
  return key.startsWith('~') && !personalRepos ? 'personal' : undefined;
}

function matchesExclusion(
  repository: RepositoryAddress,
  { exclude }: RepositoryFilters,
): boolean {
  return (
    exclude.projectKey?.test(repository.projectKey) === true ||
    exclude.repoSlug?.test(repository.slug) === true
  );
}

/** No pattern includes everything. */
function includes(pattern: TextPattern | undefined, text: string): boolean {
  return pattern === undefined || pattern.test(text);
}

function hasOtherVisibility(
  repository: Repository,
  { visibility }: RepositoryFilters,
): boolean {
  return visibility !== undefined && (visibility === 'public') !== repository.public;
}
