/**
 * Repositories, projects and users as Bitbucket's JSON shows them. Called by the routes
 * and the webhook builders.
 *
 * Source of the shapes: recorded answers of Bitbucket 6.x to 10.3 and the schemas
 * `RestRepository` and `RestProject` of the Bitbucket Data Center 10.0 OpenAPI document.
 */
import type { SimulatedModel } from './model';
import type { SimulatedProject, SimulatedRepository } from './modelTypes';

/** Plain JSON. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json | undefined };

/** A JSON object; members that are `undefined` are left out. */
export type JsonObject = { readonly [key: string]: Json | undefined };

/** Converts the model's rows to JSON; caches the text of a repository until it changes. */
export class RepositoryJson {
  readonly #model: SimulatedModel;
  readonly #baseUrl: () => string;
  #texts = new WeakMap<SimulatedRepository, string>();
  #madeFor = '';

  /** @param baseUrl - the server's own base URL with context path, without trailing slash */
  constructor(model: SimulatedModel, baseUrl: () => string) {
    this.#model = model;
    this.#baseUrl = baseUrl;
  }

  /** The JSON text of a repository. */
  text(repository: SimulatedRepository): string {
    const madeFor = `${this.#model.revision} ${this.#baseUrl()}`;
    if (madeFor !== this.#madeFor) {
      this.#texts = new WeakMap();
      this.#madeFor = madeFor;
    }
    const known = this.#texts.get(repository);
    if (known !== undefined) {
      return known;
    }
    const text = JSON.stringify(this.repository(repository));
    this.#texts.set(repository, text);
    return text;
  }

  /** A repository. There is no `defaultBranch`: no recorded answer has one. */
  repository(repository: SimulatedRepository): JsonObject {
    const { project } = repository;
    const origin = this.#model.getOrigin(repository);
    return {
      slug: repository.slug,
      id: repository.id,
      name: repository.name,
      description: repository.description,
      hierarchyId: origin?.hierarchyId ?? repository.hierarchyId,
      scmId: 'git',
      state: repository.state,
      statusMessage: toStatusMessage(repository.state),
      forkable: true,
      origin: origin && this.repository(origin),
      project: this.project(project),
      public: repository.public,
      archived: repository.archived,
      links: {
        clone: this.#cloneLinks(repository),
        self: [{ href: `${this.webUrl(repository)}/browse` }],
      },
    };
  }

  /** A project. A personal one has an owner and no `public`. */
  project(project: SimulatedProject): JsonObject {
    const personal = project.type === 'PERSONAL';
    return {
      key: project.key,
      id: project.id,
      name: project.name,
      description: project.description,
      public: personal ? undefined : project.public,
      type: project.type,
      owner: project.ownerName === undefined ? undefined : this.user(project.ownerName),
      links: { self: [{ href: this.#projectUrl(project) }] },
    };
  }

  /** A user; an unknown user is derived from the name. */
  user(name: string): JsonObject {
    const slug = name.toLowerCase();
    const known = this.#model.users.get(slug);
    return {
      name: known?.name ?? slug,
      emailAddress: `${slug}@example.com`,
      id: known?.id ?? 1000,
      displayName: known?.displayName ?? name,
      active: true,
      slug,
      type: 'NORMAL',
      links: { self: [{ href: `${this.#baseUrl()}/users/${encodeURIComponent(slug)}` }] },
    };
  }

  /** The web page of a repository, without `/browse`. */
  webUrl({ project, slug }: SimulatedRepository): string {
    return `${this.#projectUrl(project)}/repos/${encodeURIComponent(slug)}`;
  }

  #projectUrl({ key, ownerName }: SimulatedProject): string {
    return ownerName === undefined
      ? `${this.#baseUrl()}/projects/${encodeURIComponent(key)}`
      : `${this.#baseUrl()}/users/${encodeURIComponent(ownerName.toLowerCase())}`;
  }

  /** As recorded: the order varies, and a scheme may be absent (here ssh, for every fifth). */
  #cloneLinks({ id, project, slug }: SimulatedRepository): JsonObject[] {
    const path = `${project.lowerKey}/${slug}.git`;
    const { hostname } = new URL(this.#baseUrl());
    const http = { href: `${this.#baseUrl()}/scm/${path}`, name: 'http' };
    const ssh = { href: `ssh://git@${hostname}:7999/${path}`, name: 'ssh' };
    if (id % 5 === 0) {
      return [http];
    }
    return id % 2 === 0 ? [http, ssh] : [ssh, http];
  }
}

function toStatusMessage(state: SimulatedRepository['state']): string {
  const words = state.toLowerCase().replace(/_/g, ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
