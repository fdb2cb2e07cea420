/** Tells the catalog's other parts what happened to a repository, once it was looked at. */

import { RestClient } from '../bitbucket/RestClient';
import { Evaluation } from '../discovery/evaluateRepository';
import { Repository, RepositoryAddress } from '../model';
import { PendingRepository } from './pendingRepository';
import { comparableCommits, planScmEvents, ScmChange } from './planScmEvents';
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

/** What is published. */
export interface Publication {
  readonly item: PendingRepository;
  /** The branch that was pushed to, where that is what happened; short name. */
  readonly branch: string | undefined;
  readonly evaluation: Extract<Evaluation, { kind: 'evaluated' }>;
  readonly client: Pick<RestClient, 'getFileChanges'>;
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
    const { movedFrom, repository = item.repository } = evaluation;
    const kind = kindOf(publication);
    const change: ScmChange = {
      kind,
      repositoryUrl: repositoryUrl(repository),
      formerRepositoryUrl: movedFrom && repositoryUrl(movedFrom),
      files: kind === 'changed' ? await this.#files(publication) : undefined,
    };
    await scmEvents.publish(planScmEvents(change));
  }

  async #files(publication: Publication): Promise<ScmChange['files']> {
    const { item, branch, client, signal } = publication;
    const [change, ...others] = item.changes;
    if (!this.#options.perFile || branch === undefined || others.length > 0) {
      return undefined;
    }
    const refs = change?.type === 'pushed' ? change.refs : [];
    const ref = refs.find(
      ({ kind, refId }) => kind === 'BRANCH' && refId === `refs/heads/${branch}`,
    );
    const commits = ref && comparableCommits(ref);
    const changes =
      commits && (await client.getFileChanges(item.repository, commits, { signal }));
    const isDefault = this.#options.configuredBranch === undefined;
    return changes && { changes, branch, isDefault };
  }
}

function kindOf({ item, evaluation }: Publication): ScmChange['kind'] {
  if (evaluation.repository === undefined) {
    return 'gone';
  }
  const isNew = item.changes.some(({ type }) => type === 'created' || type === 'forked');
  return isNew ? 'new' : 'changed';
}
