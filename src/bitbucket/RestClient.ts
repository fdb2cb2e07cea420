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
import { RepositorySource } from '../discovery/types';
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
export class RestClient implements RepositorySource {
  readonly #address: WebAddress;
  readonly #session: Session;

  constructor({ address, ...options }: RestClientOptions) {
    this.#address = address;
    this.#session = new Session({ ...options, apiBaseUrl: address.apiBaseUrl });
  }

  /** {@inheritDoc RepositorySource.listRepositories} */
  listRepositories(options: AskOptions = {}): AsyncGenerator<ListingStep<Repository>> {
    return listRepositories(this.#session, options);
  }

  /** {@inheritDoc RepositorySource.listProjects} */
  listProjects(options: AskOptions = {}): AsyncGenerator<ListingStep<Project>> {
    return listProjects(this.#session, options);
  }

  /** {@inheritDoc RepositorySource.listProjectRepositories} */
  listProjectRepositories(
    projectKey: string,
    options: AskOptions = {},
  ): AsyncGenerator<ListingStep<Repository>> {
    return listProjectRepositories(this.#session, projectKey, options);
  }

  /** {@inheritDoc RepositorySource.getRepository} */
  getRepository(
    address: RepositoryAddress,
    options: AskOptions = {},
  ): Promise<RepositoryLookup> {
    return getRepository(this.#session, address, options);
  }

  /** {@inheritDoc RepositorySource.findFile} */
  findFile(
    address: RepositoryAddress,
    path: string,
    options: BranchOptions = {},
  ): Promise<Lookup<true>> {
    return findFile(this.#session, address, path, options);
  }

  /** {@inheritDoc RepositorySource.listFiles} */
  listFiles(
    address: RepositoryAddress,
    options: BranchOptions = {},
  ): Promise<Lookup<readonly string[]>> {
    return listFiles(this.#session, address, options);
  }

  /** {@inheritDoc RepositorySource.listLabeled} */
  listLabeled(
    label: string,
    options: AskOptions = {},
  ): AsyncGenerator<ListingStep<number>> {
    return listLabeled(this.#session, label, options);
  }

  /** {@inheritDoc RepositorySource.getLabels} */
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

  /** {@inheritDoc RepositorySource.fileUrl} */
  fileUrl(repository: Repository, path: string, branch?: string): string {
    return fileUrl(repository, path, branch, this.#address);
  }
}
