/**
 * One provider's answer to events: coalesces them per repository, finds out which matter,
 * has those repositories looked at and tells the catalog.
 */

import { RestClient } from '../bitbucket/RestClient';
import { BitbucketServerCredentialsError } from '../bitbucket/errors';
import { addressKey } from '../discovery/identify';
import { Evaluation } from '../discovery/evaluateRepository';
import { filterListed } from '../discovery/filterRepositories';
import { Problem, Repository } from '../model';
import { ProviderContext } from '../provider/ProviderContext';
import { RepositoryEvaluator } from '../provider/RepositoryEvaluator';
import { toSource } from '../provider/toSource';
import { RequestObserver } from '../http/types';
import { CoalescingQueue, WorkResult } from './CoalescingQueue';
import { EventLog, EventResult, nameOf } from './EventLog';
import { formerAddress, mergePending, PendingRepository } from './pendingRepository';
import { planProject, ProjectChange } from './planProject';
import { Relevance, Verdict } from './Relevance';
import { RepositoryChange } from './repositoryChanges';
import { ScmAnnouncer } from './ScmAnnouncer';

/** What a reactor works with. */
export interface RepositoryReactorOptions {
  readonly context: Pick<ProviderContext, 'config' | 'clients' | 'store' | 'clock'>;
  readonly evaluator: RepositoryEvaluator;
  readonly relevance: Relevance;
  readonly announcer: ScmAnnouncer;
  readonly log: EventLog;
  readonly signal: AbortSignal;
  readonly createMeter: () => RequestObserver;
}

type RelevantVerdict = Extract<Verdict, { kind: 'relevant' }>;

type Worked = WorkResult<EventResult>;

/** Reacts to changes for one provider. */
export class RepositoryReactor {
  readonly #options: RepositoryReactorOptions;
  readonly #repositories: CoalescingQueue<PendingRepository, EventResult>;
  readonly #projects: CoalescingQueue<ProjectChange, EventResult>;

