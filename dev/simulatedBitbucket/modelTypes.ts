/**
 * The types of the simulated content and of the parameters of its mutators, with small
 * stateless helpers for `model.ts`.
 */
import { createHash } from 'node:crypto';
import { SimulatedGit, toTree } from './git';

/** `state` of a repository. Source: Bitbucket Data Center 10.0 OpenAPI, `RestRepository`. */
export type RepositoryState =
  'AVAILABLE' | 'INITIALISING' | 'INITIALISATION_FAILED' | 'OFFLINE';

/** A project as the simulator holds it. */
export interface SimulatedProject {
  readonly id: number;
  readonly key: string;
  readonly lowerKey: string;
  readonly name: string;
  readonly description?: string;
  readonly public: boolean;
  readonly type: 'NORMAL' | 'PERSONAL';
  /** Name of the owner of a personal project. */
  readonly ownerName?: string;
}

/** A repository as the simulator holds it; replaced as a whole when something changes. */
export interface SimulatedRepository {
  /** The identity: stays when the repository is renamed or moved. */
  readonly id: number;
  readonly project: SimulatedProject;
  readonly slug: string;
  /** `key/slug` in lower case. */
  readonly path: string;
  readonly name: string;
  readonly description?: string;
  readonly hierarchyId: string;
  readonly archived: boolean;
  readonly public: boolean;
  readonly state: RepositoryState;
  readonly originId?: number;
  readonly labels: ReadonlySet<string>;
  readonly git: SimulatedGit;
}

/** A project to be added. */
export interface AddProjectOptions {
  /** For example `PAY`; `~NAME` for a personal project. */
  key: string;
  /** Default: the key. */
  name?: string;
  description?: string;
  public?: boolean;
  type?: 'NORMAL' | 'PERSONAL';
}

/** A repository to be added. */
export interface AddRepositoryOptions {
  projectKey: string;
  slug: string;
  /** Default: the slug. */
  name?: string;
  description?: string;
  archived?: boolean;
  public?: boolean;
  state?: RepositoryState;
  /** Makes it a fork of this repository. */
  origin?: { projectKey: string; slug: string };
  /** Files on the default branch. Default: a `README.md`. */
  files?: Readonly<Record<string, string>>;
  /**
   * Name of the default branch. Default `main`. With `missing` the configured branch of
   * that name does not exist and the files lie on `main`.
   */
  defaultBranch?: string;
  /** Further branches with exactly these files. */
  branches?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Nothing was ever pushed. */
  empty?: boolean;
  labels?: readonly string[];
  /** Default: derived from the id, as if this were the only server. */
  hierarchyId?: string;
}

/** The values that the model gives a new repository. */
export interface NewRepository {
  readonly id: number;
  readonly project: SimulatedProject;
  readonly originId?: number;
  /** Epoch milliseconds, for commit times. */
  readonly now: () => number;
}

/** A new repository with its first commits. */
export function toRepository(
  options: AddRepositoryOptions,
  { id, project, originId, now }: NewRepository,
): SimulatedRepository {
  const { slug, defaultBranch = 'main' } = options;
  return {
    id,
    project,
    slug: slug.toLowerCase(),
    path: `${project.lowerKey}/${slug.toLowerCase()}`,
    name: options.name ?? slug,
    description: options.description,
    hierarchyId: options.hierarchyId ?? sha1(`hierarchy ${id}`).slice(0, 20),
    archived: options.archived ?? false,
    public: options.public ?? false,
    state: options.state ?? 'AVAILABLE',
    originId,
    labels: new Set(options.labels),
    git: withFirstCommits(new SimulatedGit(`${id}`, defaultBranch, now), options),
  };
}

function withFirstCommits(
  git: SimulatedGit,
  { empty, files, branches = {}, name, slug }: AddRepositoryOptions,
): SimulatedGit {
  if (empty) {
    return git;
  }
  const start = git.defaultBranch === 'missing' ? 'main' : git.defaultBranch;
  const tree = toTree(files ?? { 'README.md': `# ${name ?? slug}\n` });
  git.commit(start, tree, 'Initial commit');
  for (const [branch, branchFiles] of Object.entries(branches)) {
    git.commit(branch, toTree(branchFiles), `Start ${branch}`);
  }
  return git;
}

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}

/** Order of listings: by project name, then repository name, case-insensitive, then id. */
export function byNames(a: SimulatedRepository, b: SimulatedRepository): number {
  return (
    compareText(a.project.name, b.project.name) ||
    compareText(a.name, b.name) ||
    a.id - b.id
  );
}

/** Case-insensitive comparison that does not depend on the locale of the machine. */
export function compareText(a: string, b: string): number {
  const [left, right] = [a.toLowerCase(), b.toLowerCase()];
  if (left === right) {
    return 0;
  }
  return left < right ? -1 : 1;
}
