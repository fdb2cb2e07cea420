/**
 * One provider's answer to what happens to repositories: coalesces it per repository, finds
 * out what matters, has those repositories looked at and tells the catalog.
 */

import pLimit from 'p-limit';
import { RestClient } from '../bitbucket/RestClient';
import { addressKey } from '../discovery/identify';
import { Evaluation } from '../discovery/evaluateRepository';
import { RepositoryEvaluator } from '../provider/RepositoryEvaluator';
import { EventStore } from '../store/EventStore';
import { Clock } from '../util/clock';
import { KeyedLock } from '../util/KeyedLock';
import { CoalescingQueue, WorkResult } from './CoalescingQueue';
import { EventClients } from './EventClients';
import { EventLanes } from './EventLanes';
import { EventLog, EventResult, nameOf } from './EventLog';
import { formerAddress, mergePending, PendingRepository } from './pendingRepository';
import { RecentRefusals } from './RecentRefusals';
import { decideRelevance, RelevanceContext, RelevanceDecision } from './relevance';
import { SingleChange } from './repositoryChanges';
import { ScmEventPublisher } from './ScmEventPublisher';

/** What changes are handled with. */
export interface RepositoryChangeHandlerOptions {
  readonly host: string;
  readonly lanes: EventLanes;
  readonly refusals: RecentRefusals;
  readonly clients: EventClients;
  readonly evaluator: RepositoryEvaluator;
  readonly relevance: RelevanceContext;
  readonly branches: Pick<EventStore, 'forgetDefaultBranch'>;
  readonly publisher: ScmEventPublisher;
  readonly log: EventLog;
  readonly clock: Clock;
  /** Ends all handling. */
  readonly signal: AbortSignal;
}

type Relevant = Extract<RelevanceDecision, { kind: 'relevant' }>;
type Worked = WorkResult<EventResult>;

const LISTED: Relevant = { kind: 'relevant', reason: 'its project was changed' };
const IGNORED: Worked = { kind: 'done', result: 'ignored' };

/** Decisions under way at the same time. */
const MAX_DECISIONS = 8;

/** Handles changes of repositories for one provider. */
export class RepositoryChangeHandler {
  readonly #options: RepositoryChangeHandlerOptions;
  readonly #queue: CoalescingQueue<PendingRepository, EventResult>;
  /** Of decisions: each asks the database. */
  readonly #triage = pLimit(MAX_DECISIONS);
  readonly #lock = new KeyedLock();

  constructor(options: RepositoryChangeHandlerOptions) {
    this.#options = options;
    const { clients, clock, log, signal } = options;
    this.#queue = new CoalescingQueue({
      clock,
      signal,
      merge: mergePending,
      work: item => clients.guard(nameOf(item.repository), () => this.#work(item)),
      onGiveUp: ({ repository }, detail) => {
        log.givenUp(nameOf(repository), detail);
        return 'failed';
      },
    });
  }

  /** Repositories that wait, are worked on or rest. */
  get size(): number {
    return this.#queue.size;
  }

  /** Handles a change, together with what else happens to the same repository. */
  handle(change: SingleChange): Promise<EventResult> {
    return this.add({ repository: change.repository, changes: [change] });
  }

  /** Has a repository looked at, together with what else happens to it. */
  add(item: PendingRepository): Promise<EventResult> {
    return this.#queue.add(keyOf(item), item);
  }

  async #work(item: PendingRepository): Promise<Worked> {
    const { log, refusals, relevance } = this.#options;
    const name = nameOf(item.repository);
    if (!item.listed && refusals.covers(name)) {
      return IGNORED;
    }
    const decision = item.listed
      ? LISTED
      : await this.#triage(() => decideRelevance(item.changes, relevance));
    switch (decision.kind) {
      case 'relevant':
        return this.#inLane(item, decision, () =>
          // Whoever takes over an address waits for whoever leaves it, or goes first.
          this.#lock.run(keysOf(item, decision), () => this.#evaluate(item, decision)),
        );
      case 'ignored':
        log.ignored(name, decision.reason);
        return IGNORED;
      case 'unknown':
        // Only of what is known a default branch is asked for.
        return refusals.conclude(name, decision, true);
      default:
        return decision satisfies never;
    }
  }

  async #inLane(
    item: PendingRepository,
    { isKnown }: Relevant,
    work: () => Promise<Worked>,
  ): Promise<Worked> {
    const { lanes } = this.#options;
    if (item.isOneOfMany) {
      return lanes.bulk(work);
    }
    return isKnown ? lanes.known(work) : ((await lanes.unknown(work)) ?? IGNORED);
  }

  async #evaluate(item: PendingRepository, decision: Relevant): Promise<Worked> {
    const { clients, evaluator, log, refusals, signal } = this.#options;
    const { repository: address, listed } = item;
    const client = await clients.open();
    const request = { address, was: formerAddress(item), listed };
    const evaluation = await evaluator.evaluate(request, client, signal);
    if (evaluation.kind === 'unknown') {
      return refusals.conclude(nameOf(address), evaluation, decision.isKnown === true);
    }
    if (!evaluation.repository && evaluation.delta.removed.length === 0) {
      refusals.add(nameOf(address));
    }
    log.evaluated(address, decision.reason, evaluation.delta);
    await this.#forgetDefaultBranch(item, evaluation);
    await this.#publish(item, decision, evaluation, client);
    return { kind: 'done', result: 'evaluated' };
  }

  /** That of a repository that was renamed, moved or configured anew may be another one. */
  async #forgetDefaultBranch(
    { changes }: PendingRepository,
    { repository }: Extract<Evaluation, { kind: 'evaluated' }>,
  ): Promise<void> {
    const { branches, host } = this.#options;
    if (repository && changes.some(one => one.type === 'modified')) {
      await branches.forgetDefaultBranch(host, repository.id);
    }
  }

  async #publish(
    item: PendingRepository,
    { branch }: Relevant,
    evaluation: Extract<Evaluation, { kind: 'evaluated' }>,
    client: RestClient,
  ): Promise<void> {
    const { publisher, log, signal } = this.#options;
    try {
      await publisher.publish({ item, branch, evaluation, client, signal });
    } catch (error) {
      signal.throwIfAborted();
      log.notPublished(nameOf(item.repository), error);
    }
  }
}

function keyOf({ repository }: PendingRepository): string {
  return addressKey(repository);
}

/** Everything that looking at it may change: its former address too. */
function keysOf(item: PendingRepository, { addresses = [] }: Relevant): string[] {
  const { repository } = item;
  const was = formerAddress(item);
  const id = repository.id === undefined ? [] : [`${repository.id}`];
  const keys = [repository, ...(was ? [was] : []), ...addresses].map(addressKey);
  return [...new Set([...keys, ...id])];
}
