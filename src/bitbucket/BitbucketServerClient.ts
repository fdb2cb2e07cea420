/**
 * Bitbucket's REST API as typed questions. Decides what answers mean (with
 * `assessReply`); never retries or waits itself: that is the transport's.
 */

import {
  ListingStep,
  Lookup,
  Problem,
  Project,
  Repository,
  RepositoryAddress,
  RepositoryLookup,
} from '../model';
import { HttpReply, HttpRequest, Transport } from '../http/types';
import { problemOf, provenAbsence, provesRepositoryGone } from './assessReply';
import { PageStep, readPages } from './pages';
import { PageQuery, RestUrls } from './restUrls';
import { RateLimitBudget, readRateLimitBudget } from './rateLimitBudget';
import { AskOptions, Session } from './Session';
import { fileUrl, WebAddress } from './webUrls';
import {
  parseFileType,
  parseJson,
  parsePage,
  parseProject,
  parseRepository,
} from './wire';

/** Rows asked for per page of a listing; `page.max.repositories` is 1000 unless an administrator changed it. */
const LISTING_LIMIT = 1000;

/** `page.max.directory.recursive.children`, which Bitbucket's own file finder asks for. */
const FILES_LIMIT = 100_000;

const UNREADABLE_PATH: Problem = {
  reason: 'unexpected-answer',
  detail: "Bitbucket's list of files holds something that is no path",
};

/** What a client needs. */
export interface BitbucketServerClientOptions {
  readonly address: WebAddress;
  readonly transport: Transport;
  /** Whether requests carry credentials: then an anonymous answer is an error. */
  readonly authenticated: boolean;
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
export class BitbucketServerClient {
  readonly #address: WebAddress;
  readonly #urls: RestUrls;
  readonly #session: Session;

  constructor(options: BitbucketServerClientOptions) {
    this.#address = options.address;
    this.#urls = new RestUrls(options.address.apiBaseUrl);
    this.#session = new Session({
      ...options,
      urls: this.#urls,
      host: options.address.host,
    });
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
      return { kind: 'gone' };
    }
    const repository =
      reply.status === 200 ? parseRepository(parseJson(reply.body)) : undefined;
    return repository
      ? { kind: 'found', repository }
      : { kind: 'unknown', problem: problemOf(reply) };
  }

  /**
   * Whether a path is a file: one request, answered without the file's content.
   *
   * @param path - from the repository root, no leading slash
   * @param options - `branch`: a short branch name instead of the default branch
   */
  async findFile(
    address: RepositoryAddress,
    path: string,
    options: AskOptions & { branch?: string } = {},
  ): Promise<Lookup<true>> {
    const at = refOf(options.branch);
    const reply = await this.#session.ask(
      { kind: 'file-check', url: this.#urls.fileType(address, path, at) },
      options,
    );
    if ('reason' in reply) {
      return { kind: 'unknown', problem: reply };
    }
    const type = reply.status === 200 ? parseFileType(parseJson(reply.body)) : undefined;
    if (type === 'FILE') {
      return { kind: 'found', value: true };
    }
    if (type === 'DIRECTORY' || type === 'SUBMODULE') {
      return { kind: 'absent', reason: 'no-catalog-file' };
    }
    return absentOrUnknown(reply, at !== undefined);
  }

  /** Every file of a branch, as paths from the root: one request unless the server caps the page. */
  async listFiles(
    address: RepositoryAddress,
    options: AskOptions & { branch?: string } = {},
  ): Promise<Lookup<readonly string[]>> {
    const at = refOf(options.branch);
    const pages: string[][] = [];
    const ask = (page: PageQuery) =>
      this.#session.ask(
        { kind: 'files-listing', url: this.#urls.files(address, page, at) },
        options,
      );
    for await (const step of readPages(ask, FILES_LIMIT)) {
      if (step.kind === 'failed') {
        return absentOrUnknownStep(step, at !== undefined);
      }
      const read = step.page.values.filter(value => typeof value === 'string');
      if (read.length < step.page.values.length) {
        // What cannot be read may be the very file that is looked for.
        return { kind: 'unknown', problem: UNREADABLE_PATH };
      }
      pages.push(read);
    }
    return { kind: 'found', value: pages.flat() };
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
        yield {
          kind: 'failed',
          problem: step.problem,
          notServed: step.reply !== undefined && isNotServed(step.reply),
          gone: step.reply !== undefined && provesRepositoryGone(step.reply),
        };
        return;
      }
      const items = step.page.values.flatMap(value => parse(value) ?? []);
      yield { kind: 'items', items, unreadable: step.page.values.length - items.length };
    }
  }
}

function absentOrUnknown(reply: HttpReply, askedForBranch: boolean) {
  const reason = provenAbsence(reply, askedForBranch);
  return reason
    ? ({ kind: 'absent', reason } as const)
    : ({ kind: 'unknown', problem: problemOf(reply) } as const);
}

function absentOrUnknownStep(
  step: Extract<PageStep, { kind: 'failed' }>,
  askedForBranch: boolean,
) {
  const reason = step.reply && provenAbsence(step.reply, askedForBranch);
  return reason
    ? ({ kind: 'absent', reason } as const)
    : ({ kind: 'unknown', problem: step.problem } as const);
}

/** `at` takes a ref id, so that a tag of the same name is not meant. */
function refOf(branch: string | undefined): string | undefined {
  return branch === undefined ? undefined : `refs/heads/${branch}`;
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
