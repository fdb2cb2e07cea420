/**
 * One provider's answer to what happens to whole projects: lists them, then has what they
 * have looked at, and what they had and lack now.
 */

import pLimit from 'p-limit';
import { RestClient } from '../bitbucket/RestClient';
import { addressKey } from '../discovery/identify';
import { filterListed } from '../discovery/filterRepositories';
import { Repository, Unanswered } from '../model';
import { ProviderContext } from '../provider/ProviderContext';
import { toSource } from '../provider/toSource';
import { CoalescingQueue, WorkResult } from './CoalescingQueue';
import { EventClients } from './EventClients';
import { EventLanes } from './EventLanes';
import { EventLog, EventResult } from './EventLog';
import { PendingRepository } from './pendingRepository';
import { planProject } from './planProject';
import { RecentRefusals } from './RecentRefusals';
import { decideProjectRelevance, RelevanceContext } from './relevance';
import { RepositoryChangeHandler } from './RepositoryChangeHandler';
import { ProjectChange } from './repositoryChanges';

/** What changes are handled with. */
export interface ProjectChangeHandlerOptions {
  readonly context: Pick<ProviderContext, 'config' | 'store' | 'clock'>;
  readonly clients: EventClients;
  readonly lanes: EventLanes;
  readonly refusals: RecentRefusals;
  readonly relevance: RelevanceContext;
  /** Looks at the repositories. */
  readonly repositories: Pick<RepositoryChangeHandler, 'add'>;
  readonly log: EventLog;
  /** Ends all handling. */
  readonly signal: AbortSignal;
}

type Worked = WorkResult<EventResult>;

type ProjectListing =
  | {
      readonly kind: 'listed';
      readonly repositories: readonly Repository[];
      readonly isGone?: boolean;
    }
  | Unanswered;

const IGNORED: Worked = { kind: 'done', result: 'ignored' };

/** Handles changes of projects for one provider. */
export class ProjectChangeHandler {
  readonly #options: ProjectChangeHandlerOptions;
  readonly #queue: CoalescingQueue<ProjectChange, EventResult>;
  /** Everything that is known is loaded for each. */
  readonly #inTurn = pLimit(1);

  constructor(options: ProjectChangeHandlerOptions) {
    this.#options = options;
    const { clients, context, log, signal } = options;
    this.#queue = new CoalescingQueue({
      clock: context.clock,
      signal,
      merge: (earlier, later) => ({
        ...later,
        formerKey: earlier.formerKey ?? later.formerKey,
      }),
      work: change => clients.guard(nameOf(change), () => this.#work(change)),
      onGiveUp: (change, detail) => {
        log.givenUp(nameOf(change), detail);
        return 'failed';
      },
    });
  }

  /** Projects that wait, are worked on or rest. */
  get size(): number {
    return this.#queue.size;
  }

  /** Handles a change, together with what else happens to the same project. */
  handle(change: ProjectChange): Promise<EventResult> {
    return this.#queue.add(change.key.toLowerCase(), change);
  }

  async #work(change: ProjectChange): Promise<Worked> {
    const { lanes, log, refusals, relevance } = this.#options;
    if (refusals.covers(nameOf(change))) {
      return IGNORED;
    }
    const decision = await this.#inTurn(() => decideProjectRelevance(change, relevance));
    if (decision.kind === 'ignored') {
      log.ignored(nameOf(change), decision.reason);
      return IGNORED;
    }
    const work = () => this.#lookAt(change, decision.isKnown === true);
    return decision.isKnown
      ? this.#inTurn(work)
      : ((await lanes.unknown(work)) ?? IGNORED);
  }

  async #lookAt(change: ProjectChange, isKnown: boolean): Promise<Worked> {
    const { clients, context, log, refusals, repositories, signal } = this.#options;
    const { config, store } = context;
    const name = nameOf(change);
    const client = await clients.open();
    const listing = await this.#list(change.key, client);
    if (listing.kind === 'unknown') {
      return refusals.conclude(name, listing, isKnown);
    }
    const known = (await store.load(config.id))?.repositories ?? [];
    const source = toSource(client, undefined);
    const tools = { source, signal };
    const filtered = await filterListed(listing.repositories, known, config, tools);
    const doubt = filtered.map(one => one.settled).find(one => one?.kind === 'unknown');
    if (doubt) {
      return refusals.conclude(name, { problem: doubt }, isKnown);
    }
    const plan = planProject(change, filtered, known, config.filters);
    if (listing.isGone && plan.length === 0) {
      refusals.add(name);
    }
    log.listed(name, plan.length);
    for (const item of await this.#withoutOthers(change, plan, client)) {
      // Each is looked at on its own, and what becomes of it is in the log.
      void repositories.add(item);
    }
    return { kind: 'done', result: 'evaluated' };
  }

  /**
   * A former key may be the claim of somebody to whom that project does not belong: what it
   * still has is not asked for one by one.
   */
  async #withoutOthers(
    { formerKey }: ProjectChange,
    plan: readonly PendingRepository[],
    client: RestClient,
  ): Promise<readonly PendingRepository[]> {
    const isFormer = ({ listed, repository }: PendingRepository) =>
      !listed && repository.projectKey.toLowerCase() === formerKey?.toLowerCase();
    if (formerKey === undefined || plan.filter(isFormer).length < 2) {
      return plan;
    }
    const listing = await this.#list(formerKey, client);
    const shown = listing.kind === 'unknown' ? [] : listing.repositories;
    const stay = new Set(shown.map(addressKey));
    return plan.filter(
      item =>
        !isFormer(item) ||
        (listing.kind === 'listed' && !stay.has(addressKey(item.repository))),
    );
  }

  async #list(key: string, client: RestClient): Promise<ProjectListing> {
    const { signal } = this.#options;
    const repositories: Repository[] = [];
    for await (const step of client.listProjectRepositories(key, { signal })) {
      if (step.kind === 'items') {
        repositories.push(...step.items);
      } else if (step.gone && repositories.length === 0) {
        return { kind: 'listed', repositories, isGone: true };
      } else {
        return { kind: 'unknown', problem: step.problem, isRefusal: step.isRefusal };
      }
    }
    return { kind: 'listed', repositories };
  }
}

function nameOf({ key }: ProjectChange): string {
  return `Project ${key}`;
}
