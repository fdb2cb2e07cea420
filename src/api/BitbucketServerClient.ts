/** The public client, which reads from Bitbucket within the rate limit. */

import { NotFoundError, ResponseError, ServiceUnavailableError } from '@backstage/errors';
import { BitbucketServerIntegrationConfig } from '@backstage/integration';
import { z } from 'zod';
import { Answer } from '../bitbucket/Answer';
import { describe, isUnknownEndpoint, toAbsenceReason } from '../bitbucket/assessReply';
import { toRefId } from '../bitbucket/contents';
import { RestUrls } from '../bitbucket/restUrls';
import { webBaseUrl } from '../bitbucket/webUrls';
import {
  LabelName,
  ProjectRow,
  RepositoryDetails,
  RepositoryRow,
  WireBranch,
  WirePage,
} from '../bitbucket/wire';
import { Repository } from '../model';
import {
  BitbucketServerDefaultBranch,
  BitbucketServerListOptions,
  BitbucketServerPagedResponse,
  BitbucketServerProject,
  BitbucketServerRepository,
} from './types';
import { durationToMilliseconds } from '@backstage/types';
import { RestClient } from '../bitbucket/RestClient';
import { DEFAULTS } from '../config/configurationKeys';
import { LimiterRegistry } from '../http/LimiterRegistry';
import { createClientFactory } from '../provider/createClient';
import { limitersOfProcess } from '../provider/limiters';
import { systemClock } from '../util/clock';

/** More than the number of labels of any repository. */
const LABELS_LIMIT = 1000;

/** Far above the page size of Bitbucket; larger pages are refused without reading their rows. */
const MAX_ROWS = 100_000;

const PublicProject = ProjectRow.transform(({ key }) => ({ key }));

const PublicRepository = RepositoryRow.and(RepositoryDetails).transform(
  ({ links, defaultBranch, ...repository }) => ({
    ...toPublicRepository(repository, links),
    ...(defaultBranch !== undefined && { defaultBranch }),
  }),
);

const PublicBranch = WireBranch.extend({
  displayId: z.string().min(1),
  type: z.string().catch(''),
  latestCommit: z.string().catch(''),
  latestChangeset: z.string().catch(''),
  isDefault: z.boolean().catch(true),
});

/** Creates the schema of a page, all rows of which must match. */
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

/** Converts a repository to its public form. */
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
 * Reads from one Bitbucket Server or Data Center, with retries where appropriate and within
 * the rate limit.
 *
 * @remarks The methods are those of the published module's client, so that a location
 * parser written for that one also works here. All of them throw
 * `ServiceUnavailableError` if Bitbucket does not answer, and
 * `BitbucketServerCredentialsError` if the credentials do not work; those that return
 * data throw `NotFoundError` for 404 and `ResponseError` for any other status that is not
 * 2xx. Source of paths and fields: Bitbucket Data Center 10.0 OpenAPI.
 *
 * @public
 */
export class BitbucketServerClient {
  readonly #config: BitbucketServerIntegrationConfig;
  readonly #urls: RestUrls;
  readonly #fetch: (url: string) => Promise<Response>;

  /** Creates a client for an integration; all clients in a backend share the limits of its providers. */
  static fromConfig(options: {
    config: BitbucketServerIntegrationConfig;
  }): BitbucketServerClient {
    return new BitbucketServerClient(options);
  }

  /**
   * @param options - `config`: the integration; `fetchApi`: sends a GET request, in place of
   * the rate-limited one that this class creates for the integration
   */
  constructor(options: {
    config: BitbucketServerIntegrationConfig;
    fetchApi?: (url: string) => Promise<Response>;
  }) {
    this.#config = options.config;
    this.#urls = new RestUrls(options.config.apiBaseUrl);
    this.#fetch = options.fetchApi ?? createPacedFetch(options.config);
  }

  /** Reads one page of the projects that the account may see. */
  async listProjects(
    options: { listOptions?: BitbucketServerListOptions } = {},
  ): Promise<BitbucketServerPagedResponse<BitbucketServerProject>> {
    const url = this.#urls.projects(options.listOptions ?? {});
    return this.#json(url, createPageSchema(PublicProject));
  }

