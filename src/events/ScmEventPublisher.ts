/** Tells the catalog's other parts what happened to a repository, once it was looked at. */

import { Evaluation } from '../discovery/evaluateRepository';
import { FileChange, Repository, RepositoryAddress } from '../model';
import { PendingRepository } from './pendingRepository';
import { comparableCommits, planScmEvents, ScmChange } from './planScmEvents';
import { RefChange } from './repositoryChanges';
import { ScmEvents } from './scmEventsService';

/** How events are published. */
export interface ScmEventPublisherOptions {
  readonly scmEvents: ScmEvents;
  /**
   * Whether somebody in the catalog wants to know which files changed: only then it is
   * worth a request.
   */
  readonly perFile: boolean;
  /** `branch` of the provider: files on it carry it in their URL. */
  readonly configuredBranch?: string;
  readonly repositoryUrl: (
    repository: RepositoryAddress & Pick<Repository, 'selfUrl'>,
  ) => string;
}

/** Asks which files differ between two commits. */
interface ChangesSource {
  getFileChanges(
    address: RepositoryAddress,
    commits: { readonly fromHash: string; readonly toHash: string },
    options: { readonly signal?: AbortSignal },
  ): Promise<readonly FileChange[] | undefined>;
}

/** What is published. */
export interface Publication {
  readonly item: PendingRepository;
  /** The branch that was pushed to, where that is what happened; short name. */
  readonly branch: string | undefined;
  readonly evaluation: Extract<Evaluation, { kind: 'evaluated' }>;
  readonly client: ChangesSource;
  readonly signal?: AbortSignal;
}

/** Publishes SCM events for one provider. */
export class ScmEventPublisher {
  readonly #options: ScmEventPublisherOptions;

  constructor(options: ScmEventPublisherOptions) {
    this.#options = options;
  }

  /** Publishes what follows from an evaluation; nothing for a repository that the filters leave out. */
  async publish(publication: Publication): Promise<void> {
    const { evaluation, item } = publication;
    if (evaluation.result?.outcome.kind === 'excluded') {
      return;
    }
    const { repositoryUrl, scmEvents } = this.#options;
    const { movedFrom } = evaluation;
    const change: ScmChange = {
      repositoryUrl: repositoryUrl(evaluation.repository ?? item.repository),
      ...(movedFrom && { formerRepositoryUrl: repositoryUrl(movedFrom) }),
      kind: kindOf(publication),
    };
    const files = change.kind === 'changed' ? await this.#files(publication) : undefined;
    await scmEvents.publish(planScmEvents({ ...change, ...(files && { files }) }));
  }

  async #files({
    item,
    branch,
    client,
    signal,
  }: Publication): Promise<ScmChange['files']> {
    const pushed = item.changes.find(one => one.type === 'pushed');
    const ref = pushed && branch !== undefined && refOf(pushed.refs, branch);
    const commits = ref ? comparableCommits(ref) : undefined;
    const onlyPushed = item.changes.length === 1;
    if (!this.#options.perFile || !commits || !onlyPushed || branch === undefined) {
      return undefined;
    }
    const changes = await client.getFileChanges(item.repository, commits, { signal });
    const isDefault = this.#options.configuredBranch === undefined;
    return changes && { changes, branch, isDefault };
  }
}

function kindOf({ item, evaluation }: Publication): ScmChange['kind'] {
  if (evaluation.repository === undefined) {
    return 'gone';
  }
  const isNew = item.changes.some(one => one.type === 'created' || one.type === 'forked');
  return isNew ? 'new' : 'changed';
}

function refOf(refs: readonly RefChange[], branch: string): RefChange | undefined {
  return refs.find(ref => ref.kind === 'BRANCH' && ref.refId === `refs/heads/${branch}`);
}
