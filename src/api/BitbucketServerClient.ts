/** The client that others are given: Bitbucket's answers, asked for at a measured pace. */

import { NotFoundError, ResponseError, ServiceUnavailableError } from '@backstage/errors';
import { BitbucketServerIntegrationConfig } from '@backstage/integration';
import { z } from 'zod';
import { Answer } from '../bitbucket/Answer';
import { describe, isUnknownEndpoint, toAbsenceReason } from '../bitbucket/assessReply';
import { RestUrls } from '../bitbucket/restUrls';
import { webBaseUrl } from '../bitbucket/webUrls';
import {
  LabelName,
  ProjectRow,
  toRepository,
  WireBranch,
  WirePage,
  WireRepository,
} from '../bitbucket/wire';
import { Repository } from '../model';
import { createPacedFetch } from './pacedFetch';
import {
  BitbucketServerDefaultBranch,
  BitbucketServerListOptions,
  BitbucketServerPagedResponse,
  BitbucketServerProject,
  BitbucketServerRepository,
} from './types';

/** More labels than a repository has. */
const LABELS_LIMIT = 1000;

/** Far above what Bitbucket puts on a page; what has more is not read row by row. */
const MAX_ROWS = 100_000;

const PublicProject = ProjectRow.transform(({ key }) => ({ key }));

const PublicRepository = WireRepository.transform(wire => ({
  ...toPublicRepository(toRepository(wire), wire.links),
  ...(wire.defaultBranch !== undefined && { defaultBranch: wire.defaultBranch }),
}));

const PublicBranch = WireBranch.extend({
  displayId: z.string().min(1),
  type: z.string().catch(''),
  latestCommit: z.string().catch(''),
  latestChangeset: z.string().catch(''),
  isDefault: z.boolean().catch(true),
});

/** A page whose rows are all as they should be. */
function createPageSchema<T>(row: z.ZodType<T>) {
  return WirePage.extend({
    values: z.array(z.unknown()).max(MAX_ROWS).pipe(z.array(row)),
  })
    .refine(page => page.isLastPage || page.nextPageStart !== undefined)
    .transform(page => ({
      ...page,
      size: page.size ?? page.values.length,
      limit: page.limit ?? 0,
      start: page.start ?? 0,
      nextPageStart: page.nextPageStart,
    }));
}

/** A repository as others are given it. */
export function toPublicRepository(
  repository: Repository,
  links: BitbucketServerRepository['links'],
): BitbucketServerRepository {
  const { id, projectKey, slug, name, description = '', archived, fork } = repository;
  const isPublic = repository.public;
  const project = { key: projectKey };
  return {
    id,
    project,
    slug,
    name,
    description,
    links,
    archived,
    public: isPublic,
    fork,
  };
}

/**
 * Reads from one Bitbucket Server or Data Center, with retries where they are due and
 * within the rate limit.
 *
 * @remarks The methods are those of the published module's client, so that a location
 * parser written for that one works here too. All of them throw
 * `ServiceUnavailableError` when Bitbucket does not answer, and
 * `BitbucketServerCredentialsError` when the credentials do not work; those that return
 * data throw `NotFoundError` at 404 and `ResponseError` at any other status that is not
 * 2xx. Source of paths and fields: Bitbucket Data Center 10.0 OpenAPI.
 *
 * @public
 */
export class BitbucketServerClient {
  readonly #config: BitbucketServerIntegrationConfig;
  readonly #urls: RestUrls;
  readonly #fetch: (url: string) => Promise<Response>;

  /** Makes a client for an integration; all of a backend share the limits of its providers. */
  static fromConfig(options: {
    config: BitbucketServerIntegrationConfig;
  }): BitbucketServerClient {
    return new BitbucketServerClient(options);
  }

  /**
   * @param options - `config`: the integration; `fetchApi`: sends a GET request, in place
   * of the paced one that this class makes of the integration
   */
  constructor(options: {
    config: BitbucketServerIntegrationConfig;
    fetchApi?: (url: string) => Promise<Response>;
  }) {
    this.#config = options.config;
    this.#urls = new RestUrls(options.config.apiBaseUrl);
    this.#fetch = options.fetchApi ?? createPacedFetch(options.config);
  }

  /** One page of the projects that the credentials may see. */
  async listProjects(
    options: { listOptions?: BitbucketServerListOptions } = {},
  ): Promise<BitbucketServerPagedResponse<BitbucketServerProject>> {
    const url = this.#urls.projects(options.listOptions ?? {});
    return this.#json(url, createPageSchema(PublicProject));
  }

