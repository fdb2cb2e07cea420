/**
 * One provider's answer to what happens to whole projects: lists them, then has what they
 * have looked at, and what they had and lack now.
 */

import pLimit from 'p-limit';
import { RestClient } from '../bitbucket/RestClient';
import { filterListing } from '../discovery/applyFilters';
import { Repository, Unanswered } from '../model';
import { ProviderContext } from '../provider/ProviderContext';
import { toSource } from '../provider/toSource';
import { ChangeTools, createChangeQueue, Handled, IGNORED } from './changeQueue';
import { EventResult, nameOf } from './EventLog';
import { planProject } from './planProject';
import { decideProjectRelevance } from './relevance';
import { RepositoryChangeHandler } from './RepositoryChangeHandler';
import { ProjectChange } from './repositoryChanges';

/** What changes are handled with. */
export interface ProjectChangeHandlerOptions extends ChangeTools {
  readonly context: Pick<ProviderContext, 'config' | 'store'>;
  /** Looks at the repositories. */
  readonly repositories: Pick<RepositoryChangeHandler, 'add'>;
}

/** Handles changes of projects for one provider. */
export class ProjectChangeHandler {
  readonly #options: ProjectChangeHandlerOptions;
  readonly #queue;
  /** Everything that is known is loaded for each. */
  readonly #inTurn = pLimit(1);

  constructor(options: ProjectChangeHandlerOptions) {
    this.#options = options;
    this.#queue = createChangeQueue<ProjectChange>(options, {
      nameOf: projectName,
      merge: (earlier, later) => ({
        ...later,
        formerKey: earlier.formerKey ?? later.formerKey,
      }),
      handle: change => this.#handle(change),
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

  async #handle(change: ProjectChange): Promise<Handled> {
    const { lanes, log, relevance } = this.#options;
    const decision = await this.#inTurn(() => decideProjectRelevance(change, relevance));
    if (decision.kind === 'ignored') {
      log.ignored(projectName(change), decision.reason);
      return IGNORED;
    }
    return decision.isKnown
      ? this.#inTurn(() => this.#lookAt(change, true))
      : ((await lanes.unknown(() => this.#lookAt(change, false))) ?? IGNORED);
  }

  async #lookAt(change: ProjectChange, isKnown: boolean): Promise<Handled> {
    const { context, log, openClient, refusals, repositories, signal } = this.#options;
    const { config, store } = context;
    const name = projectName(change);
    const client = await openClient();
    const listed = await listProject(change.key, client, signal);
    if ('problem' in listed) {
      return refusals.conclude(name, listed, isKnown);
    }
    const known = (await store.load(config.id))?.repositories ?? [];
    const held = new Set(
      known.flatMap(one => (one.files.length > 0 ? [one.repositoryId] : [])),
    );
    const filtered = await filterListing(listed, {
      ...config,
      source: toSource(client, undefined),
      signal,
      isHeld: id => held.has(id),
    });
    const doubt = filtered
      .map(({ outcome }) => outcome)
      .find(outcome => outcome?.kind === 'unknown');
    if (doubt) {
      return refusals.conclude(name, { problem: doubt }, isKnown);
    }
    const plan = planProject(change, filtered, known, config.filters);
    log.listed(name, plan.length);
    if (listed.length === 0 && plan.length === 0) {
      refusals.add(name);
    }
    for (const item of plan) {
      if (item.listed) {
        refusals.forget(nameOf(item.repository));
      }
      // Each is looked at on its own, and what becomes of it is in the log.
      void repositories.add(item);
    }
    return { kind: 'done', result: 'evaluated' };
  }
}

/** @returns nothing where there is no such project */
async function listProject(
  key: string,
  client: RestClient,
  signal: AbortSignal,
): Promise<readonly Repository[] | Omit<Unanswered, 'kind'>> {
  const repositories: Repository[] = [];
  for await (const step of client.listProjectRepositories(key, { signal })) {
    if (step.kind === 'items') {
      repositories.push(...step.items);
    } else if (!step.gone || repositories.length > 0) {
      return step;
    }
  }
  return repositories;
}

function projectName({ key }: ProjectChange): string {
  return `Project ${key}`;
}
