/**
 * Looks at one repository and brings the catalog up to date: what an event comes down to.
 * Order of effects only; what is found out and decided comes from the engine.
 */

import { RestClient } from '../bitbucket/RestClient';
import {
  evaluateRepository,
  Evaluation,
  RepositoryDelta,
} from '../discovery/evaluateRepository';
import { ListedRepository } from '../discovery/filterRepositories';
import { guardEvaluation, GuardedDelta } from '../discovery/guardEvaluation';
import { keyOf, keysOf, locationsOf, uniqueByKey } from '../discovery/locations';
import { KnownRepository, RepositoryResult, Vicinity } from '../discovery/types';
import { RepositoryAddress } from '../model';
import { ProviderContext } from './ProviderContext';
import { toSource } from './toSource';

/** Which repository to look at. */
export interface EvaluationRequest {
  readonly address: RepositoryAddress;
  /** Its former address, where it was renamed or moved. */
  readonly was?: RepositoryAddress;
  /** As a listing has just shown it. */
  readonly listed?: ListedRepository;
}

/** No run has begun: what the catalog holds is not known. */
class NothingRemembered extends Error {}

/** Evaluates repositories for one provider. */
export class RepositoryEvaluator {
  readonly #context: ProviderContext;

  constructor(context: ProviderContext) {
    this.#context = context;
  }

  /**
   * Looks at a repository and applies what changed as one delta.
   *
   * @throws BitbucketServerCredentialsError when the credentials do not work
   * @throws the signal's reason when aborted, and what store and catalog throw
   */
  async evaluate(
    request: EvaluationRequest,
    client: RestClient,
    signal?: AbortSignal,
  ): Promise<Evaluation> {
    const { config, clock, parseFiles } = this.#context;
    const { address, was, listed } = request;
    try {
      const evaluation = await evaluateRepository(address, config, {
        source: toSource(client, parseFiles),
        loadKnown: near => this.#loadNear(near),
        was,
        listed,
        now: () => clock.now(),
        signal,
      });
      return evaluation.kind === 'unknown' ? evaluation : await this.#apply(evaluation);
    } catch (error) {
      if (error instanceof NothingRemembered) {
        const detail = 'the first run has not begun yet';
        return { kind: 'unknown', problem: { reason: 'not-checked', detail } };
      }
      throw error;
    }
  }

  async #loadNear(near: Vicinity): Promise<readonly KnownRepository[]> {
    const { config, store, catalog } = this.#context;
    const known = catalog.isConnected ? await store.loadNear(config.id, near) : undefined;
    if (known === undefined) {
      throw new NothingRemembered();
    }
    return known;
  }

  /**
   * Remembers what is new before the catalog is told, and what is gone only after it: a
   * crash in between repeats, and loses nothing.
   */
  async #apply(
    evaluation: Extract<Evaluation, { kind: 'evaluated' }>,
  ): Promise<Evaluation> {
    const { config, store, catalog, shared, log, journal } = this.#context;
    const guarded = await this.#guard(evaluation.delta, evaluation.result);
    const { delta, held, heldBackReason } = guarded;
    await store.saveProgress(config.id, withRemoved(delta));
    try {
      await catalog.change(delta.added, delta.removed);
    } catch (error) {
      // Or the next attempt would take what the catalog has not got for what it has.
      await store.saveProgress(config.id, withoutAdded(delta));
      throw error;
    }
    await catalog.refresh(delta.stayed);
    const settled = [...delta.added, ...delta.removed, ...delta.stayed];
    await store.saveEvaluation(config.id, {
      repositories: delta.remembered,
      forgottenIds: delta.forgottenIds,
      held,
      resolvedTargets: settled.map(one => keyOf(one.file)),
    });
    await shared.letGo(delta.removed);
    if (heldBackReason) {
      log.heldBack(heldBackReason);
    }
    const applied = { ...evaluation, delta };
    await journal.evaluated(applied);
    return applied;
  }

  /** Removals are rare; only they need everything that is remembered. */
  async #guard(
    delta: RepositoryDelta,
    result: RepositoryResult | undefined,
  ): Promise<GuardedDelta> {
    const { config, store, clock } = this.#context;
    if (delta.removed.length === 0) {
      return { delta, held: [] };
    }
    const memory = await store.load(config.id);
    if (memory === undefined) {
      throw new NothingRemembered();
    }
    const policy = config.removals;
    return guardEvaluation(delta, { result, memory, policy, nowMs: clock.now() });
  }
}

/** What is remembered where the catalog took nothing. */
function withoutAdded(delta: RepositoryDelta): KnownRepository[] {
  const added = keysOf(delta.added);
  return withRemoved(delta).map(one => ({
    ...one,
    files: one.files.filter(file => !added.has(keyOf(file))),
  }));
}

/** What is remembered until the catalog has let go of what is removed. */
function withRemoved({ remembered, removed }: RepositoryDelta): KnownRepository[] {
  return remembered.map((one, index) => {
    const own = removed.filter(({ repository }) =>
      remembered.some(other => other.repositoryId === repository.id)
        ? repository.id === one.repositoryId
        : index === 0,
    );
    const address = { id: one.repositoryId, projectKey: one.projectKey, slug: one.slug };
    const files = uniqueByKey([
      ...locationsOf([one]),
      ...own.map(({ file }) => ({ repository: address, file })),
    ]).map(location => location.file);
    return { ...one, files };
  });
}
