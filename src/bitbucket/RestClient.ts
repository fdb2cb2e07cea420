/**
 * Bitbucket's REST API as typed questions. Decides what answers mean (with
 * `assessReply`); never retries or waits itself: that is the transport's.
 */

import {
  FileChange,
  LabelsLookup,
  ListingStep,
  Lookup,
  Problem,
  Project,
  Repository,
  RepositoryAddress,
  RepositoryLookup,
} from '../model';
import { HttpReply, HttpRequest, Transport } from '../http/types';
import { provesRepositoryGone, unanswered } from './assessReply';
import { getDefaultBranch, getFileChanges } from './branches';
import { findFile, listFiles } from './files';
import { getLabels, listLabeled } from './labels';
import { readPages } from './pages';
import { PageQuery, RestUrls } from './restUrls';
import { RateLimitBudget, readRateLimitBudget } from './rateLimitBudget';
import { AskOptions, SentCredentials, Session } from './Session';
import { readServerInfo, ServerInfoLookup } from './serverInfo';
import { fileUrl, WebAddress } from './webUrls';
import { parseJson, parsePage, parseProject, parseRepository } from './wire';

/** Rows asked for per page of a listing; `page.max.repositories` is 1000 unless an administrator changed it. */
const LISTING_LIMIT = 1000;

/** `page.max.changes`; who pushes more has the whole repository read again. */
const CHANGES_LIMIT = 1000;

/** What a client needs. */
export interface RestClientOptions {
  readonly address: WebAddress;
  readonly transport: Transport;
  /** What requests carry: where it is anything, an anonymous answer is an error. */
  readonly credentials: SentCredentials;
  /** Where the credentials are configured, for messages; such as `integrations.bitbucketServer, host git.example.com`. */
  readonly configuredAt: string;
}

/**
 * Reads repositories and their files from one Bitbucket Server or Data Center.
 *
 * @remarks One instance serves one run: once the credentials have failed, it asks
 * nothing more. All methods throw `BitbucketServerCredentialsError` then, and the
 * signal's reason when aborted; every other failure is part of the answer.
 *
 * @public
 */
export class RestClient {
  readonly #address: WebAddress;
  readonly #urls: RestUrls;
  readonly #session: Session;

  constructor(options: RestClientOptions) {
    this.#address = options.address;
    this.#urls = new RestUrls(options.address.apiBaseUrl);
    this.#session = new Session({ ...options, urls: this.#urls });
  }

