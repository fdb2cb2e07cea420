/**
 * Bitbucket's REST API as typed questions. Decides what answers mean (with
 * `assessReply`); never retries or waits itself: that is the transport's.
 */

import {
  FileChange,
  LabelsLookup,
  ListingStep,
  Lookup,
  Project,
  Repository,
  RepositoryAddress,
  RepositoryLookup,
  Unanswered,
} from '../model';
import { ServerBudget } from '../http/rateStrategy';
import { HttpRequest } from '../http/types';
import { Answer } from './Answer';
import { getDefaultBranch, getFileChanges } from './branches';
import { BranchOptions, findFile, listFiles } from './files';
import { getLabels, listLabeled } from './labels';
import {
  getRepository,
  listProjectRepositories,
  listProjects,
  listRepositories,
} from './listings';
import { readRateLimitBudget, readServerInfo, ServerInfoLookup } from './server';
import { AskOptions, Session, SessionOptions } from './Session';
import { fileUrl, WebAddress } from './webUrls';

/** What a client needs. */
export interface RestClientOptions extends Omit<SessionOptions, 'apiBaseUrl'> {
  readonly address: WebAddress;
}

/**
 * Reads repositories and their files from one Bitbucket Server or Data Center.
 *
 * @remarks One instance serves one run: once the credentials have failed, it asks
 * nothing more. All methods throw `BitbucketServerCredentialsError` then, and the
 * signal's reason when aborted; every other failure is part of the answer.
 */
export class RestClient {
  readonly #address: WebAddress;
  readonly #session: Session;

  constructor({ address, ...options }: RestClientOptions) {
    this.#address = address;
    this.#session = new Session({ ...options, apiBaseUrl: address.apiBaseUrl });
  }

  /** Every repository the credentials may see, archived ones included. */
  listRepositories(options: AskOptions = {}): AsyncGenerator<ListingStep<Repository>> {
    return listRepositories(this.#session, options);
  }

  /** Every project the credentials may see. */
  listProjects(options: AskOptions = {}): AsyncGenerator<ListingStep<Project>> {
    return listProjects(this.#session, options);
  }

  /** The repositories of one project, archived ones included. */
  listProjectRepositories(
    projectKey: string,
    options: AskOptions = {},
  ): AsyncGenerator<ListingStep<Repository>> {
    return listProjectRepositories(this.#session, projectKey, options);
  }

  /** One repository by its address; the answer tells where it is now. */
  getRepository(
    address: RepositoryAddress,
    options: AskOptions = {},
  ): Promise<RepositoryLookup> {
    return getRepository(this.#session, address, options);
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
    options: BranchOptions = {},
  ): Promise<Lookup<true>> {
    return findFile(this.#session, address, path, options);
  }

  /** Every file of a branch, as paths from the root: one request unless the server caps the page. */
  listFiles(
    address: RepositoryAddress,
    options: BranchOptions = {},
  ): Promise<Lookup<readonly string[]>> {
    return listFiles(this.#session, address, options);
  }

  /** The ids of all repositories with a label; `gone` where there is no such label. */
  listLabeled(
    label: string,
    options: AskOptions = {},
  ): AsyncGenerator<ListingStep<number>> {
    return listLabeled(this.#session, label, options);
  }

  /** The labels of one repository. */
  getLabels(address: RepositoryAddress, options: AskOptions = {}): Promise<LabelsLookup> {
    return getLabels(this.#session, address, options);
  }

  /** The short name of the default branch, also where no such branch exists yet. */
  getDefaultBranch(
    address: RepositoryAddress,
    options: AskOptions = {},
  ): Promise<Lookup<string>> {
    return getDefaultBranch(this.#session, address, options);
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
    return getFileChanges(this.#session, address, commits, options);
  }

  /**
   * The token bucket the server grants these credentials.
   *
   * @returns `unknown` when the server does not tell, `undefined` when it did not answer
   * or failed
   */
  readRateLimitBudget(
    options: AskOptions = {},
  ): Promise<Exclude<ServerBudget, 'not-read'> | undefined> {
    return readRateLimitBudget(this.#session, options);
  }

  /** Which Bitbucket this is, and as whom it sees these credentials. */
  readServerInfo(options: AskOptions = {}): Promise<ServerInfoLookup> {
    return readServerInfo(this.#session, options);
  }

  /**
   * Asks something that no other method asks, for a location parser.
   *
   * @returns the answer, or why there is none
   */
  ask(request: HttpRequest, options: AskOptions = {}): Promise<Answer | Unanswered> {
    return this.#session.ask(request, options);
  }

  /** The URL by which the catalog reads a file; asks nothing. */
  fileUrl(repository: Repository, path: string, branch?: string): string {
    return fileUrl(repository, path, branch, this.#address);
  }
}
