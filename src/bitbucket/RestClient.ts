/**
 * Bitbucket's REST API as typed methods. Decides what answers mean (with
 * `assessReply`); never retries or waits itself: the transport does.
 */

import { RepositorySource } from '../discovery/types';
import { Repository } from '../model';
import {
  findFile,
  getDefaultBranch,
  getFileChanges,
  getFileSize,
  getHeadCommit,
  listFiles,
  openArchive,
  openFile,
} from './contents';
import {
  getLabels,
  getRepository,
  listLabeled,
  listProjectRepositories,
  listProjects,
  listRepositories,
} from './repositories';
import { searchFiles } from './search';
import { readRateLimitBudget, readServerInfo } from './server';
import { Session, SessionOptions } from './Session';
import { fileUrl, WebAddress } from './webUrls';

/** Options of a client. */
export interface RestClientOptions extends Omit<SessionOptions, 'apiBaseUrl'> {
  readonly address: WebAddress;
}

/**
 * Reads repositories and their files from one Bitbucket Server or Data Center. The methods
 * are documented with their functions, which take the session as the first parameter.
 *
 * @remarks One instance serves one run: once the credentials have failed, it sends
 * no more requests. All methods then throw `BitbucketServerCredentialsError`. When aborted
 * they throw the signal's reason; every other failure is part of the result.
 */
export class RestClient implements RepositorySource {
  readonly #address: WebAddress;
  readonly #session: Session;

  readonly listRepositories = this.#bind(listRepositories);
  readonly listProjects = this.#bind(listProjects);
  readonly listProjectRepositories = this.#bind(listProjectRepositories);
  readonly getRepository = this.#bind(getRepository);
  readonly listLabeled = this.#bind(listLabeled);
  readonly getLabels = this.#bind(getLabels);
  readonly findFile = this.#bind(findFile);
  readonly listFiles = this.#bind(listFiles);
  readonly searchFiles = this.#bind(searchFiles);
  readonly getDefaultBranch = this.#bind(getDefaultBranch);
  readonly openFile = this.#bind(openFile);
  readonly getFileSize = this.#bind(getFileSize);
  readonly getHeadCommit = this.#bind(getHeadCommit);
  readonly openArchive = this.#bind(openArchive);
  readonly getFileChanges = this.#bind(getFileChanges);
  readonly readRateLimitBudget = this.#bind(readRateLimitBudget);
  readonly readServerInfo = this.#bind(readServerInfo);
  /** Sends a request that no other method covers, for a location parser. */
  readonly send = this.#bind((session, ...request: Parameters<Session['send']>) =>
    session.send(...request),
  );

  constructor({ address, ...options }: RestClientOptions) {
    this.#address = address;
    this.#session = new Session({ ...options, apiBaseUrl: address.apiBaseUrl });
  }

  /** {@inheritDoc RepositorySource.fileUrl} */
  fileUrl(repository: Repository, path: string, branch?: string): string {
    return fileUrl(repository, path, branch, this.#address);
  }

  #bind<A extends unknown[], R>(endpoint: (session: Session, ...rest: A) => R) {
    return (...rest: A): R => endpoint(this.#session, ...rest);
  }
}
