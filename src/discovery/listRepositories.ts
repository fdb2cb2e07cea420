/**
 * Lists what the filters can match, the cheapest way that is allowed: the whole server
 * in pages of a thousand, or project by project where only some are wanted or the
 * server's listing does not serve. Where there is no time for all of it, what it has shown
 * is kept, and the next one goes on there: such a listing is never complete.
 */

import { ListingStep, Problem, Repository } from '../model';
import { literalProjectKeys } from '../filters/textPattern';
import { assessProject } from '../filters/steps';
import { anySignal, onAbort } from '../util/abort';
import { mapConcurrent } from '../util/concurrency';
import {
  DiscoveryScope,
  Listing,
  ListingPosition,
  ListingProblem,
  ListingTime,
  RepositorySource,
} from './types';

/** How much of a listing is read. */
export interface ListingOptions {
  /** As much as it takes when left out. */
  readonly time?: ListingTime;
  /** Where the last one was cut short; from its beginning when left out. */
  readonly from?: ListingPosition;
}

interface ListingContext extends ListingOptions {
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
  return keys ? listByProject(keys, scope, context) : listServer(scope, context);
}

async function listServer(
  scope: DiscoveryScope,
  context: ListingContext,
): Promise<Listing> {
  const { source } = context;
  const start = getStart(context.from);
  const deadline = new Deadline(context);
  const { failure, ...all } = await readListing(
    deadline.read(signal => source.listRepositories({ signal, start }), start),
    countUp(context.onListed),
  ).finally(() => deadline.end());
  if (failure?.unsupported && all.items.length === 0) {
    return listThroughProjects(failure.problem, scope, context);
  }
  const problem = failure?.problem ?? (start ? REST_ONLY : undefined);
  return {
    repositories: uniqueById(all.items),
    complete: problem === undefined,
    problems: problem ? [{ problem, gone: false }] : [],
    unreadable: all.unreadable,
    ...(failure?.nextStart && { continuesAt: { start: failure.nextStart } }),
  };
}

/** Where the listing of the server, or of a project, goes on. */
function getStart(
  from: ListingPosition | undefined,
  projectKey?: string,
): number | undefined {
  return from?.projectKey === projectKey ? from?.start : undefined;
}

const REMEDY = 'Raise `schedule.timeout`, so that one run gets through';

/** Of a listing that was read to its end, but not from its beginning. */
const REST_ONLY: Problem = {
  reason: 'timeout',
  detail: `earlier runs had no time for more than its first part, and this one has read the rest. ${REMEDY}`,
};

function outOfTime({ ms }: ListingTime): Problem {
  const detail = `it had not ended after ${ms / 1000} s, three quarters of \`schedule.timeout\`. What it had shown was looked at, and the next run goes on there. ${REMEDY}`;
  return { reason: 'timeout', detail };
}

/** Ends a listing, with all its projects, once its time is over and it has shown something. */
class Deadline {
  readonly #context: Pick<ListingContext, 'signal' | 'time'>;
  readonly #stop = new AbortController();
  readonly #stopListening: () => void;
  #hasShown = false;

  constructor(context: Pick<ListingContext, 'signal' | 'time'>) {
    this.#context = context;
    this.#stopListening = onAbort(context.time?.signal, () => this.#check());
  }

  get isOver(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Has to be called. */
  end(): void {
    this.#stopListening();
  }

  /**
   * Reads pages until then; a failure that follows says where to go on.
   *
   * @param list - reads them until its signal is aborted
   * @param start - of the first page
   */
  async *read<T>(
    list: (signal: AbortSignal) => AsyncIterable<ListingStep<T>>,
    start: number = 0,
  ): AsyncGenerator<ListingStep<T>> {
    const { signal, time } = this.#context;
    let nextStart: number | undefined = start;
    try {
      for await (const step of list(anySignal(signal, this.#stop.signal))) {
        yield step;
        nextStart = step.nextStart;
        this.#hasShown ||= step.kind === 'items';
        this.#check();
        if (this.isOver) {
          break;
        }
      }
    } catch (error) {
      if (signal?.aborted || !this.isOver) {
        throw error;
      }
    }
    if (time && this.isOver && nextStart !== undefined) {
      const problem = outOfTime(time);
      yield { kind: 'failed', problem, unsupported: false, gone: false, nextStart };
    }
  }

  #check(): void {
    if (this.#hasShown && this.#context.time?.signal.aborted) {
      this.#stop.abort();
    }
  }
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
  const { source, from, time } = context;
  const onItems = countUp(context.onListed);
  const deadline = new Deadline(context);
  const order = startingWith(from?.projectKey, keys);
  const parts = await mapConcurrent(order, scope.concurrency, async projectKey => {
    const start = getStart(from, projectKey);
    const steps = (signal: AbortSignal) =>
      source.listProjectRepositories(projectKey, { signal, start });
    const part = await readListing(deadline.read(steps, start), onItems);
    return { projectKey, part, isRest: start !== undefined };
  }).finally(() => deadline.end());
  const cuts = parts.filter(({ part }) => part.failure?.nextStart !== undefined);
  const problems: ListingProblem[] = parts.flatMap(one => {
    const { projectKey, part, isRest } = one;
    const problem = part.failure?.problem ?? (isRest && REST_ONLY);
    return problem && !cuts.includes(one)
      ? [{ projectKey, problem, gone: part.failure?.gone ?? false }]
      : [];
  });
  if (cuts.length > 0 && time) {
    problems.unshift({ problem: outOfTime(time), gone: false });
  }
  // Not at a first one that shows nothing in all that time: the others have to get their turn.
  const continuesAt =
    cuts.find(one => one !== parts[0] || one.part.pages > 0) ?? cuts.at(0);
  const isListed = parts.some(({ part }) => part.failure === undefined);
  const isInDoubt = parts.some(({ part }) => part.failure?.gone === false);
  return {
    repositories: uniqueById(parts.flatMap(({ part }) => part.items)),
    complete: (isListed || !isInDoubt) && cuts.length === 0,
    problems,
    unreadable: parts.reduce((sum, { part }) => sum + part.unreadable, 0),
    ...(continuesAt && { continuesAt: toPosition(continuesAt) }),
  };
}

function toPosition({
  projectKey,
  part,
}: {
  readonly projectKey: string;
  readonly part: ReadListing<Repository>;
}): ListingPosition {
  const start = part.failure?.nextStart;
  return { projectKey, ...(start && { start }) };
}

/** The same in a circle, so that each gets its turn. */
function startingWith(first: string | undefined, keys: readonly string[]): string[] {
  const at = Math.max(0, first === undefined ? 0 : keys.indexOf(first));
  return [...keys.slice(at), ...keys.slice(0, at)];
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