  /** One page of the repositories of a project. */
  async listRepositories(options: {
    projectKey: string;
    listOptions?: BitbucketServerListOptions;
  }): Promise<BitbucketServerPagedResponse<BitbucketServerRepository>> {
    const { projectKey, listOptions = {} } = options;
    const url = this.#urls.projectRepositories(projectKey, listOptions);
    return this.#json(url, createPageSchema(PublicRepository));
  }

  /**
   * The content of a file, whatever the answer's status. A 404 is only returned where
   * Bitbucket itself says that the file, or the branch, is missing.
   *
   * @remarks Any other 404 (of a proxy, of a repository that has just been deleted or
   * hidden) proves nothing about the file, and who takes it for its absence would take
   * what the catalog has of it away.
   *
   * @param options - `path`: from the repository root, not encoded; `branch`: short name,
   * the default branch when left out
   */
  async getFile(options: {
    projectKey: string;
    repo: string;
    path: string;
    branch?: string;
  }): Promise<Response> {
    const { branch } = options;
    const path = options.path.replace(/^\//, '');
    const at = branch === undefined ? undefined : `refs/heads/${branch}`;
    const response = await this.#fetch(this.#urls.rawFile(toAddress(options), path, at));
    await refuseUnproven(response, at !== undefined);
    return response;
  }

  /** One repository. */
  async getRepository(options: {
    projectKey: string;
    repo: string;
  }): Promise<BitbucketServerRepository> {
    const url = this.#urls.repository(toAddress(options));
    return this.#json(url, PublicRepository);
  }

  /** The default branch of a repository; a repository without commits has none. */
  async getDefaultBranch(options: {
    projectKey: string;
    repo: string;
  }): Promise<BitbucketServerDefaultBranch> {
    const address = toAddress(options);
    const url = this.#urls.defaultBranch(address);
    const response = await this.#fetch(url);
    return isUnknownEndpoint(await toAnswer(response.clone()))
      ? this.#json(this.#urls.branchesDefault(address), PublicBranch)
      : parse(url, response, PublicBranch);
  }

  /** The labels of a repository, which is what Bitbucket calls topics. */
  async getLabels(options: { projectKey: string; repo: string }): Promise<string[]> {
    const page = { start: 0, limit: LABELS_LIMIT };
    const url = this.#urls.labels(toAddress(options), page);
    return (await this.#json(url, createPageSchema(LabelName))).values;
  }

  /** The web address of something in a repository, such as `/browse/catalog-info.yaml`; asks nothing. */
  resolvePath(options: { projectKey: string; repo: string; path: string }): {
    path: string;
  } {
    const { projectKey, repo, path } = options;
    return {
      path: `${webBaseUrl(this.#config)}/projects/${projectKey}/repos/${repo}${path}`,
    };
  }

  async #json<T>(url: string, schema: z.ZodType<T>): Promise<T> {
    return parse(url, await this.#fetch(url), schema);
  }
}

async function parse<T>(
  url: string,
  response: Response,
  schema: z.ZodType<T>,
): Promise<T> {
  if (response.status === 404 || response.status === 204) {
    throw new NotFoundError(`Bitbucket has no ${new URL(url).pathname}`);
  }
  if (!response.ok) {
    throw await ResponseError.fromResponse(response);
  }
  const parsed = schema.safeParse((await toAnswer(response)).json);
  if (!parsed.success) {
    throw new Error(`GET ${url} did not yield what Bitbucket answers there`);
  }
  return parsed.data;
}

/** @throws ServiceUnavailableError at a 404 that does not prove that a file is missing */
async function refuseUnproven(response: Response, askedForBranch: boolean) {
  if (response.status !== 404) {
    return;
  }
  const answer = await toAnswer(response.clone());
  if (toAbsenceReason(answer, askedForBranch) === undefined) {
    throw new ServiceUnavailableError(
      `Whether there is such a file is not known: Bitbucket answered ${describe(answer)}`,
    );
  }
}

async function toAnswer(response: Response): Promise<Answer> {
  const { status, headers } = response;
  return new Answer({ status, headers, body: await response.text() });
}

function toAddress({ projectKey, repo }: { projectKey: string; repo: string }) {
  return { projectKey, slug: repo };
}