  constructor(options: RepositoryReactorOptions) {
    this.#options = options;
    const { context, signal, log } = options;
    const shared = { clock: context.clock, signal };
    this.#repositories = new CoalescingQueue({
      ...shared,
      concurrency: context.config.concurrency,
      merge: mergePending,
      work: item => this.#guarded(item.repository, () => this.#workOn(item)),
      onGiveUp: ({ repository }, detail) => {
        log.givenUp(nameOf(repository), detail);
        return 'failed';
      },
    });
    this.#projects = new CoalescingQueue({
      ...shared,
      concurrency: 1,
      merge: (earlier, later) => ({
        ...later,
        formerKey: earlier.formerKey ?? later.formerKey,
      }),
      work: change =>
        this.#guarded({ projectKey: change.key, slug: '*' }, () =>
          this.#workOnProject(change),
        ),
      onGiveUp: ({ key }, detail) => {
        log.givenUp(`Project ${key}`, detail);
        return 'failed';
      },
    });
  }

  /** Repositories and projects that wait, are worked on or rest. */
  get size(): number {
    return this.#repositories.size + this.#projects.size;
  }

  /** Handles a change, together with what else happens to the same repository. */
  handle(change: RepositoryChange): Promise<EventResult> {
    return change.type === 'project-modified'
      ? this.#projects.add(change.key.toLowerCase(), change)
      : this.#add({ repository: change.repository, changes: [change] });
  }

  #add(item: PendingRepository): Promise<EventResult> {
    return this.#repositories.add(addressKey(item.repository), item);
  }

  /** Credentials that do not work are not tried again: that would lock the account. */
  async #guarded(
    what: { projectKey: string; slug: string },
    work: () => Promise<Worked>,
  ): Promise<Worked> {
    const { context, log } = this.#options;
    try {
      return await work();
    } catch (error) {
      if (error instanceof BitbucketServerCredentialsError) {
        context.clients.noteLogin(error);
        log.givenUp(nameOf(what), error.message);
        return { kind: 'done', result: 'failed' };
      }
      throw error;
    }
  }

  async #workOn(item: PendingRepository): Promise<Worked> {
    const { evaluator, signal } = this.#options;
    const verdict = item.listed
      ? ({ kind: 'relevant', reason: 'its project was changed' } as const)
      : await this.#judge(item);
    if (verdict.kind !== 'relevant') {
      return this.#leave(item, verdict);
    }
    const client = await this.#client();
    const was = formerAddress(item);
    const evaluation = await evaluator.evaluate(
      {
        address: item.repository,
        ...(was && { was }),
        ...(item.listed && { listed: item.listed }),
      },
      client,
      signal,
    );
    if (evaluation.kind === 'unknown') {
      return this.#leave(item, { kind: 'unknown', detail: evaluation.problem.detail });
    }
    this.#options.log.evaluated(item.repository, verdict.reason, evaluation.delta);
    await this.#announce(item, verdict, evaluation, client);
    return { kind: 'done', result: 'evaluated' };
  }

  #leave(
    { repository }: PendingRepository,
    verdict: Exclude<Verdict, { kind: 'relevant' }>,
  ): Worked {
    const { log } = this.#options;
    if (verdict.kind === 'ignored') {
      log.ignored(nameOf(repository), verdict.reason);
      return { kind: 'done', result: 'ignored' };
    }
    log.retried(nameOf(repository), verdict.detail);
    return { kind: 'retry', detail: verdict.detail };
  }

  /** The first change that matters decides; a push is asked about last, as it may cost a request. */
  async #judge({ changes }: PendingRepository): Promise<Verdict> {
    const { relevance, signal } = this.#options;
    let last: Verdict = { kind: 'ignored', reason: 'nothing happened to it' };
    const pushesLast = [...changes].sort(
      (a, b) => Number(a.type === 'pushed') - Number(b.type === 'pushed'),
    );
    for (const change of pushesLast) {
      if (change.type === 'modified') {
        await relevance.forgetDefaultBranch(change.repository);
      }
      last = await relevance.ofRepository(change, async address => {
        const client = await this.#client();
        return client.getDefaultBranch(address, { signal });
      });
      if (last.kind === 'relevant') {
        return last;
      }
    }
    return last;
  }

  async #announce(
    item: PendingRepository,
    verdict: RelevantVerdict,
    evaluation: Extract<Evaluation, { kind: 'evaluated' }>,
    client: RestClient,
  ): Promise<void> {
    const { announcer, log, signal } = this.#options;
    try {
      const { branch } = verdict;
      await announcer.announce({ item, branch, evaluation, client, signal });
    } catch (error) {
      signal.throwIfAborted();
      log.notPublished(nameOf(item.repository), error);
    }
  }

  /** Lists the project, then looks at what it has and at what it had and lacks now. */
  async #workOnProject(change: ProjectChange): Promise<Worked> {
    const { context, relevance, log, signal } = this.#options;
    const { config, store } = context;
    const verdict = await relevance.ofProject(change);
    if (verdict.kind !== 'relevant') {
      log.ignored(`Project ${change.key}`, 'reason' in verdict ? verdict.reason : '');
      return { kind: 'done', result: 'ignored' };
    }
    const listed: Repository[] = [];
    const client = await this.#client();
    for await (const step of client.listProjectRepositories(change.key, { signal })) {
      if (step.kind === 'failed') {
        return this.#retryProject(change, step.problem);
      }
      listed.push(...step.items);
    }
    const known = (await store.load(config.id))?.repositories ?? [];
    const source = toSource(client, undefined);
    const filtered = await filterListed(listed, known, config, { source, signal });
    const doubt = filtered.map(one => one.settled).find(one => one?.kind === 'unknown');
    if (doubt) {
      return this.#retryProject(change, doubt);
    }
    for (const item of planProject(change, filtered, known, config.filters)) {
      // Each is looked at on its own, and what becomes of it is in the log.
      void this.#add(item);
    }
    return { kind: 'done', result: 'evaluated' };
  }

  #retryProject({ key }: ProjectChange, { detail }: Problem): Worked {
    this.#options.log.retried(`Project ${key}`, detail);
    return { kind: 'retry', detail };
  }

  async #client(): Promise<RestClient> {
    const { context, createMeter, signal } = this.#options;
    const client = context.clients.createForEvent(createMeter());
    await context.clients.prepare(client, signal);
    return client;
  }
}
