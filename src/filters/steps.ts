/**
 * The filters that decide by what is known of a repository already: its address, or its
 * row in a listing. Pure. Those that have to ask come after them, in `discovery/`.
 */

import { ExclusionReason, Repository } from '../model';
import { RepositoryFilters } from './types';

/** A project, as far as its key tells. */
interface ProjectSubject {
  readonly projectKey: string;
  /** It is the project of a user; told by the key where left out. */
  readonly personal?: boolean;
}

/** A repository, as far as its address tells. */
interface AddressSubject extends ProjectSubject {
  readonly slug: string;
}

/** @returns what leaves a repository out; nothing where the configuration does not use the filter */
type Excluding<Subject> = (
  filters: RepositoryFilters,
) => ((subject: Subject) => boolean) | false | undefined;

/** One filter, what it has to know, and the reason that it gives. */
type FilterStep = { readonly reason: ExclusionReason } & (
  | { readonly needs: 'project-key'; readonly excluding: Excluding<ProjectSubject> }
  | { readonly needs: 'address'; readonly excluding: Excluding<AddressSubject> }
  | { readonly needs: 'row'; readonly excluding: Excluding<Repository> }
);

/**
 * In order of precedence: where several leave a repository out, the first gives the reason.
 * Exclusion patterns win over everything else, then come the include patterns, then the
 * properties.
 *
 * @remarks Patterns are tested unanchored, as in the published module this one replaces:
 * `PAY` lets `PAYMENTS` through, `^PAY$` does not.
 */
const FILTER_STEPS: readonly FilterStep[] = [
  {
    reason: 'excluded-by-pattern',
    needs: 'project-key',
    excluding: ({ exclude: { projectKey: pattern } }) =>
      pattern && (one => pattern.test(one.projectKey)),
  },
  {
    reason: 'excluded-by-pattern',
    needs: 'address',
    excluding: ({ exclude: { repoSlug: pattern } }) =>
      pattern && (one => pattern.test(one.slug)),
  },
  {
    reason: 'project-key',
    needs: 'project-key',
    excluding: ({ projectKey: pattern }) =>
      pattern && (one => !pattern.test(one.projectKey)),
  },
  {
    reason: 'repo-slug',
    needs: 'address',
    excluding: ({ repoSlug: pattern }) => pattern && (one => !pattern.test(one.slug)),
  },
  {
    reason: 'archived',
    needs: 'row',
    excluding: ({ skipArchivedRepos }) => skipArchivedRepos && (one => one.archived),
  },
  {
    reason: 'fork',
    needs: 'row',
    excluding: ({ skipForkedRepos }) => skipForkedRepos && (one => one.fork),
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
      visibility && (one => one.public !== (visibility === 'public')),
  },
];

/**
 * Tells why a repository is left out, as far as its row in a listing says.
 *
 * @returns `undefined` where it is not; filters that have to ask may still leave it out
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
 * Tells why a repository is left out, as far as its address says.
 *
 * @returns `undefined` where it is not; the rest of the filters may still leave it out
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
 * Tells why all repositories of a project are left out, as far as its key says.
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
