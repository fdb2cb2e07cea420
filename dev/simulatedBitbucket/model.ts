/**
 * The content of the simulated server: users, projects and repositories, with the
 * mutators that tests and the demo use. Routes only read it.
 */
import {
  type AddProjectOptions,
  type AddRepositoryOptions,
  type SimulatedProject,
  type SimulatedRepository,
  byNames,
  toRepository,
} from './modelTypes';
import { SimulatedUsers } from './users';

/** In-memory content of a Bitbucket server. */
export class SimulatedModel extends SimulatedUsers {
  /** Counts changes of projects and repositories, not of their files. */
  revision = 0;
  readonly #now: () => number;
  readonly #projects = new Map<string, SimulatedProject>();
  readonly #repositories = new Map<number, SimulatedRepository>();
  readonly #paths = new Map<string, number>();
  readonly #formerPaths = new Map<string, number>();
  #nextProjectId = 1;
  #nextRepositoryId = 1;
  #sorted?: { revision: number; rows: readonly SimulatedRepository[] };

  /** @param now - epoch milliseconds, for commit times */
  constructor(now: () => number) {
    super();
    this.#now = now;
  }

  /** Projects by lower-case key, in the order of their creation. */
  get projects(): ReadonlyMap<string, SimulatedProject> {
    return this.#projects;
  }