  /** Reads one page of the repositories of a project. */
  async listRepositories(options: {
    projectKey: string;
    listOptions?: BitbucketServerListOptions;
  }): Promise<BitbucketServerPagedResponse<BitbucketServerRepository>> {
    const { projectKey, listOptions = {} } = options;
    const url = this.#urls.projectRepositories(projectKey, listOptions);
    return this.#json(url, createPageSchema(PublicRepository));
  }

  /**
   * Reads a file and returns the response, whatever its status. A 404 is only returned if
   * Bitbucket itself answers that the file or the branch is missing.
   *
   * @remarks Any other 404 (from a proxy, or for a repository that has just been deleted or
   * hidden) proves nothing about the file; a caller that took it for its absence would remove
   * the file's entities from the catalog.
   *
   * @param options - `path`: from the repository root, not encoded; `branch`: short name,
   * default: the default branch
   */
  async getFile(options: {
    projectKey: string;
    repo: string;
    path: string;
    branch?: string;
  }): Promise<Response> {
    const path = options.path.replace(/^\//, '');
    const at = toRefId(options.branch);
    const response = await this.#fetch(this.#urls.rawFile(toAddress(options), path, at));
    await refuseUnproven(response, at !== undefined);
    return response;
  }

  /** Reads one repository. */
  async getRepository(options: {
    projectKey: string;
    repo: string;
  }): Promise<BitbucketServerRepository> {
    const url = this.#urls.repository(toAddress(options));
    return this.#json(url, PublicRepository);
  }

  /** Reads the default branch of a repository; a repository without commits has none. */
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

  /** Reads the labels of a repository. */
  async getLabels(options: { projectKey: string; repo: string }): Promise<string[]> {
    const page = { start: 0, limit: LABELS_LIMIT };
    const url = this.#urls.labels(toAddress(options), page);
    return (await this.#json(url, createPageSchema(LabelName))).values;
  }

  /** Returns the web URL of a path in a repository, such as `/browse/catalog-info.yaml`, without a request. */
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
    throw new Error(`The answer to GET ${url} does not have the format of Bitbucket`);
  }
  return parsed.data;
}

/** @throws ServiceUnavailableError for a 404 that does not prove that a file is missing */
async function refuseUnproven(response: Response, askedForBranch: boolean) {
  if (response.status !== 404) {
    return;
  }
  const answer = await toAnswer(response.clone());
  if (toAbsenceReason(answer, askedForBranch) === undefined) {
    throw new ServiceUnavailableError(
      `It is not known whether the file exists: Bitbucket answered ${describe(answer)}`,
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

/** Statuses whose responses must not have a body, not even an empty one. */
const BODILESS = [204, 205, 304];

/**
 * Returns a function that sends requests through a client of a run: with its credentials and rate
 * limit, and aborted with it.
 *
 * @param client - receives the requests as those of a location parser
 */
export function fetchThrough(
  client: RestClient,
  signal?: AbortSignal,
): (url: string) => Promise<Response> {
  return async url => {
    const answer = await client.send({ kind: 'location-parser', url }, { signal });
    if (answer.kind === 'unknown') {
      throw new ServiceUnavailableError(answer.problem.detail);
    }
    const { status, headers, body } = answer.reply;
    return new Response(BODILESS.includes(status) ? null : body, { status, headers });
  };
}

/** Returns a function that sends requests outside of a provider, within the limits of the backend. */
function createPacedFetch(
  integration: BitbucketServerIntegrationConfig,
): (url: string) => Promise<Response> {
  const open = (limiters: LimiterRegistry) => {
    const clients = createClientFactory({
      providerId: 'BitbucketServerClient',
      integration,
      requestTimeoutMs: durationToMilliseconds(DEFAULTS.requestTimeout),
      limiters,
      clock: systemClock,
    });
    const client = clients.create();
    return {
      limiters,
      prepare: () => clients.prepare(client),
      send: fetchThrough(client),
    };
  };
  let opened = open(limitersOfProcess());
  return async url => {
    // A client may be created before the backend has created its limiters.
    const limiters = limitersOfProcess();
    if (opened.limiters !== limiters) {
      opened = open(limiters);
    }
    const { prepare, send } = opened;
    await prepare();
    return send(url);
  };
}
