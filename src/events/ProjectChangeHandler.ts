/**
 * Handles changes of whole projects for one provider: lists a project, then requests a check of
 * each repository that it has, or had and no longer has.
 */

import pLimit from 'p-limit';
import { FilteredRepository, filterListing } from '../discovery/applyFilters';
import { RepositoryAddress } from '../model';
import { ProviderContext } from '../provider/ProviderContext';
import { addressKey, isPlaceholderId } from '../discovery/identify';
import { readListing } from '../discovery/listRepositories';
import { KnownRepository } from '../discovery/types';
import { assessAddress } from '../filters/steps';
import { RepositoryFilters } from '../filters/types';
import { ChangeTools, createChangeQueue, Handled, IGNORED } from './changeQueue';
import { formatAddress } from '../util/text';
import { EventResult, logIgnored } from './eventResults';
import { decideProjectRelevance } from './relevance';
import { RepositoryChangeHandler } from './RepositoryChangeHandler';
import { PendingRepository, ProjectChange } from './repositoryChanges';

/** Options for {@link ProjectChangeHandler}. */
interface ProjectChangeHandlerOptions extends ChangeTools {
  readonly context: Pick<ProviderContext, 'config' | 'store'>;
  /** Checks the repositories. */
  readonly repositories: Pick<RepositoryChangeHandler, 'add'>;
}

/** Handles changes of projects for one provider. */
export class ProjectChangeHandler {
  readonly #queue;
  /** One change at a time, since each loads the whole state. */
  readonly #inTurn = pLimit(1);

  constructor(private readonly options: ProjectChangeHandlerOptions) {
    this.#queue = createChangeQueue<ProjectChange>(options, {
      getName: projectName,
      merge: (earlier, later) => ({
        ...later,
        formerKey: earlier.formerKey ?? later.formerKey,
      }),
      isArrival: ({ formerKey }) => formerKey !== undefined,
      handle: change => this.#handle(change),
    });
  }

  /** Handles a change, merged with other changes of the same project. */
  handle(change: ProjectChange): Promise<EventResult> {
    return this.#queue.add(change.key.toLowerCase(), change);
  }

  async #handle(change: ProjectChange): Promise<Handled> {
    const { lanes, logger, relevance } = this.options;
    const decision = await this.#inTurn(() => decideProjectRelevance(change, relevance));
    if (decision.kind === 'ignored') {
      logIgnored(logger, projectName(change), decision.reason);
      return IGNORED;
    }
    return decision.isKnown
      ? this.#inTurn(() => this.#check(change, true))
      : ((await lanes.unknown(() => this.#check(change, false))) ?? IGNORED);
  }

  async #check(change: ProjectChange, isKnown: boolean): Promise<Handled> {
    const { context, logger, openClient, refusals, repositories, signal } = this.options;
    const { config, store } = context;
    const name = projectName(change);
    const client = await openClient();
    const listing = client.listProjectRepositories(change.key, { signal });
    const { items: listed, failure } = await readListing(listing);
    // A project that does not exist counts as one without repositories.
    if (failure && (!failure.gone || listed.length > 0)) {
      return refusals.conclude(name, failure, isKnown);
    }
    const known = (await store.load(config.id))?.repositories ?? [];
    const held = new Set(
      known.flatMap(({ files, repositoryId }) =>
        files.length > 0 ? [repositoryId] : [],
      ),
    );
    const filtered = await filterListing(listed, {
      ...config,
      source: client,
      signal,
      isHeld: id => held.has(id),
    });
    const doubt = filtered
      .map(({ outcome }) => outcome)
      .find(outcome => outcome?.kind === 'unknown');
    if (doubt) {
      return refusals.conclude(name, { problem: doubt }, isKnown);
    }
    const plan = planProject(change, filtered, known, config.filters);
    logger.debug(`${name} was listed; ${plan.length} of its repositories are checked`);
    if (listed.length === 0 && plan.length === 0) {
      refusals.add(name);
    }
    for (const item of plan) {
      if (item.listed) {
        refusals.forget(formatAddress(item.repository));
      }
      // Each repository is checked separately, and its result is logged.
      void repositories.add(item);
    }
    return { kind: 'done', result: 'evaluated' };
  }
}

function projectName({ key }: ProjectChange): string {
  return `Project ${key}`;
}

/**
 * Plans which repositories of a project to check: those that it has, and those that it had and
 * that are missing from the listing.
 *
 * @remarks Repositories that another project has lost are left to the next run: only the
 * payload claims that the other project is the former one of this project.
 *
 * @param listed - all repositories of the project
 * @param known - the repositories that the provider has stored
 */
export function planProject(
  { key, formerKey }: ProjectChange,
  listed: readonly FilteredRepository[],
  known: readonly KnownRepository[],
  filters: RepositoryFilters,
): PendingRepository[] {
  const held = new Map(
    known
      .filter(({ files }) => files.length > 0)
      .map(repository => [repository.repositoryId, repository]),
  );
  const present = listed.filter(
    ({ repository }) =>
      held.has(repository.id) || assessAddress(repository, filters) === undefined,
  );
  const ids = new Set(present.map(({ repository }) => repository.id));
  const addresses = new Set(present.map(({ repository }) => addressKey(repository)));
  const missing = [...held.values()].filter(
    repository =>
      repository.projectKey.toLowerCase() === key.toLowerCase() &&
      !(isPlaceholderId(repository.repositoryId)
        ? addresses.has(addressKey(repository))
        : ids.has(repository.repositoryId)),
  );
  return [
    ...present.map(shown => {
      const { id, slug } = shown.repository;
      const claimed =
        formerKey === undefined ? undefined : { projectKey: formerKey, slug };
      return toListed(shown, held.get(id) ?? claimed);
    }),
    ...missing.map(toMissing),
  ];
}

/** @param former - its former address from an earlier answer of Bitbucket, else as the payload claims */
function toListed(
  listed: FilteredRepository,
  former: RepositoryAddress | undefined,
): PendingRepository {
  const { repository } = listed;
  const hasMoved = former && addressKey(former) !== addressKey(repository);
  const formerAddress = hasMoved
    ? { projectKey: former.projectKey, slug: former.slug }
    : undefined;
  const changes = [{ type: 'modified', repository, formerAddress } as const];
  return { repository, changes, listed, isOneOfMany: true };
}

function toMissing({ repositoryId, projectKey, slug }: KnownRepository) {
  const repository = { id: repositoryId, projectKey, slug };
  const changes = [{ type: 'deleted', repository } as const];
  return { repository, changes, isOneOfMany: true };
}