  /** Every repository, by names of project and repository, as listings show them. */
  repositories(): readonly SimulatedRepository[] {
    if (this.#sorted?.revision !== this.revision) {
      const rows = [...this.#repositories.values()].sort(byNames);
      this.#sorted = { revision: this.revision, rows };
    }
    return this.#sorted.rows;
  }

  findProject(key: string): SimulatedProject | undefined {
    return this.#projects.get(key.toLowerCase());
  }

  findRepository(projectKey: string, slug: string): SimulatedRepository | undefined {
    return this.#findRepository(this.#paths.get(`${projectKey}/${slug}`.toLowerCase()));
  }

  /** Returns the repository that had this address before it was renamed or moved. */
  findMoved(projectKey: string, slug: string): SimulatedRepository | undefined {
    const path = `${projectKey}/${slug}`.toLowerCase();
    return this.#findRepository(this.#formerPaths.get(path));
  }

  /** Returns the repository that this one was forked from, while it exists. */
  getOrigin(repository: SimulatedRepository): SimulatedRepository | undefined {
    return this.#findRepository(repository.originId);
  }

  /** @throws Error when the repository does not exist; for mutators, whose caller should know. */
  getRepository(projectKey: string, slug: string): SimulatedRepository {
    const repository = this.findRepository(projectKey, slug);
    if (!repository) {
      throw new Error(`The simulated Bitbucket has no repository ${projectKey}/${slug}`);
    }
    return repository;
  }

  /** Adds a project, or replaces the names and flags of the one with this key. */
  addProject(options: AddProjectOptions): SimulatedProject {
    const { key } = options;
    const existing = this.findProject(key);
    const type = options.type ?? (key.startsWith('~') ? 'PERSONAL' : 'NORMAL');
    const project: SimulatedProject = {
      id: existing?.id ?? this.#nextProjectId++,
      key,
      lowerKey: key.toLowerCase(),
      name: options.name ?? key,
      description: options.description,
      public: options.public ?? false,
      type,
      ownerName: type === 'PERSONAL' ? key.replace(/^~/, '') : undefined,
    };
    return this.#putProject(project, !existing);
  }

  /** Adds the personal project of a user; its key is `~` and the name in capitals. */
  addPersonalProject(userName: string): SimulatedProject {
    const owner = this.users.get(userName.toLowerCase());
    return this.addProject({
      key: `~${userName.toUpperCase()}`,
      name: owner?.displayName ?? userName,
      type: 'PERSONAL',
    });
  }

  /**
   * Changes the key and name of a project; ids and repositories stay.
   *
   * @throws Error when the project does not exist or the new key is taken
   */
  renameProject(key: string, newKey: string, newName = newKey): SimulatedProject {
    const before = this.findProject(key);
    const lowerKey = newKey.toLowerCase();
    if (!before || (lowerKey !== before.lowerKey && this.#projects.has(lowerKey))) {
      throw new Error(`The simulated Bitbucket cannot rename ${key} to ${newKey}`);
    }
    this.#projects.delete(before.lowerKey);
    return this.#putProject({ ...before, key: newKey, lowerKey, name: newName }, false);
  }

  deleteProject(key: string): void {
    for (const { project, slug } of [...this.#repositories.values()]) {
      if (project.lowerKey === key.toLowerCase()) {
        this.deleteRepository(project.key, slug);
      }
    }
    this.#projects.delete(key.toLowerCase());
    this.revision += 1;
  }

  /**
   * Adds a repository; creates its project when it does not exist.
   *
   * @throws Error when the project already has a repository of that slug
   */
  addRepository(options: AddRepositoryOptions): SimulatedRepository {
    const { projectKey, slug } = options;
    if (this.findRepository(projectKey, slug)) {
      throw new Error(`The simulated Bitbucket already has ${projectKey}/${slug}`);
    }
    const repository = toRepository(options, {
      id: this.#nextRepositoryId++,
      project: this.#projectFor(projectKey),
      originId: options.origin
        ? this.getRepository(options.origin.projectKey, options.origin.slug).id
        : undefined,
      now: this.#now,
    });
    this.#repositories.set(repository.id, repository);
    this.#paths.set(repository.path, repository.id);
    this.revision += 1;
    return repository;
  }

  /** Changes the name and, with it, the slug; the id stays. */
  renameRepository(
    projectKey: string,
    slug: string,
    newSlug: string,
    newName = newSlug,
  ): SimulatedRepository {
    const { project } = this.getRepository(projectKey, slug);
    return this.#relocate(projectKey, slug, { project, slug: newSlug, name: newName });
  }

  /** Moves a repository to another project, which is created if necessary; the id stays. */
  moveRepository(
    projectKey: string,
    slug: string,
    newProjectKey: string,
  ): SimulatedRepository {
    const project = this.#projectFor(newProjectKey);
    return this.#relocate(projectKey, slug, { project });
  }

  /** Archives a repository, or unarchives it with `false`. */
  archiveRepository(
    projectKey: string,
    slug: string,
    archived = true,
  ): SimulatedRepository {
    return this.updateRepository(projectKey, slug, { archived });
  }

  /** Changes flags and texts of a repository. */
  updateRepository(
    projectKey: string,
    slug: string,
    change: Partial<
      Pick<SimulatedRepository, 'archived' | 'public' | 'state' | 'description'>
    >,
  ): SimulatedRepository {
    const before = this.getRepository(projectKey, slug);
    return this.#replace(before, { ...before, ...change });
  }

  deleteRepository(projectKey: string, slug: string): void {
    const { id, path } = this.getRepository(projectKey, slug);
    this.#repositories.delete(id);
    this.#paths.delete(path);
    this.revision += 1;
  }

  /** Replaces the labels of a repository. */
  setLabels(projectKey: string, slug: string, labels: readonly string[]): void {
    const before = this.getRepository(projectKey, slug);
    this.#replace(before, { ...before, labels: new Set(labels) });
  }

  #relocate(
    projectKey: string,
    slug: string,
    change: { project: SimulatedProject; slug?: string; name?: string },
  ): SimulatedRepository {
    const before = this.getRepository(projectKey, slug);
    const newSlug = (change.slug ?? before.slug).toLowerCase();
    const path = `${change.project.lowerKey}/${newSlug}`;
    if (path !== before.path && this.#paths.has(path)) {
      throw new Error(`The simulated Bitbucket already has ${path}`);
    }
    return this.#replace(before, { ...before, ...change, slug: newSlug, path });
  }

  #putProject(project: SimulatedProject, isNew: boolean): SimulatedProject {
    this.#projects.set(project.lowerKey, project);
    this.revision += 1;
    for (const repository of isNew ? [] : [...this.#repositories.values()]) {
      if (repository.project.id === project.id) {
        const path = `${project.lowerKey}/${repository.slug}`;
        this.#replace(repository, { ...repository, project, path });
      }
    }
    return project;
  }

  #replace(before: SimulatedRepository, after: SimulatedRepository): SimulatedRepository {
    this.#repositories.set(before.id, after);
    this.#paths.delete(before.path);
    this.#formerPaths.set(before.path, before.id);
    this.#paths.set(after.path, after.id);
    this.revision += 1;
    return after;
  }

  #projectFor(key: string): SimulatedProject {
    const existing = this.findProject(key);
    if (existing) {
      return existing;
    }
    return key.startsWith('~')
      ? this.addPersonalProject(key.slice(1))
      : this.addProject({ key });
  }

  #findRepository(id: number | undefined): SimulatedRepository | undefined {
    return id === undefined ? undefined : this.#repositories.get(id);
  }
}
