/** The caller of a request and what it may see. Created by `handle.ts`, used by the routes. */
import type { SimulatedProject, SimulatedRepository } from './modelTypes';
import { type RepositoryPermission, REPOSITORY_PERMISSIONS } from './users';
import type { SimulatedUser } from './users';

/** The permissions of one request. */
export interface Viewer {
  /** `undefined` for an anonymous request. */
  readonly user?: SimulatedUser;
  /** Whether the caller may see the project. */
  seesProject(project: SimulatedProject): boolean;
  /** Whether the caller may see the repository: the implicit 'read', lower than `REPO_READ`. */
  seesRepository(repository: SimulatedRepository): boolean;
  /** Whether the caller has at least this permission on visible repositories; never if anonymous. */
  holds(permission: RepositoryPermission): boolean;
}

/** A signed-in user. */
export function createUserViewer(user: SimulatedUser): Viewer {
  const { hidden, projects } = user;
  const seesProject = ({ lowerKey }: SimulatedProject) =>
    !hidden.has(lowerKey) && (projects?.has(lowerKey) ?? true);
  return {
    user,
    seesProject,
    seesRepository: ({ project, path }) => seesProject(project) && !hidden.has(path),
    holds: permission =>
      REPOSITORY_PERMISSIONS.indexOf(permission) <=
      REPOSITORY_PERMISSIONS.indexOf(user.permission),
  };
}

/** An anonymous caller, who sees public content. */
export const anonymousViewer: Viewer = {
  seesProject: project => project.public,
  seesRepository: repository => repository.public || repository.project.public,
  holds: () => false,
};

/** The same user after losing every permission. */
export function withoutPermissions({ user }: Viewer): Viewer {
  return {
    user,
    seesProject: () => false,
    seesRepository: () => false,
    holds: () => false,
  };
}
