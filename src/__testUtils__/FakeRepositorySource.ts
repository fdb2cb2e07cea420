/**
 * A small in-memory Bitbucket that answers the engine correctly, unless a test makes it
 * fail. Records its calls. Must not be used outside tests.
 */

import {
  LabelsLookup,
  ListingStep,
  Lookup,
  Project,
  Repository,
  RepositoryAddress,
  RepositoryLookup,
} from '../model';
import { addressKey } from '../discovery/identify';
import { RepositorySource } from '../discovery/types';
import { raceAbort } from '../util/abort';
import { CATALOG_FILE, problem, repository, target } from './discoveryData';

type FailedListing = Extract<ListingStep<never>, { kind: 'failed' }>;

/** The properties of a repository that its listing row does not have. */
export interface FakeRepositoryOptions extends Partial<Repository> {
  /** Files on every branch; `catalog-info.yaml` when left out. */
  readonly files?: readonly string[];
  /** Replaces the answers about its files. */
  readonly lookup?: Exclude<Lookup<never>, { kind: 'found' }>;
  readonly labels?: readonly string[];
  /** The repository exists but is missing in listings, as when pages shift. */
  readonly unlisted?: boolean;
}

interface FakeRepository extends FakeRepositoryOptions {
  readonly row: Repository;
}

interface Asking {
  readonly signal?: AbortSignal;
}

interface Listing extends Asking {
  readonly start?: number;
}

/** A source of repositories under a test's control. */
export class FakeRepositorySource implements RepositorySource {
  /**
   * Every call so far: `list`, `list-projects`, `list PAY`, `repository PAY/api`,
   * `file PAY/api catalog-info.yaml`, `files PAY/api`, `label service`, `labels PAY/api`.
   */
  readonly asked: string[] = [];
  /** The highest number of concurrent calls. */
  peakInFlight = 0;
  /** Rows per page of a listing. */
  pageSize = 2;
  /** Called before each answer, which waits for it; an error it throws fails the call. */
  beforeAnswer: (question: string) => unknown = () => undefined;
  /** Rows that precede every listing of repositories, as shifted pages repeat them. */
  repeatedRows: readonly Repository[] = [];
  /** The number of unreadable items on each page. */
  unreadablePerPage = 0;
  readonly #repositories = new Map<number, FakeRepository>();
  readonly #failures = new Map<string, { after: number; step: FailedListing }>();
  readonly #answers = new Map<string, RepositoryLookup>();
  readonly #labelAnswers = new Map<string, LabelsLookup>();
  #inFlight = 0;