  /** Every repository the credentials may see, archived ones included. */
  listRepositories(options: AskOptions = {}): AsyncGenerator<ListingStep<Repository>> {
    return this.#list(
      page => ({ kind: 'repositories', url: this.#urls.repositories(page) }),
      parseRepository,
      options,
    );
  }

  /** Every project the credentials may see. */
  listProjects(options: AskOptions = {}): AsyncGenerator<ListingStep<Project>> {
    return this.#list(
      page => ({ kind: 'projects', url: this.#urls.projects(page) }),
      parseProject,
      options,
    );
  }

  /** The repositories of one project, archived ones included. */
  listProjectRepositories(
    projectKey: string,
    options: AskOptions = {},
  ): AsyncGenerator<ListingStep<Repository>> {
    return this.#list(
      page => ({
        kind: 'project-repositories',
        url: this.#urls.projectRepositories(projectKey, page),
      }),
      parseRepository,
      options,
    );
  }

  /** One repository by its address; the answer tells where it is now. */
  async getRepository(
    address: RepositoryAddress,
    options: AskOptions = {},
  ): Promise<RepositoryLookup> {
    const reply = await this.#session.ask(
      { kind: 'repository', url: this.#urls.repository(address) },
      options,
    );
    if ('reason' in reply) {
      return { kind: 'unknown', problem: reply };
    }
    if (provesRepositoryGone(reply)) {
      const doubt = await this.#session.doubtAbsence(reply, options);
      return doubt ? { kind: 'unknown', problem: doubt } : { kind: 'gone' };
    }
    const repository =
      reply.status === 200 ? parseRepository(parseJson(reply.body)) : undefined;
    return repository ? { kind: 'found', repository } : unanswered(reply);
  }

  /**
   * Whether a path is a file: one request, answered without the file's content.
   *
   * @param path - from the repository root, no leading slash
   * @param options - `branch`: a short branch name instead of the default branch
   */
  findFile(
    address: RepositoryAddress,
    path: string,
    options: AskOptions & { branch?: string } = {},
  ): Promise<Lookup<true>> {
    return findFile(this.#session, at => this.#urls.fileType(address, path, at), options);
  }

  /** Every file of a branch, as paths from the root: one request unless the server caps the page. */
  listFiles(
    address: RepositoryAddress,
    options: AskOptions & { branch?: string } = {},
  ): Promise<Lookup<readonly string[]>> {
    return listFiles(
      this.#session,
      (page, at) => this.#urls.files(address, page, at),
      options,
    );
  }

  /** The ids of all repositories with a label; `gone` where there is no such label. */
  listLabeled(
    label: string,
    options: AskOptions = {},
  ): AsyncGenerator<ListingStep<number>> {
    return listLabeled(this.#session, page => this.#urls.labeled(label, page), options);
  }

  /** The labels of one repository. */
  getLabels(address: RepositoryAddress, options: AskOptions = {}): Promise<LabelsLookup> {
    return getLabels(this.#session, page => this.#urls.labels(address, page), options);
  }

  /** The short name of the default branch, also where no such branch exists yet. */
  getDefaultBranch(
    address: RepositoryAddress,
    options: AskOptions = {},
  ): Promise<Lookup<string>> {
    return getDefaultBranch(this.#session, this.#urls.defaultBranch(address), options);
  }

  /**
   * The files that differ between two commits: one request.
   *
   * @returns `undefined` where it cannot be told: too many, or no readable answer
   */
  getFileChanges(
    address: RepositoryAddress,
    commits: { readonly fromHash: string; readonly toHash: string },
    options: AskOptions = {},
  ): Promise<readonly FileChange[] | undefined> {
    const { fromHash, toHash } = commits;
    const page = { start: 0, limit: CHANGES_LIMIT };
    const url = this.#urls.changes(address, page, toHash, fromHash);
    return getFileChanges(this.#session, url, options);
  }

  /**
   * The token bucket the server grants these credentials.
   *
   * @returns `unknown` when the server does not tell, `undefined` when it did not answer
   * or failed
   */
  readRateLimitBudget(
    options: AskOptions = {},
  ): Promise<RateLimitBudget | 'unknown' | undefined> {
    return readRateLimitBudget(this.#session, this.#urls, options);
  }

  /** Which Bitbucket this is, and as whom it sees these credentials. */
  readServerInfo(options: AskOptions = {}): Promise<ServerInfoLookup> {
    return readServerInfo(this.#session, this.#urls, options);
  }

  /**
   * Asks something that no other method asks, for a location parser.
   *
   * @returns the reply, or why there is none
   */
  ask(request: HttpRequest, options: AskOptions = {}): Promise<HttpReply | Problem> {
    return this.#session.ask(request, options);
  }

  /** The URL by which the catalog reads a file; asks nothing. */
  fileUrl(repository: Repository, path: string, branch?: string): string {
    return fileUrl(repository, path, branch, this.#address);
  }

  async *#list<T>(
    request: (page: PageQuery) => HttpRequest,
    parse: (value: unknown) => T | undefined,
    options: AskOptions,
  ): AsyncGenerator<ListingStep<T>> {
    const ask = (page: PageQuery) => this.#session.askForListing(request(page), options);
    for await (const step of readPages(ask, LISTING_LIMIT)) {
      if (step.kind === 'failed') {
        const { reply, problem } = step;
        const isGone = reply !== undefined && provesRepositoryGone(reply);
        const doubt = isGone && (await this.#session.doubtAbsence(reply, options));
        yield {
          kind: 'failed',
          problem: doubt || problem,
          isRefusal: reply && unanswered(reply).isRefusal,
          notServed: reply !== undefined && isNotServed(reply),
          gone: isGone && !doubt,
        };
        return;
      }
      const items = step.page.values.flatMap(value => parse(value) ?? []);
      yield { kind: 'items', items, unreadable: step.page.values.length - items.length };
    }
  }
}

/** Not Bitbucket's JSON, or 404/405 for the route itself: another endpoint may serve. */
function isNotServed(reply: HttpReply): boolean {
  if (provesRepositoryGone(reply)) {
    return false;
  }
  const json = parseJson(reply.body);
  return (
    reply.status === 404 ||
    reply.status === 405 ||
    (reply.status === 200 && parsePage(json) === undefined) ||
    (reply.status < 500 && reply.status !== 429 && json === undefined)
  );
}
