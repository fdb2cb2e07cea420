/**
 * One provider's answer to what happens to repositories: coalesces it per repository, finds
 * out what matters, has those repositories looked at and tells the catalog.
 */

import pLimit from 'p-limit';
import { addressKey } from '../discovery/identify';
import { RepositoryEvaluator } from '../provider/RepositoryEvaluator';
import { EventStore } from '../store/DatabaseEventStore';
import { KeyedLock } from '../util/concurrency';
import { ChangeTools, createChangeQueue, Handled, IGNORED } from './changeQueue';
import { formatAddress } from '../util/text';
import { EventResult, logGivenUp, logIgnored } from './eventResults';
import {
  formerAddress,
  mergePending,
  PendingRepository,
  SingleChange,
} from './repositoryChanges';
import { decideRelevance, RelevanceDecision } from './relevance';
import { Publication, ScmEventPublisher } from './scmEvents';

/** What changes are handled with. */
interface RepositoryChangeHandlerOptions extends ChangeTools {
  readonly host: string;
  readonly evaluator: RepositoryEvaluator;
  readonly branches: Pick<EventStore, 'forgetDefaultBranch'>;
  readonly publisher: ScmEventPublisher;
}

type Relevant = Extract<RelevanceDecision, { kind: 'relevant' }>;

const LISTED: Relevant = { kind: 'relevant', reason: 'its project was changed' };

const FILE_GONE: Relevant = {
  kind: 'relevant',
  reason: 'the catalog has read that its file is gone',
  isKnown: true,
};

/** Decisions under way at the same time: each asks the database. */
const MAX_DECISIONS = 8;

/** Handles changes of repositories for one provider. */
export class RepositoryChangeHandler {
  readonly #queue;
  readonly #triage = pLimit(MAX_DECISIONS);
  readonly #lock = new KeyedLock();

  constructor(private readonly options: RepositoryChangeHandlerOptions) {
    this.#queue = createChangeQueue<PendingRepository>(options, {
      getName: ({ repository }) => formatAddress(repository),
      merge: mergePending,
      isArrival: item => item.changes.some(isArrival),
      handle: item => this.#handle(item),
    });
  }

  /** Handles a change, together with what else happens to the same repository. */
  handle(change: SingleChange): Promise<EventResult> {
    return this.add({ repository: change.repository, changes: [change] });
  }

  /** Has a repository looked at, together with what else happens to it. */
  add(item: PendingRepository): Promise<EventResult> {
    return this.#queue.add(addressKey(item.repository), item);
  }

  async #handle(item: PendingRepository): Promise<Handled> {
    const { lanes, logger, refusals, relevance } = this.options;
    const name = formatAddress(item.repository);
    const decided = item.listed
      ? LISTED
      : await this.#triage(() => decideRelevance(item.changes, relevance));
    const isEnough = decided.kind === 'relevant' || !item.isFileGone;
    const decision = isEnough ? decided : FILE_GONE;
    if (decision.kind === 'ignored') {
      logIgnored(logger, name, decision.reason);
      return IGNORED;
    }
    if (decision.kind === 'unknown') {
      // Only of what is known a default branch is asked for.
      return refusals.conclude(name, decision, true);
    }
    // A repository that takes over an address waits for the one that leaves it, or goes first.
    const work = () =>
      this.#lock.run(getLockKeys(item, decision), () => this.#evaluate(item, decision));
    if (item.isOneOfMany) {
      return lanes.bulk(work);
    }
    return decision.isKnown
      ? lanes.known(work)
      : ((await lanes.unknown(work)) ?? IGNORED);
  }

  async #evaluate(item: PendingRepository, decision: Relevant): Promise<Handled> {
    const { branches, evaluator, host, logger, openClient, refusals, signal } =
      this.options;
    const { changes, listed, repository: address } = item;
    const { branch, isKnown = false, reason } = decision;
    const client = await openClient();
    const request = { address, was: formerAddress(item), listed };
    const evaluation = await evaluator.evaluate(request, client, signal);
    if (evaluation.kind === 'unknown') {
      if (evaluation.problem.reason === 'too-many-files') {
        // Only another push, or another configuration, changes that.
        logGivenUp(logger, formatAddress(address), evaluation.problem.detail);
        return { kind: 'done', result: 'failed' };
      }
      return refusals.conclude(formatAddress(address), evaluation, isKnown);
    }
    const { delta, repository } = evaluation;
    const isChanged = delta.added.length > 0 || delta.removed.length > 0;
    logger[isChanged ? 'info' : 'debug'](
      `${formatAddress(address)} was looked at because ${reason}; Locations: ${delta.added.length} added, ${delta.removed.length} removed, ${delta.stayed.length} read again`,
    );
    if (!repository && delta.removed.length === 0) {
      refusals.add(formatAddress(address));
    }
    if (repository && changes.some(change => change.type === 'modified')) {
      // That of a repository that was renamed, moved or configured anew may be another one.
      await branches.forgetDefaultBranch(host, repository.id);
    }
    await this.#publish({ item, branch, evaluation, client, signal });
    return { kind: 'done', result: 'evaluated' };
  }

  async #publish(publication: Publication): Promise<void> {
    const { publisher, logger, signal } = this.options;
    try {
      await publisher.publish(publication);
    } catch (error) {
      signal.throwIfAborted();
      const name = formatAddress(publication.item.repository);
      logger.warn(`The catalog could not be told what happened to ${name}: ${error}`);
    }
  }
}

/** Whether a change says that a repository was not at its address before. */
function isArrival(change: SingleChange): boolean {
  const { type } = change;
  return type === 'modified' ? !!change.was : type === 'created' || type === 'forked';
}

/** Everything that looking at it may change: its former address too. */
function getLockKeys(item: PendingRepository, { addresses = [] }: Relevant): string[] {
  const { repository } = item;
  const was = formerAddress(item);
  const keys = [repository, ...(was ? [was] : []), ...addresses].map(addressKey);
  return [...new Set([...keys, `${repository.id}`])];
}
