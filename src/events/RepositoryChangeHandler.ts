/**
 * Handles changes of repositories for one provider: coalesces them per repository, decides
 * which are relevant, checks those repositories and notifies the catalog.
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
  getFormerAddress,
  mergePending,
  PendingRepository,
  SingleChange,
} from './repositoryChanges';
import { decideRelevance, RelevanceDecision } from './relevance';
import { Publication, ScmEventPublisher } from './scmEvents';

/** Options for {@link RepositoryChangeHandler}. */
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
  reason: 'the catalog found its file missing',
  isKnown: true,
};

/** Maximum number of concurrent decisions, each of which queries the database. */
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

  /** Handles a change, merged with other changes of the same repository. */
  handle(change: SingleChange): Promise<EventResult> {
    return this.add({ repository: change.repository, changes: [change] });
  }

  /** Requests a check of a repository, merged with other changes of it. */
  add(item: PendingRepository): Promise<EventResult> {
    return this.#queue.add(addressKey(item.repository), item);
  }

  async #handle(item: PendingRepository): Promise<Handled> {
    const { lanes, logger, refusals, relevance } = this.options;
    const name = formatAddress(item.repository);
    const decided = item.listed
      ? LISTED
      : await this.#triage(() => decideRelevance(item.changes, relevance));
    const isFinal = decided.kind === 'relevant' || !item.isFileGone;
    const decision = isFinal ? decided : FILE_GONE;
    if (decision.kind === 'ignored') {
      logIgnored(logger, name, decision.reason);
      return IGNORED;
    }
    if (decision.kind === 'unknown') {
      // The repository is known: the default branch is requested for known ones only.
      return refusals.conclude(name, decision, true);
    }
    // A repository that takes over an address is never checked at the same time as the one
    // that leaves it.
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
    const request = { address, formerAddress: getFormerAddress(item), listed };
    const evaluation = await evaluator.evaluate(request, client, signal);
    if (evaluation.kind === 'unknown') {
      if (evaluation.problem.reason === 'too-many-files') {
        // A retry cannot help: only another push or another configuration changes that.
        logGivenUp(logger, formatAddress(address), evaluation.problem.detail);
        return { kind: 'done', result: 'failed' };
      }
      return refusals.conclude(formatAddress(address), evaluation, isKnown);
    }
    const { delta, repository } = evaluation;
    const isChanged = delta.added.length > 0 || delta.removed.length > 0;
    logger[isChanged ? 'info' : 'debug'](
      `${formatAddress(address)} was checked because ${reason}; Locations: ${delta.added.length} added, ${delta.removed.length} removed, ${delta.stayed.length} read again`,
    );
    if (!repository && delta.removed.length === 0) {
      refusals.add(formatAddress(address));
    }
    if (repository && changes.some(change => change.type === 'modified')) {
      // A repository that was renamed, moved or changed may have another default branch.
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
      logger.warn(`The SCM events of ${name} could not be published: ${error}`);
    }
  }
}

/** Whether a repository was not at its address before the change. */
function isArrival(change: SingleChange): boolean {
  const { type } = change;
  return type === 'modified'
    ? !!change.formerAddress
    : type === 'created' || type === 'forked';
}

/** Returns the keys of all addresses and ids whose state the check may change. */
function getLockKeys(item: PendingRepository, { addresses = [] }: Relevant): string[] {
  const { repository } = item;
  const formerAddress = getFormerAddress(item);
  const keys = [repository, ...(formerAddress ? [formerAddress] : []), ...addresses].map(
    addressKey,
  );
  return [...new Set([...keys, `${repository.id}`])];
}
