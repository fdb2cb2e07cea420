/**
 * The filters that need no request of their own: they decide by a repository's address or its
 * row in a listing. Pure. Filters that need a request come after them, in `discovery/`.
 */

import { ExclusionReason, Repository } from '../model';
import { RepositoryFilters } from './types';

/** The part of a project that its key determines. */
interface ProjectSubject {
  readonly projectKey: string;
  /** Whether it is the project of a user; determined by the key when left out. */
  readonly personal?: boolean;
}

/** The part of a repository that its address determines. */
interface AddressSubject extends ProjectSubject {
  readonly slug: string;
}

/** @returns the predicate that excludes; nothing where the configuration does not use the filter */
type Excluding<Subject> = (
  filters: RepositoryFilters,
) => ((subject: Subject) => boolean) | false | undefined;

/** One filter, the data it needs, and its reason. */
type FilterStep = { readonly reason: ExclusionReason } & (
  | { readonly needs: 'project-key'; readonly excluding: Excluding<ProjectSubject> }
  | { readonly needs: 'address'; readonly excluding: Excluding<AddressSubject> }
  | { readonly needs: 'row'; readonly excluding: Excluding<Repository> }
);

/**
 * In order of precedence: where several filters exclude a repository, the first determines the
 * reason. Exclusion patterns win over everything else, then come the include patterns, then
 * the properties.
 *
 * @remarks Patterns are tested unanchored, as in the published module this one replaces:
 * `PAY` also matches `PAYMENTS`, `^PAY$` does not.
 */
const FILTER_STEPS: readonly FilterStep[] = [
  {
    reason: 'excluded-by-pattern',
    needs: 'project-key',
    excluding: ({ exclude: { projectKey: pattern } }) =>
      pattern && (project => pattern.test(project.projectKey)),
  },
  {
    reason: 'excluded-by-pattern',
    needs: 'address',
    excluding: ({ exclude: { repoSlug: pattern } }) =>
      pattern && (address => pattern.test(address.slug)),
  },
  {
    reason: 'project-key',
    needs: 'project-key',
    excluding: ({ projectKey: pattern }) =>
      pattern && (project => !pattern.test(project.projectKey)),
  },
  {
    reason: 'repo-slug',
    needs: 'address',
    excluding: ({ repoSlug: pattern }) =>
      pattern && (address => !pattern.test(address.slug)),
  },
  {
    reason: 'archived',
    needs: 'row',
    excluding: ({ skipArchivedRepos }) => skipArchivedRepos && (row => row.archived),
  },
  {
    reason: 'fork',
    needs: 'row',
    excluding: ({ skipForkedRepos }) => skipForkedRepos && (row => row.fork),
  },
  {
    reason: 'personal',
    needs: 'project-key',
    excluding: ({ personalRepos }) =>
      !personalRepos &&
      (({ projectKey, personal = projectKey.startsWith('~') }) => personal),
  },
  {
    reason: 'visibility',
    needs: 'row',
    excluding: ({ visibility }) =>
      visibility && (row => row.public !== (visibility === 'public')),
  },
];

/**
 * Returns why a repository is excluded by its row in a listing.
 *
 * @returns `undefined` where it is not; filters that need a request may still exclude it
 */
export function assessRepository(
  repository: Repository,
  filters: RepositoryFilters,
): ExclusionReason | undefined {
  return FILTER_STEPS.find(step => {
    const excludes = step.excluding(filters);
    return excludes && excludes(repository);
  })?.reason;
}

/**
 * Returns why a repository is excluded by its address.
 *
 * @returns `undefined` where it is not; the other filters may still exclude it
 */
export function assessAddress(
  address: AddressSubject,
  filters: RepositoryFilters,
): ExclusionReason | undefined {
  return FILTER_STEPS.find(step => {
    const excludes = step.needs !== 'row' && step.excluding(filters);
    return excludes && excludes(address);
  })?.reason;
}

/**
 * Returns why all repositories of a project are excluded by its key.
 *
 * @returns `undefined` where they are not
 */
export function assessProject(
  project: ProjectSubject,
  filters: RepositoryFilters,
): ExclusionReason | undefined {
  return FILTER_STEPS.find(step => {
    const excludes = step.needs === 'project-key' && step.excluding(filters);
    return excludes && excludes(project);
  })?.reason;
}
