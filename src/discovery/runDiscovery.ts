/**
 * One run over the server: lists repositories, confirms missing ones and checks each one.
 * Collects findings; makes no decision about the catalog. An interrupted run keeps its
 * results and reports the remaining repositories as `not-checked`.
 */

import { Repository, RepositoryOutcome } from '../model';
import { forEachInTurns } from '../util/clock';
import { mapConcurrent } from '../util/concurrency';
import { parseTarget, findWebBase } from '../util/parseUrls';
import { isSameOutcome } from './difference';
import {
  hasSameIdentity,
  identify,
  indexFiles,
  isPlaceholderId,
  replaceIds,
  separateByAddress,
} from './identify';
import { selectMatching } from './applyFilters';
import { findCatalogFiles } from './findCatalogFiles';
import {
  decideWithoutRequest,
  listRepositories,
  ListingOptions,
} from './listRepositories';
import { toRepositoryRef } from './locations';
import { RecheckPlan } from './recheck';
import {
  longestUncheckedFirst,
  NOT_CHECKED,
  outcomeSince,
  unlistedOutcome,
} from './resume';
import { spareChecks, SpareTools } from './spareChecks';
import {
  DiscoveryProgress,
  DiscoveryResult,
  DiscoveryScope,
  KnownRepositories,
  KnownRepository,
  Listing,
  ParseFiles,
  RepositoryRef,
  RepositoryResult,
  RepositorySource,
  RunOrigin,
  SearchUse,
} from './types';

/** Dependencies and input of a run. */
export interface DiscoveryTools {
  readonly source: RepositorySource;
  /** Omitted if the catalog reads the files itself. */
  readonly parseFiles?: ParseFiles;
  /** State stored by earlier runs. */
  readonly known: KnownRepositories;
  /** The start of the interrupted run to resume: its conclusive outcomes are kept. */
  readonly origin?: RunOrigin;
  /** Which repositories are due; all of them if omitted. */
  readonly recheck?: RecheckPlan;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** The revision for requests sent from now on; omitted if revisions are not used. */
  readonly revision?: () => number;
  readonly signal?: AbortSignal;
  readonly listing?: ListingOptions;
  readonly onProgress?: (progress: DiscoveryProgress) => void;
}

/** Performs one run. Never throws because of Bitbucket's answers or an abort. */
export async function runDiscovery(
  scope: DiscoveryScope,
  tools: DiscoveryTools,
): Promise<DiscoveryResult> {
  const run = new DiscoveryRun(scope, tools);
  try {
    await run.run();
    return run.result();
  } catch (error) {
    const kind = tools.signal?.aborted ? 'aborted' : 'failed';
    return run.result({ kind, error });
  }
}

/** When Bitbucket was asked, or why it was not. */
type Moment = Pick<RepositoryResult, 'checkedAtMs' | 'revision' | 'sparedBy'>;

