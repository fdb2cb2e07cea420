/** Finds the objects that a path or query names, if visible to the user. Shared by the routes. */
import { BitbucketException, invalidArgument, notPermitted } from '../errors';
import { type Commit, toRefId } from '../git';
import type { SimulatedModel } from '../model';
import type { SimulatedProject, SimulatedRepository } from '../modelTypes';
import { type RepositoryPermission, REPOSITORY_PERMISSIONS } from '../users';
import type { RouteContext } from './route';

/** @throws BitbucketException 401 where a project token requests data of the whole server */
export function requireWholeServer({ viewer }: RouteContext): void {
  if (viewer.user?.projects) {
    throw notPermitted();
  }
}

/**
 * Returns the project that the path names.
 *
 * @throws BitbucketException 404 when it does not exist, 401 when the user may not see it
 */
export function requireProject({
  model,
  params,
  viewer,
}: RouteContext): SimulatedProject {
  const project = findProject(model, params.projectKey);
  if (!viewer.seesProject(project)) {
    throw notPermitted();
  }
  return project;
}

/**
 * Returns the repository that the path names, case-insensitively.
 *
 * @throws BitbucketException 404 when it does not exist, 401 when the user may not see it
 */
export function requireRepository(context: RouteContext): SimulatedRepository {
  const { model, params, viewer, settings } = context;
  const project = findProject(model, params.projectKey);
  const slug = params.repositorySlug ?? '';
  const repository =
    model.findRepository(project.key, slug) ??
    (settings.followsMoves ? model.findMoved(project.key, slug) : undefined);
  if (!repository && viewer.seesProject(project)) {
    throw new BitbucketException(
      'NoSuchRepositoryException',
      `Repository ${project.key}/${slug} does not exist.`,
    );
  }
  if (!repository || !viewer.seesRepository(repository)) {
    throw notPermitted();
  }
  return repository;
}

/**
 * Returns the commit that `at` names, or the tip of the default branch.
 *
 * @param revision - an empty string counts as absent: Backstage's URL reader sends `?at=`
 * @throws BitbucketException 404 when the commit does not exist
 */
export function requireCommit(
  { settings }: RouteContext,
  { git, slug, name }: SimulatedRepository,
  revision: string | null | undefined,
): Commit {
  if (revision) {
    const commit = git.resolve(revision);
    if (commit) {
      return commit;
    }
    throw /^[0-9a-f]{40}$/i.test(revision)
      ? new BitbucketException(
          'NoSuchCommitException',
          `Commit '${revision}' does not exist in repository '${slug}'.`,
        )
      : new BitbucketException(
          'NoSuchObjectException',
          `Object "${revision}" does not exist in repository '${slug}'`,
        );
  }
  const tip = git.tip(git.defaultBranch);
  if (tip) {
    return tip;
  }
  if (git.empty && settings.emptyRepositories === 'EmptyRepositoryException') {
    throw new BitbucketException(
      'EmptyRepositoryException',
      `Repository '${name}' is empty.`,
    );
  }
  throw noDefaultBranch(git.defaultBranch);
}

/** 404: a default branch is configured but does not exist. */
export function noDefaultBranch(branch: string): BitbucketException {
  return new BitbucketException(
    'NoDefaultBranchException',
    `${toRefId(branch)} is set as the default branch, but this branch does not exist`,
  );
}

/**
 * Reads a query parameter that must be one of a few words, case-insensitively.
 *
 * @returns `undefined` when the parameter is not set
 * @throws BitbucketException 400 for any other word
 */
export function readChoice<T extends string>(
  query: URLSearchParams,
  name: string,
  choices: readonly T[],
): T | undefined {
  const text = query.get(name)?.trim();
  if (!text) {
    return undefined;
  }
  const choice = choices.find(word => word.toLowerCase() === text.toLowerCase());
  if (choice === undefined) {
    throw invalidArgument(`${text} is not a valid ${name}`);
  }
  return choice;
}

/** The `permission` of a repository listing. */
export function readPermission(query: URLSearchParams): RepositoryPermission | undefined {
  return readChoice(query, 'permission', REPOSITORY_PERMISSIONS);
}

function findProject(model: SimulatedModel, key = ''): SimulatedProject {
  const project = model.findProject(key);
  if (!project) {
    throw new BitbucketException(
      'NoSuchProjectException',
      `Project ${key} does not exist.`,
    );
  }
  return project;
}
