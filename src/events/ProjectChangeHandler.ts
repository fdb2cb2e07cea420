/**
 * One provider's answer to what happens to whole projects: lists them, then has what they
 * have looked at, and what they had and lack now.
 */

import { filterListed } from '../discovery/filterRepositories';
import { Problem, Repository } from '../model';
import { ProviderContext } from '../provider/ProviderContext';
import { toSource } from '../provider/toSource';
import { CoalescingQueue, WorkResult } from './CoalescingQueue';
import { EventClients } from './EventClients';
import { EventLog, EventResult } from './EventLog';
import { planProject } from './planProject';
import { decideProjectRelevance, RelevanceContext } from './relevance';
import { RepositoryChangeHandler } from './RepositoryChangeHandler';
import { ProjectChange } from './repositoryChanges';

/** What changes are handled with. */
export interface ProjectChangeHandlerOptions {
  readonly context: Pick<ProviderContext, 'config' | 'store' | 'clock'>;
  readonly clients: EventClients;
  readonly relevance: RelevanceContext;
  /** Looks at the repositories. */
  readonly repositories: Pick<RepositoryChangeHandler, 'add'>;
  readonly log: EventLog;
  /** Ends all handling. */
  readonly signal: AbortSignal;
}

type Worked = WorkResult<EventResult>;

/** Handles changes of projects for one provider. */
export class ProjectChangeHandler {
  readonly #options: ProjectChangeHandlerOptions;
  readonly #queue: CoalescingQueue<ProjectChange, EventResult>;

  constructor(options: ProjectChangeHandlerOptions) {
    this.#options = options;
    const { clients, context, log, signal } = options;
    this.#queue = new CoalescingQueue({
      clock: context.clock,
      signal,
      concurrency: 1,
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
    const { clients, context, log, relevance, repositories, signal } = this.#options;
    const { config, store } = context;
    const decision = await decideProjectRelevance(change, relevance);
    if (decision.kind === 'ignored') {
      log.ignored(nameOf(change), decision.reason);
      return { kind: 'done', result: 'ignored' };
    }
    const listed: Repository[] = [];
    const client = await clients.open();
    for await (const step of client.listProjectRepositories(change.key, { signal })) {
      if (step.kind === 'failed') {
        return this.#retry(change, step.problem);
      }
      listed.push(...step.items);
    }
    const known = (await store.load(config.id))?.repositories ?? [];
    const source = toSource(client, undefined);
    const filtered = await filterListed(listed, known, config, { source, signal });
    const doubt = filtered.map(one => one.settled).find(one => one?.kind === 'unknown');
    if (doubt) {
      return this.#retry(change, doubt);
    }
    for (const item of planProject(change, filtered, known, config.filters)) {
      // Each is looked at on its own, and what becomes of it is in the log.
      void repositories.add(item);
    }
    return { kind: 'done', result: 'evaluated' };
  }

  #retry(change: ProjectChange, { detail }: Problem): Worked {
    this.#options.log.retried(nameOf(change), detail);
    return { kind: 'retry', detail };
  }
}

function nameOf({ key }: ProjectChange): string {
  return `Project ${key}`;
}
