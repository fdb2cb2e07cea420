/**
 * Looks at one repository and brings the catalog up to date: what an event comes down to.
 * Order of effects only; what is found out and decided comes from the engine.
 */

import { RestClient } from '../bitbucket/RestClient';
import {
  Evaluated,
  evaluateLook,
  Evaluation,
  LookedAt,
  lookAtRepository,
} from '../discovery/evaluateRepository';
import { FilteredRepository } from '../discovery/applyFilters';
import { getEntryKey } from '../discovery/locations';
import { KnownRepository } from '../discovery/types';
import { RepositoryAddress, Unanswered } from '../model';
import { EvaluationRecord } from '../store/records';
import { ProviderContext } from './ProviderContext';
import { getRemovalPolicy } from './removalPolicy';

/** Which repository to look at. */
export interface EvaluationRequest {
  readonly address: RepositoryAddress;
  /** Its former address, where it was renamed or moved. */
  readonly was?: RepositoryAddress;
  /** As a listing has just shown it. */
  readonly listed?: FilteredRepository;
}

/** What an evaluation comes to that somebody else has overtaken on its way. */
const OVERTAKEN = 'overtaken';

/** It is looked at again at once so often; then it waits like what could not be told. */
const MAX_LOOKS = 3;

/** Evaluates repositories for one provider. */
export class RepositoryEvaluator {
  readonly #context: ProviderContext;

  constructor(context: ProviderContext) {
    this.#context = context;
  }

  /**
   * Looks at a repository and applies what changed as one delta.
   *
   * @remarks Whoever began to ask later knows better: where that is somebody else, the
   * repository is looked at again.
   *
   * @throws BitbucketServerCredentialsError when the credentials do not work
   * @throws the signal's reason when aborted, and what store and catalog throw
   */
  async evaluate(
    request: EvaluationRequest,
    client: RestClient,
    signal?: AbortSignal,
  ): Promise<Evaluation> {
    const { catalog, config, contested, store } = this.#context;
    for (let looks = 0; looks < MAX_LOOKS; looks += 1) {
      const revision = catalog.isConnected
        ? await store.takeRevision(config.id)
        : undefined;
      if (revision === undefined) {
        return notYet('the first run has not begun yet');
      }
      // A listing is as old as its question; looked at again, it is asked for by itself.
      const { listed: _, ...alone } = request;
      const source = looks === 0 ? request : alone;
      const look = await this.#look(source, revision, client, signal);
      if (look.kind === 'unknown') {
        return look;
      }
      const evaluation = await store.exclusively(config.id, () => this.#decide(look));
      if (evaluation !== OVERTAKEN) {
        await contested.release(evaluation.delta.removed);
        return evaluation;
      }
    }
    return notYet('others look at it again and again at the same time');
  }

  #look(
    { address, was, listed }: EvaluationRequest,
    revision: number,
    client: RestClient,
    signal: AbortSignal | undefined,
  ): Promise<LookedAt | Unanswered> {
    const { config, clock, fileParser, store } = this.#context;
    return lookAtRepository(address, config, {
      source: client,
      parseFiles: fileParser?.(client),
      loadKnown: async selector => (await store.loadRelated(config.id, selector)) ?? [],
      was,
      listed,
      now: () => clock.now(),
      revision,
      signal,
    });
  }

  /** Compares with what is stored now and applies what that comes to. */
  async #decide(look: LookedAt): Promise<Evaluated | typeof OVERTAKEN> {
    const { config, store } = this.#context;
    const { revision = 0 } = look;
    const related = (await store.loadRelated(config.id, look.selector)) ?? [];
    const evaluation = await evaluateLook(look, related);
    const isRemoving = evaluation.delta.removed.length > 0;
    const changed = new Set(evaluation.delta.changed.map(one => one.repositoryId));
    const isOvertaken = related.some(
      one =>
        (one.revision ?? 0) > revision && (isRemoving || changed.has(one.repositoryId)),
    );
    if (
      isOvertaken ||
      (isRemoving && (await store.isOvertakenByRun(config.id, revision)))
    ) {
      return OVERTAKEN;
    }
    return this.#apply(isRemoving ? await this.#decideRemoval(look) : evaluation);
  }

  /** Removals are rare; only they need everything that is known. */
  async #decideRemoval(look: LookedAt): Promise<Evaluated> {
    const { config, store, clock } = this.#context;
    const state = await store.load(config.id);
    if (state === undefined) {
      throw new Error('what the catalog holds cannot be told, so nothing is removed');
    }
    return evaluateLook(look, state.repositories, {
      policy: await getRemovalPolicy(this.#context),
      held: state.held,
      sinceConfirmationMs: await store.sinceConfirmation(config.id),
      nowMs: clock.now(),
    });
  }

  /**
   * Stores what is new before the catalog is told, and what is gone only after it: a crash
   * in between repeats, and loses nothing.
   */
  async #apply(evaluation: Evaluated): Promise<Evaluated> {
    const { config, store, catalog, log } = this.#context;
    const { delta } = evaluation;
    if (delta.added.length > 0) {
      await store.recordEvaluation(config.id, interim(delta.changedByAdding));
    }
    try {
      await catalog.change(delta.added, delta.removed);
    } catch (error) {
      if (delta.added.length > 0) {
        // Or the next attempt would take what the catalog has not got for what it has.
        await store.recordEvaluation(config.id, interim(delta.changedByLooking));
      }
      throw error;
    }
    await catalog.refresh(delta.stayed);
    const settled = [...delta.added, ...delta.removed, ...delta.stayed];
    await store.recordEvaluation(config.id, {
      repositories: delta.changed,
      forgottenIds: delta.forgottenIds,
      held: delta.held,
      resolvedKeys: settled.map(one => getEntryKey(one.file)),
    });
    if (delta.heldBackReason) {
      log.heldBack(delta.heldBackReason);
    }
    return evaluation;
  }
}

function notYet(detail: string): Evaluation {
  return { kind: 'unknown', problem: { reason: 'not-checked', detail } };
}

/** What is stored before an evaluation has taken effect. */
function interim(repositories: readonly KnownRepository[]): EvaluationRecord {
  return { repositories, forgottenIds: [], held: [], resolvedKeys: [] };
}
