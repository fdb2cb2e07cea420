/**
 * One run over the server: list, confirm what is missing, look at each repository.
 * Finds out; decides nothing about the catalog. An interrupted run keeps what it
 * learned and reports the rest as `not-checked`.
 */

import { TextPattern } from '../filters/textPattern';
import { Repository, RepositoryOutcome } from '../model';
import { forEachInTurns } from '../util/clock';
import { mapConcurrent } from '../util/concurrency';
import { parseTarget, findWebBase } from '../util/parseUrls';
import {
  identify,
  indexFiles,
  isPlaceholderId,
  replaceIds,
  separateByAddress,
} from './identify';
import { filterListing } from './applyFilters';
import { findCatalogFiles } from './findCatalogFiles';
import { listRepositories, ListingOptions } from './listRepositories';
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
  KnownRepository,
  Listing,
  ListingProblem,
  ParseFiles,
  RepositoryResult,
  RepositorySource,
  RunOrigin,
  SearchUse,
  SparedBy,
} from './types';

/** What a run works with. */
export interface DiscoveryTools {
  readonly source: RepositorySource;
  /** Left out where the catalog reads the files itself. */
  readonly parseFiles?: ParseFiles;
  /** What is remembered from earlier runs. */
  readonly known: readonly KnownRepository[];
  /** Where the interrupted run began that this one resumes: what was settled since is not looked at again. */
  readonly origin?: RunOrigin;
  /** What is due; everything is when left out. */
  readonly recheck?: RecheckPlan;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** The revision of what is asked from now on; left out where nobody counts. */
  readonly revision?: () => number;
  readonly signal?: AbortSignal;
  readonly listing?: ListingOptions;
  readonly onProgress?: (progress: DiscoveryProgress) => void;
}

/** Runs once. Never throws for what Bitbucket does, an abort included. */
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

/** When somebody asked. */
interface Moment {
  readonly checkedAtMs?: number;
  readonly revision?: number;
}

/** The state of one run: what is known so far, at any moment in which it may be cut short. */
class DiscoveryRun {
  readonly #scope: DiscoveryScope;
  readonly #tools: DiscoveryTools;
  readonly #outcomes = new Map<number, RepositoryResult>();
  readonly #gone = new Set<number>();
  #movedIds: ReadonlyMap<number, number> = new Map();
  #reassigned: readonly KnownRepository[] = [];
  #known: readonly KnownRepository[];
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

  constructor(scope: DiscoveryScope, tools: DiscoveryTools) {
    this.#scope = scope;
    this.#tools = tools;
    this.#known = tools.known;
    this.#listedAt = this.#moment();
  }