  /** Adds a repository, or replaces the one with the same id (renamed, moved, changed). */
  put(id: number, at: string, options: FakeRepositoryOptions = {}): this {
    const { files, lookup, labels, unlisted, ...row } = options;
    this.#repositories.set(id, {
      files,
      lookup,
      labels,
      unlisted,
      row: repository(id, at, row),
    });
    return this;
  }

  delete(id: number): this {
    this.#repositories.delete(id);
    return this;
  }

  /** Makes a listing (`list`, `list-projects`, `list PAY`, `label service`) fail after some pages. */
  failListing(question: string, step: FailedListing, after: number = 0): this {
    this.#failures.set(question, { after, step });
    return this;
  }

  /** Sets the answer of `getRepository` for an address, regardless of the repositories. */
  answerRepository(at: string, answer: RepositoryLookup): this {
    this.#answers.set(at.toLowerCase(), answer);
    return this;
  }

  /** Sets the answer of `getLabels` for an address, regardless of the labels. */
  answerLabels(at: string, answer: LabelsLookup): this {
    this.#labelAnswers.set(at.toLowerCase(), answer);
    return this;
  }

  /** {@inheritDoc RepositorySource.listRepositories} */
  listRepositories(options: Listing): AsyncGenerator<ListingStep<Repository>> {
    return this.#list('list', this.#rows(), options);
  }

  /** {@inheritDoc RepositorySource.listProjects} */
  listProjects(options: Asking): AsyncGenerator<ListingStep<Project>> {
    const projects = new Map(
      this.#rows().map(({ projectKey: key, personal }) => [key, { key, personal }]),
    );
    return this.#list('list-projects', [...projects.values()], options);
  }

  /** {@inheritDoc RepositorySource.listProjectRepositories} */
  listProjectRepositories(
    projectKey: string,
    options: Listing,
  ): AsyncGenerator<ListingStep<Repository>> {
    const rows = this.#rows().filter(
      row => row.projectKey.toLowerCase() === projectKey.toLowerCase(),
    );
    return this.#list(`list ${projectKey}`, rows, options);
  }

  /** {@inheritDoc RepositorySource.getRepository} */
  async getRepository(at: RepositoryAddress, options: Asking): Promise<RepositoryLookup> {
    await this.#ask(`repository ${toName(at)}`, options);
    const found = this.#find(at);
    return (
      this.#answers.get(addressKey(at)) ??
      (found ? { kind: 'found', repository: found.row } : { kind: 'gone' })
    );
  }

  /** {@inheritDoc RepositorySource.findFile} */
  async findFile(
    at: RepositoryAddress,
    path: string,
    options: Asking & { branch?: string },
  ): Promise<Lookup<true>> {
    await this.#ask(`file ${toName(at)} ${path}${toBranch(options)}`, options);
    const files = this.#filesAt(at);
    if (files.kind !== 'found') {
      return files;
    }
    return files.value.includes(path)
      ? { kind: 'found', value: true }
      : { kind: 'absent', reason: 'no-catalog-file' };
  }

  /** {@inheritDoc RepositorySource.listFiles} */
  async listFiles(
    at: RepositoryAddress,
    options: Asking & { branch?: string; inOnePage?: boolean },
  ): Promise<Lookup<readonly string[]>> {
    await this.#ask(`files ${toName(at)}${toBranch(options)}`, options);
    return this.#filesAt(at);
  }

  /** {@inheritDoc RepositorySource.listLabeled} */
  listLabeled(label: string, options: Asking): AsyncGenerator<ListingStep<number>> {
    const all = [...this.#repositories.values()];
    const ids = all
      .filter(({ labels }) => labels?.includes(label))
      .map(({ row }) => row.id);
    return this.#list(`label ${label}`, ids, options);
  }

  /** {@inheritDoc RepositorySource.getLabels} */
  async getLabels(at: RepositoryAddress, options: Asking): Promise<LabelsLookup> {
    await this.#ask(`labels ${toName(at)}`, options);
    const labels = this.#find(at)?.labels ?? [];
    return this.#labelAnswers.get(addressKey(at)) ?? { kind: 'found', labels };
  }

  /** {@inheritDoc RepositorySource.fileUrl} */
  fileUrl(row: Repository, path: string, branch?: string): string {
    return target(toName(row), path, branch);
  }

  #rows(): Repository[] {
    const listed = [...this.#repositories.values()].filter(({ unlisted }) => !unlisted);
    return [...this.repeatedRows, ...listed.map(({ row }) => row)];
  }

  #find(at: RepositoryAddress): FakeRepository | undefined {
    return [...this.#repositories.values()].find(
      ({ row }) => addressKey(row) === addressKey(at),
    );
  }

  #filesAt(at: RepositoryAddress): Lookup<readonly string[]> {
    const found = this.#find(at);
    if (!found) {
      return { kind: 'unknown', problem: problem('unexpected-answer', 'no repository') };
    }
    return found.lookup ?? { kind: 'found', value: found.files ?? [CATALOG_FILE] };
  }

  async *#list<T>(
    question: string,
    rows: readonly T[],
    options: Listing,
  ): AsyncGenerator<ListingStep<T>> {
    const failure = this.#failures.get(question);
    for (let page = 0; ; page += 1) {
      await this.#ask(question, options);
      if (failure?.after === page) {
        yield failure.step;
        return;
      }
      const start = (options.start ?? 0) + page * this.pageSize;
      const next = start + this.pageSize;
      yield {
        kind: 'items',
        items: rows.slice(start, next),
        unreadable: this.unreadablePerPage,
        ...(next < rows.length && { nextStart: next }),
      };
      if (next >= rows.length && !failure) {
        return;
      }
    }
  }

  async #ask(question: string, { signal }: Asking): Promise<void> {
    signal?.throwIfAborted();
    this.asked.push(question);
    this.#inFlight += 1;
    this.peakInFlight = Math.max(this.peakInFlight, this.#inFlight);
    try {
      const waiting = Promise.resolve().then(() => this.beforeAnswer(question));
      await raceAbort(waiting, signal);
      signal?.throwIfAborted();
    } finally {
      this.#inFlight -= 1;
    }
  }
}

function toName({ projectKey, slug }: RepositoryAddress): string {
  return `${projectKey}/${slug}`;
}

function toBranch({ branch }: { branch?: string }): string {
  return branch === undefined ? '' : ` at ${branch}`;
}
