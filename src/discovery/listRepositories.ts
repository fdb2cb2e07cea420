/**
 * Lists the repositories that the filters can match, in the cheapest way possible: the
 * whole server in pages of a thousand, or project by project if only some are wanted or
 * the server-wide listing is unsupported. If the time runs out, the repositories listed
 * so far are kept and the next listing continues from there; such a listing is never
 * complete.
 */

import { ListingStep, Problem, Repository, RepositoryOutcome } from '../model';
import { literalProjectKeys, TextPattern } from '../filters/textPattern';
import { assessProject } from '../filters/steps';
import { anySignal, onAbort } from '../util/abort';
import { indexInTurns } from '../util/clock';
import { mapConcurrent } from '../util/concurrency';
import {
  DiscoveryScope,
  Listing,
  ListingPosition,
  ListingProblem,
  ListingTime,
  RepositorySource,
} from './types';

/** Limits of a listing. */
export interface ListingOptions {
  /** Unlimited if omitted. */
  readonly time?: ListingTime;
  /** Where the previous listing was cut short; omitted to start at the beginning. */
  readonly from?: ListingPosition;
}

interface ListingContext extends ListingOptions {
  readonly source: RepositorySource;
  readonly signal?: AbortSignal;
  /**
   * Called after each page with the number of repositories listed so far, duplicates
   * included.
   */
  readonly onListed: (count: number) => void;
}

/** A listing, read until its end or a failure. */
export interface ReadListing<T> {
  readonly items: readonly T[];
  /** Pages read before the end or the failure. */
  readonly pages: number;
  readonly unreadable: number;
  readonly failure?: Extract<ListingStep<T>, { kind: 'failed' }>;
}

/** Lists each repository in scope once. Throws only what the source throws. */
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
    repositories: await indexById(all.items),
    complete: problem === undefined,
    problems: problem ? [{ problem, gone: false }] : [],
    unreadable: all.unreadable,
    ...(failure?.nextStart && { continuesAt: { start: failure.nextStart } }),
  };
}

/** Returns where the listing of the server, or of a project, continues. */
function getStart(
  from: ListingPosition | undefined,
  projectKey?: string,
): number | undefined {
  return from?.projectKey === projectKey ? from?.start : undefined;
}

const REMEDY = 'Raise `schedule.timeout` so that a single run can complete';

/** The problem of a listing that was read to its end, but not from its beginning. */
const REST_ONLY: Problem = {
  reason: 'timeout',
  detail: `earlier runs had time for its first part only, and this run has read the rest. ${REMEDY}`,
};

function outOfTime({ ms }: ListingTime): Problem {
  const detail = `it had not finished after ${ms / 1000} s, three quarters of \`schedule.timeout\`. The repositories listed so far were checked, and the next run continues from there. ${REMEDY}`;
  return { reason: 'timeout', detail };
}

/**
 * Stops a listing, in all of its projects, once its time is over and it has returned
 * something.
 */
class Deadline {
  readonly #stop = new AbortController();
  readonly #stopListening: () => void;
  #hasListed = false;

  constructor(private readonly context: Pick<ListingContext, 'signal' | 'time'>) {
    this.#stopListening = onAbort(context.time?.signal, () => this.#check());
  }

  get isOver(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Stops waiting for the deadline. Must always be called. */
  end(): void {
    this.#stopListening();
  }

  /**
   * Reads pages until the deadline, then ends with a failure that says where to continue.
   *
   * @param list - reads pages until its signal is aborted
   * @param start - start of the first page
   */
  async *read<T>(
    list: (signal: AbortSignal) => AsyncIterable<ListingStep<T>>,
    start: number = 0,
  ): AsyncGenerator<ListingStep<T>> {
    const { signal, time } = this.context;
    let nextStart: number | undefined = start;
    try {
      for await (const step of list(anySignal(signal, this.#stop.signal))) {
        yield step;
        nextStart = step.nextStart;
        this.#hasListed ||= step.kind === 'items';
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
    if (this.#hasListed && this.context.time?.signal.aborted) {
      this.#stop.abort();
    }
  }
}

/** Fallback for a server whose `/repos` is unsupported: lists the projects first. */
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
      repositories: new Map(),
      complete: false,
      problems: [reason, projects.failure.problem].map(problem => ({
        problem,
        gone: false,
      })),
      unreadable: projects.unreadable,
    };
  }
  // Skips projects in which the filters exclude every repository.
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
  const problems: ListingProblem[] = parts.flatMap(listing => {
    const { projectKey, part, isRest } = listing;
    const problem = part.failure?.problem ?? (isRest && REST_ONLY);
    return problem && !cuts.includes(listing)
      ? [{ projectKey, problem, gone: part.failure?.gone ?? false }]
      : [];
  });
  if (cuts.length > 0 && time) {
    problems.unshift({ problem: outOfTime(time), gone: false });
  }
  // Not at the first project if it returned nothing in all that time, so that the others
  // get their turn.
  const continuesAt =
    cuts.find(cut => cut !== parts[0] || cut.part.pages > 0) ?? cuts.at(0);
  const isListed = parts.some(({ part }) => part.failure === undefined);
  const isInDoubt = parts.some(({ part }) => part.failure?.gone === false);
  return {
    repositories: await indexById(parts.flatMap(({ part }) => part.items)),
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

/** Rotates the keys so that each project gets its turn. */
function startingWith(first: string | undefined, keys: readonly string[]): string[] {
  const at = Math.max(0, first === undefined ? 0 : keys.indexOf(first));
  return [...keys.slice(at), ...keys.slice(0, at)];
}

/** Converts page sizes to a running total. */
function countUp(onListed: (count: number) => void): (count: number) => void {
  let listed = 0;
  return count => onListed((listed += count));
}

/** Reads a listing until its end or a failure. Throws only what the source throws. */
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

/**
 * A page can repeat rows of the previous one while repositories are created and deleted;
 * the later row is newer.
 */
function indexById(repositories: readonly Repository[]) {
  return indexInTurns(repositories, repository => repository.id);
}

/**
 * Decides the outcome of a known repository that the listing lacks, if that needs no
 * request.
 *
 * @remarks If the listing of a project failed, it says nothing about the project's
 * repositories, and looking up each would only repeat the failure. A project key that
 * cannot match is out of scope: if the repository had moved to a matching project, a
 * listing without failures would contain it.
 *
 * @param pattern - `filters.projectKey`
 * @returns `undefined` if the repository has to be looked up
 */
export function decideWithoutRequest(
  projectKey: string,
  problems: readonly ListingProblem[],
  pattern: TextPattern | undefined,
): RepositoryOutcome | undefined {
  const failures = problems.filter(problem => !problem.gone);
  const failed = failures.find(
    problem => problem.projectKey?.toLowerCase() === projectKey.toLowerCase(),
  );
  if (failed) {
    return { kind: 'unknown', ...failed.problem };
  }
  return failures.length === 0 && cannotMatch(pattern, projectKey)
    ? { kind: 'excluded', reason: 'project-key' }
    : undefined;
}

/** Whether no spelling matches: a key read from a URL may differ in case. */
function cannotMatch(pattern: TextPattern | undefined, projectKey: string): boolean {
  const spellings = [projectKey, projectKey.toUpperCase(), projectKey.toLowerCase()];
  return pattern !== undefined && !spellings.some(key => pattern.test(key));
}