  /** Ends the run: answers still under way when it was cut short count for nothing. */
  result(interruption?: DiscoveryResult['interruption']): DiscoveryResult {
    this.#hasEnded = true;
    return {
      listing: this.#listing,
      repositories: [...this.#outcomes.values()],
      known: this.#known,
      serverUrls: this.#serverUrls,
      ...(this.#search && { search: this.#search }),
      goneRepositoryIds: new Set(this.#gone),
      reassigned: this.#reassigned,
      interruption,
    };
  }

  async run(): Promise<void> {
    const { source, signal, onProgress } = this.#tools;
    this.#listedAt = this.#moment();
    const { repositories, ...listing } = await listRepositories(this.#scope, {
      ...this.#tools.listing,
      source,
      signal,
      onListed: listed => onProgress?.({ kind: 'listing', listed }),
    });
    const listed = new Map<number, Repository>();
    const serverUrls = new Set<string>();
    await forEachInTurns(repositories, one => {
      listed.set(one.id, one);
      this.#record(one, NOT_CHECKED);
      const serverUrl = findWebBase(one.selfUrl ?? '');
      if (serverUrl) {
        serverUrls.add(serverUrl);
      }
    });
    this.#serverUrls = [...serverUrls];
    await this.#identify(repositories, listed);
    this.#listing = listing;
    const missing = this.#noteMissing(listed);
    await this.#lookAt(repositories);
    if (listing.complete) {
      // Last, so that a lost permission, which leaves many to confirm, delays nothing new.
      await this.#lookAt(await this.#confirmMissing(missing, listed));
    }
  }

  /** Whose what is known is by now, as far as the listing tells. */
  async #identify(
    repositories: readonly Repository[],
    listed: ReadonlyMap<number, Repository>,
  ): Promise<void> {
    const { source, known } = this.#tools;
    const { branch } = this.#scope;
    const separated = await separateByAddress(known, listed, repository =>
      parseTarget(source.fileUrl(repository, 'x', branch)),
    );
    this.#known = identify(separated.known, repositories);
    this.#movedIds = separated.movedIds;
    this.#reassigned = separated.reassigned;
  }

  #noteMissing(listed: ReadonlyMap<number, Repository>): KnownRepository[] {
    const missing = this.#known.filter(
      known => known.files.length > 0 && !listed.has(known.repositoryId),
    );
    for (const known of missing) {
      this.#record(toRepositoryRef(known), unlistedOutcome(this.#listing));
    }
    return missing;
  }

  /**
   * Asks for each remembered repository that a complete listing lacks: pages shift while
   * repositories come and go, so being missing proves nothing.
   *
   * @returns what was found and the listing does not have
   */
  async #confirmMissing(
    missing: readonly KnownRepository[],
    listed: ReadonlyMap<number, Repository>,
  ): Promise<Repository[]> {
    const ids = new Map<number, number>();
    const found = new Map<number, Repository>();
    await mapConcurrent(missing, this.#scope.concurrency, async known => {
      const repository = await this.#confirm(known);
      if (repository && isPlaceholderId(known.repositoryId)) {
        ids.set(known.repositoryId, repository.id);
      }
      if (repository && !listed.has(repository.id)) {
        this.#record(repository, NOT_CHECKED);
        found.set(repository.id, repository);
      }
    });
    for (const [id, movedTo] of this.#movedIds) {
      // Nothing is there any more, and where it went is looked at.
      if (this.#outcomes.has(movedTo) && this.#gone.delete(id)) {
        ids.set(id, movedTo);
      }
    }
    this.#known = replaceIds(this.#known, ids);
    // Two that swapped addresses are found each at the other's.
    found.forEach(({ id }) => this.#gone.delete(id));
    return [...found.values()];
  }

  /** @returns what is at its address now: itself, or who has taken its place */
  async #confirm(known: KnownRepository): Promise<Repository | undefined> {
    const { source, signal } = this.#tools;
    const address = toRepositoryRef(known);
    const asked = this.#moment();
    const decided = decideWithoutRequest(
      known.projectKey,
      this.#listing.problems,
      this.#scope.filters.projectKey,
    );
    if (decided) {
      this.#record(address, decided);
      return undefined;
    }
    const answer = await source.getRepository(address, { signal });
    if (answer.kind === 'unknown') {
      this.#record(address, { kind: 'unknown', ...answer.problem }, asked);
      return undefined;
    }
    this.#outcomes.delete(address.id);
    const here = answer.kind === 'found' ? answer.repository : undefined;
    if (!here || (here.id !== address.id && !isPlaceholderId(address.id))) {
      this.#gone.add(address.id);
    }
    return here;
  }

  async #lookAt(repositories: readonly Repository[]): Promise<void> {
    if (repositories.length === 0) {
      return;
    }
    const { source, parseFiles, signal, onProgress } = this.#tools;
    const known = new Map<number, KnownRepository>();
    await forEachInTurns(this.#known, one => known.set(one.repositoryId, one));
    const toAsk = await this.#applyFilters(repositories, known);
    const inconclusive = await this.#takeOverConclusive(toAsk, known);
    this.#total += toAsk.length;
    const filesOf = await indexFiles(this.#known, inconclusive);
    const left = await this.#spareChecks(inconclusive, { known, filesOf });
    this.#checked += toAsk.length - left.length;
    await mapConcurrent(
      await longestUncheckedFirst(left, known),
      this.#scope.concurrency,
      async repository => {
        signal?.throwIfAborted();
        const asked = this.#moment();
        const tools = { source, parseFiles, before: filesOf(repository), signal };
        const outcome = await findCatalogFiles(repository, this.#scope, tools);
        if (this.#hasEnded) {
          return;
        }
        const result = this.#record(repository, outcome, asked);
        this.#checked += 1;
        const [checked, total] = [this.#checked, this.#total];
        onProgress?.({ kind: 'checking', checked, total, result });
      },
    );
  }

  /** @returns what the filters let through */
  async #applyFilters(
    repositories: readonly Repository[],
    known: ReadonlyMap<number, KnownRepository>,
  ): Promise<Repository[]> {
    const { source, signal } = this.#tools;
    const filtered = await filterListing(repositories, {
      ...this.#scope,
      source,
      signal,
      isHeld: id => (known.get(id)?.files.length ?? 0) > 0,
      record: (repository, outcome) => this.#record(repository, outcome),
    });
    return filtered.flatMap(one => (one.outcome ? [] : [one.repository]));
  }

  /** @returns what the interrupted run has no conclusive outcome of */
  async #takeOverConclusive(
    repositories: readonly Repository[],
    known: ReadonlyMap<number, KnownRepository>,
  ): Promise<Repository[]> {
    const left: Repository[] = [];
    await forEachInTurns(repositories, repository => {
      const before = known.get(repository.id);
      const conclusive = outcomeSince(repository, before, this.#tools.origin);
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

  /** @returns what is to be looked at */
  async #spareChecks(
    repositories: readonly Repository[],
    { known, filesOf }: Pick<SpareTools, 'known' | 'filesOf'>,
  ): Promise<readonly Repository[]> {
    const { onProgress, recheck, source, signal } = this.#tools;
    const asked = this.#moment();
    const tools = { source, known, filesOf, signal };
    const found = await spareChecks(repositories, this.#scope, recheck, tools);
    this.#search ??= found.search;
    await forEachInTurns(found.spared, ({ repository, decision }) => {
      const { by: sparedBy, isNew, outcome } = decision;
      const { checkedAtMs, revision } = known.get(repository.id) ?? {};
      const moment = isNew ? asked : { checkedAtMs, revision };
      const result = this.#record(repository, outcome, { ...moment, sparedBy });
      if (isNew) {
        const [checked, total] = [this.#checked, this.#total];
        onProgress?.({ kind: 'checking', checked, total, result });
      }
    });
    return found.due;
  }

  /** To be taken before Bitbucket is asked: an answer is as old as its question. */
  #moment(): Moment {
    const { now, revision } = this.#tools;
    return { checkedAtMs: now(), revision: revision?.() };
  }

  #record(
    repository: RepositoryResult['repository'],
    outcome: RepositoryOutcome,
    { checkedAtMs, revision, sparedBy }: Moment & { readonly sparedBy?: SparedBy } = this
      .#listedAt,
  ): RepositoryResult {
    const { id, projectKey, slug, hierarchyId } = repository;
    // Written out, since there is one for each repository: spread, it takes twice the memory.
    const result: RepositoryResult = {
      repository: { id, projectKey, slug, hierarchyId },
      outcome,
      checkedAtMs: outcome.kind === 'unknown' ? undefined : checkedAtMs,
      revision,
      sparedBy,
    };
    this.#outcomes.set(id, result);
    return result;
  }
}

/**
 * Decides about a remembered repository that the listing lacks, where that needs no
 * request.
 *
 * @remarks A project whose listing failed says nothing about its repositories, and asking
 * for each would only repeat the failure. One that cannot match is out of scope: had the
 * repository moved to one that does, a listing without failures would have shown it.
 *
 * @param pattern - `filters.projectKey`
 * @returns `undefined` when it has to be asked for
 */
function decideWithoutRequest(
  projectKey: string,
  problems: readonly ListingProblem[],
  pattern: TextPattern | undefined,
): RepositoryOutcome | undefined {
  const failures = problems.filter(one => !one.gone);
  const failed = failures.find(
    one => one.projectKey?.toLowerCase() === projectKey.toLowerCase(),
  );
  if (failed) {
    return { kind: 'unknown', ...failed.problem };
  }
  return failures.length === 0 && cannotMatch(pattern, projectKey)
    ? { kind: 'excluded', reason: 'project-key' }
    : undefined;
}

/** In no case of letters: what was read from URLs may differ in that from the key. */
function cannotMatch(pattern: TextPattern | undefined, projectKey: string): boolean {
  const spellings = [projectKey, projectKey.toUpperCase(), projectKey.toLowerCase()];
  return pattern !== undefined && !spellings.some(key => pattern.test(key));
}
