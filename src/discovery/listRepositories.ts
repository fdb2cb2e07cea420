/**
 * Lists what the filters can match, the cheapest way that is allowed: the whole server
 * in pages of a thousand, or project by project where only some are wanted or the
 * server's listing does not serve.
 */

import { ListingStep, Problem, Repository } from '../model';
import { literalProjectKeys } from '../filters/textPattern';
import { assessProject } from '../filters/steps';
import { mapConcurrent } from '../util/concurrency';
import { DiscoveryScope, Listing, ListingProblem, RepositorySource } from './types';

interface ListingContext {
  readonly source: RepositorySource;
  readonly signal?: AbortSignal;
  /** Told after each page how many repositories were listed so far, repeated rows included. */
  readonly onListed: (count: number) => void;
}

/** One listing read to its end or to its failure. */
export interface ReadListing<T> {
  readonly items: readonly T[];
  /** Read before it failed, if it did. */
  readonly pages: number;
  readonly unreadable: number;
  readonly failure?: Extract<ListingStep<T>, { kind: 'failed' }>;
}

/** Lists the repositories in scope, each once. Throws only what the source throws. */
export async function listRepositories(
  scope: DiscoveryScope,
  context: ListingContext,
): Promise<Listing> {
  const keys = literalProjectKeys(scope.filters.projectKey);
  if (keys) {
    return listByProject(keys, scope, context);
  }
  const all = await readListing(
    context.source.listRepositories({ signal: context.signal }),
    countUp(context.onListed),
  );
  if (all.failure?.unsupported && all.items.length === 0) {
    return listThroughProjects(all.failure.problem, scope, context);
  }
  return {
    repositories: uniqueById(all.items),
    complete: all.failure === undefined,
    problems: all.failure ? [{ problem: all.failure.problem, gone: false }] : [],
    unreadable: all.unreadable,
  };
}

/** The way around a server whose `/repos` does not answer: its projects first. */
async function listThroughProjects(
  reason: Problem,
  scope: DiscoveryScope,
  context: ListingContext,
): Promise<Listing> {
  const projects = await readListing(
    context.source.listProjects({ signal: context.signal }),
  );
  if (projects.failure) {
    return {
      repositories: [],
      complete: false,
      problems: [reason, projects.failure.problem].map(problem => ({
        problem,
        gone: false,
      })),
      unreadable: projects.unreadable,
    };
  }
  // Without those none of whose repositories the filters let through.
  const wanted = projects.items.filter(
    ({ key: projectKey, personal }) =>
      assessProject({ projectKey, personal }, scope.filters) === undefined,
  );
  const listing = await listByProject(
    wanted.map(project => project.key),
    scope,
    context,
  );
  return { ...listing, unreadable: listing.unreadable + projects.unreadable };
}

async function listByProject(
  keys: readonly string[],
  scope: DiscoveryScope,
  context: ListingContext,
): Promise<Listing> {
  const onItems = countUp(context.onListed);
  const parts = await mapConcurrent(keys, scope.concurrency, async projectKey => ({
    projectKey,
    part: await readListing(
      context.source.listProjectRepositories(projectKey, { signal: context.signal }),
      onItems,
    ),
  }));
  const problems: ListingProblem[] = parts.flatMap(({ projectKey, part }) =>
    part.failure
      ? [{ projectKey, problem: part.failure.problem, gone: part.failure.gone }]
      : [],
  );
  const isListed = parts.some(({ part }) => part.failure === undefined);
  const isInDoubt = parts.some(({ part }) => part.failure?.gone === false);
  return {
    repositories: uniqueById(parts.flatMap(({ part }) => part.items)),
    complete: isListed || !isInDoubt,
    problems,
    unreadable: parts.reduce((sum, { part }) => sum + part.unreadable, 0),
  };
}

/** Turns the sizes of pages into how many there were so far. */
function countUp(onListed: (count: number) => void): (count: number) => void {
  let listed = 0;
  return count => onListed((listed += count));
}

/** Reads a listing to its end or to its failure. Throws only what the source throws. */
export async function readListing<T>(
  steps: AsyncIterable<ListingStep<T>>,
  onItems?: (count: number) => void,
): Promise<ReadListing<T>> {
  const pages: (readonly T[])[] = [];
  let unreadable = 0;
  let failure: ReadListing<T>['failure'];
  for await (const step of steps) {
    if (step.kind === 'failed') {
      failure = step;
      break;
    }
    pages.push(step.items);
    unreadable += step.unreadable;
    onItems?.(step.items.length);
  }
  return { items: pages.flat(), pages: pages.length, unreadable, failure };
}

/** A page can repeat rows of the one before it while repositories come and go; the later row is the newer one. */
function uniqueById(repositories: readonly Repository[]): Repository[] {
  return [...new Map(repositories.map(one => [one.id, one])).values()];
}