/** The state of one run: its results so far, valid whenever the run is interrupted. */
class DiscoveryRun {
  #listed: ReadonlyMap<number, Repository> = new Map();
  /** In the order of the listing; `undefined` for those that are still to be decided. */
  readonly #outcomes = new Map<number, RepositoryResult | undefined>();
  readonly #gone = new Set<number>();
  #movedIds: ReadonlyMap<number, number> = new Map();
  #reassigned: readonly KnownRepository[] = [];
  #known: KnownRepositories;
  #hasEnded = false;
  #serverUrls: readonly string[] = [];
  #search: SearchUse | undefined;
  #listedAt: Moment;
  #checked = 0;
  #total = 0;
  #listing: Omit<Listing, 'repositories'> = {
    complete: false,
    problems: [],
    unreadable: 0,
  };

  constructor(
    private readonly scope: DiscoveryScope,
    private readonly tools: DiscoveryTools,
  ) {
    this.#known = tools.known;
    this.#listedAt = this.#moment();
  }

  /** Ends the run: answers that arrive after an interruption are ignored. */
  result(interruption?: DiscoveryResult['interruption']): DiscoveryResult {
    this.#hasEnded = true;
    return {
      listing: this.#listing,
      repositories: this.#results(),
      known: this.#known,
      serverUrls: this.#serverUrls,
      ...(this.#search && { search: this.#search }),
      goneRepositoryIds: this.#gone,
      reassigned: this.#reassigned,
      interruption,
    };
  }

  async run(): Promise<void> {
    const { source, signal, onProgress } = this.tools;
    this.#listedAt = this.#moment();
    const { repositories: listed, ...listing } = await listRepositories(this.scope, {
      ...this.tools.listing,
      source,
      signal,
      onListed: count => onProgress?.({ kind: 'listing', listed: count }),
    });
    this.#listed = listed;
    const serverUrls = new Set<string | undefined>();
    await forEachInTurns(listed.values(), ({ id, selfUrl = '' }) => {
      this.#outcomes.set(id, undefined);
      serverUrls.add(findWebBase(selfUrl));
    });
    this.#serverUrls = [...serverUrls].flatMap(url => url ?? []);
    await this.#identify();
    this.#listing = listing;
    const missing = this.#recordMissing();
    await this.#checkRepositories([...listed.values()]);
    if (listing.complete) {
      // Last: after a lost permission, confirming many must not delay new ones.
      await this.#checkRepositories(await this.#confirmMissing(missing));
    }
  }

  #results() {
    for (const [id, repository] of this.#listed) {
      if (!this.#outcomes.get(id)) {
        this.#record(repository, NOT_CHECKED);
      }
    }
    // All are decided now; a copy would take as much memory again.
    return this.#outcomes as ReadonlyMap<number, RepositoryResult>;
  }

  /** Assigns known state to the repository it belongs to, as far as the listing shows. */
  async #identify(): Promise<void> {
    const { source, known } = this.tools;
    const { branch } = this.scope;
    const separated = await separateByAddress(known, this.#listed, repository =>
      parseTarget(source.fileUrl(repository, 'x', branch)),
    );
    this.#known = await identify(separated.known, this.#listed.values());
    this.#movedIds = separated.movedIds;
    this.#reassigned = separated.reassigned;
  }

  #recordMissing(): KnownRepository[] {
    const missing = [...this.#known.values()].filter(
      known => known.files.length > 0 && !this.#listed.has(known.repositoryId),
    );
    for (const known of missing) {
      this.#record(toRepositoryRef(known), unlistedOutcome(this.#listing));
    }
    return missing;
  }

  /**
   * Looks up each known repository that a complete listing lacks: pages shift while
   * repositories are created and deleted, so being missing proves nothing.
   *
   * @returns the repositories found that are not in the listing
   */
  async #confirmMissing(missing: readonly KnownRepository[]): Promise<Repository[]> {
    const ids = new Map<number, number>();
    const found = new Map<number, Repository>();
    await mapConcurrent(missing, this.scope.concurrency, async known => {
      const repository = await this.#confirm(known);
      if (repository && isPlaceholderId(known.repositoryId)) {
        ids.set(known.repositoryId, repository.id);
      }
      if (repository && !this.#listed.has(repository.id)) {
        this.#record(repository, NOT_CHECKED);
        found.set(repository.id, repository);
      }
    });
    for (const [id, movedTo] of this.#movedIds) {
      // The old address is empty, and the repository is checked at its new one.
      const isFound = this.#listed.has(movedTo) || this.#outcomes.has(movedTo);
      if (isFound && this.#gone.delete(id)) {
        ids.set(id, movedTo);
      }
    }
    this.#known = await replaceIds(this.#known, ids);
    // Two repositories that swapped addresses are each found at the other's address.
    found.forEach(({ id }) => this.#gone.delete(id));
    return [...found.values()];
  }

  /** @returns the repository at its address now: the same one, or its successor */
  async #confirm(known: KnownRepository): Promise<Repository | undefined> {
    const { source, signal } = this.tools;
    const address = toRepositoryRef(known);
    const asked = this.#moment();
    const decided = decideWithoutRequest(
      known.projectKey,
      this.#listing.problems,
      this.scope.filters.projectKey,
    );
    if (decided) {
      this.#record(address, decided);
      return undefined;
    }
    const answer = await source.getRepository(address, { signal });
    if (this.#hasEnded) {
      return undefined;
    }
    if (answer.kind === 'unknown') {
      this.#record(address, { kind: 'unknown', ...answer.problem }, asked);
      return undefined;
    }
    this.#outcomes.delete(address.id);
    const current = answer.kind === 'found' ? answer.repository : undefined;
    if (!current || (current.id !== address.id && !isPlaceholderId(address.id))) {
      this.#gone.add(address.id);
    }
    return current;
  }

  async #checkRepositories(repositories: readonly Repository[]): Promise<void> {
    if (repositories.length === 0) {
      return;
    }
    const { source, parseFiles, signal } = this.tools;
    const toAsk = await this.#applyFilters(repositories);
    const inconclusive = await this.#takeOverConclusive(toAsk);
    this.#total += toAsk.length;
    const getFiles = await indexFiles(this.#known, inconclusive);
    const left = await this.#spareChecks(inconclusive, getFiles);
    this.#checked += toAsk.length - left.length;
    await mapConcurrent(
      await longestUncheckedFirst(left, this.#known),
      this.scope.concurrency,
      async repository => {
        signal?.throwIfAborted();
        const asked = this.#moment();
        const tools = { source, parseFiles, before: getFiles(repository), signal };
        const outcome = await findCatalogFiles(repository, this.scope, tools);
        if (this.#hasEnded) {
          return;
        }
        this.#checked += 1;
        this.#announce(this.#record(repository, outcome, asked));
      },
    );
  }

  /** @returns the repositories that pass the filters */
  #applyFilters(repositories: readonly Repository[]): Promise<Repository[]> {
    const { source, signal } = this.tools;
    const isHeld = (id: number) => (this.#known.get(id)?.files.length ?? 0) > 0;
    const questions = { ...this.scope, source, signal, isHeld };
    return selectMatching(repositories, questions, (repository, outcome) =>
      this.#record(repository, outcome),
    );
  }

  /** @returns the repositories without a conclusive outcome in the interrupted run */
  async #takeOverConclusive(
    repositories: readonly Repository[],
  ): Promise<readonly Repository[]> {
    const { origin } = this.tools;
    if (!origin) {
      return repositories;
    }
    const left: Repository[] = [];
    await forEachInTurns(repositories, repository => {
      const before = this.#known.get(repository.id);
      const conclusive = outcomeSince(repository, before, origin);
      if (conclusive) {
        this.#record(repository, conclusive, {
          checkedAtMs: before?.checkedAtMs,
          revision: before?.revision,
        });
      } else {
        left.push(repository);
      }
    });
    return left;
  }

  /** @returns the repositories to check */
  async #spareChecks(
    repositories: readonly Repository[],
    getFiles: SpareTools['getFiles'],
  ): Promise<readonly Repository[]> {
    const { recheck, source, signal } = this.tools;
    const asked = this.#moment();
    const tools = { source, known: this.#known, getFiles, signal };
    const found = await spareChecks(repositories, this.scope, recheck, tools);
    this.#search ??= found.search;
    await forEachInTurns(found.spared, ({ repository, decision }) => {
      const { by: sparedBy, isNew, outcome } = decision;
      const { checkedAtMs, revision } = this.#known.get(repository.id) ?? {};
      const moment = isNew ? asked : { checkedAtMs, revision };
      const result = this.#record(repository, outcome, { ...moment, sparedBy });
      if (isNew) {
        this.#announce(result);
      }
    });
    return found.due;
  }

  /** Call this before asking Bitbucket: an answer is as old as its request. */
  #moment(): Moment {
    const { now, revision } = this.tools;
    return { checkedAtMs: now(), revision: revision?.() };
  }

  #announce(result: RepositoryResult): void {
    const [checked, total] = [this.#checked, this.#total];
    this.tools.onProgress?.({ kind: 'checking', checked, total, result });
  }

  #record(
    repository: RepositoryRef,
    outcome: RepositoryOutcome,
    moment: Moment = this.#listedAt,
  ): RepositoryResult {
    const before = this.#known.get(repository.id);
    const result = toResult(repository, outcome, moment, before);
    this.#outcomes.set(repository.id, result);
    return result;
  }
}

/**
 * Creates a result; what is as before is taken from there, so that it is in memory only once.
 *
 * @remarks Spelled out: a spread takes twice the memory, and there is one for each repository.
 */
function toResult(
  repository: RepositoryRef,
  outcome: RepositoryOutcome,
  { checkedAtMs, revision, sparedBy }: Moment,
  before?: KnownRepository,
): RepositoryResult {
  const isSame = before !== undefined && hasSameIdentity(before, repository);
  const { projectKey, slug, hierarchyId } = isSame ? before : repository;
  const { conclusive } = before ?? {};
  return {
    repository: { id: repository.id, projectKey, slug, hierarchyId },
    outcome: conclusive && isSameOutcome(conclusive, outcome) ? conclusive : outcome,
    checkedAtMs: outcome.kind === 'unknown' ? undefined : checkedAtMs,
    revision,
    sparedBy,
  };
}
