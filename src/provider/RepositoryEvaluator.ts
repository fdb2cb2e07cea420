/**
 * Checks one repository and brings the catalog up to date, as each event about a repository
 * requires. The engine finds files and decides; this file only puts the effects in order.
 */

import { RestClient } from '../bitbucket/RestClient';
import {
  Evaluated,
  evaluateCheck,
  Evaluation,
  CheckedRepository,
  checkRepository,
} from '../discovery/evaluateRepository';
import { FilteredRepository } from '../discovery/applyFilters';
import { getEntryKey } from '../discovery/locations';
import { KnownRepository } from '../discovery/types';
import { RepositoryAddress, Unanswered } from '../model';
import { EvaluationRecord } from '../store/records';
import { ProviderContext, getRemovalPolicy } from './ProviderContext';

/** The repository to check. */
export interface EvaluationRequest {
  readonly address: RepositoryAddress;
  /** Its former address, if it was renamed or moved. */
  readonly formerAddress?: RepositoryAddress;
  /** The repository as just listed. */
  readonly listed?: FilteredRepository;
}

/** Result of an evaluation if a later one or a run has stored its results first. */
const OVERTAKEN = 'overtaken';

/** Checks in a row while each is overtaken; after them the repository counts as unknown. */
const MAX_CHECKS = 3;

/** Evaluates repositories for one provider. */
export class RepositoryEvaluator {
  constructor(private readonly context: ProviderContext) {}

  /**
   * Checks a repository and applies the changes as one delta.
   *
   * @remarks The check that started last has the most recent answers: if another check of
   * the repository started later than this one, the repository is checked again.
   *
   * @throws BitbucketServerCredentialsError if the credentials do not work
   * @throws the signal's reason when aborted, and whatever the store and the catalog throw
   */
  async evaluate(
    request: EvaluationRequest,
    client: RestClient,
    signal?: AbortSignal,
  ): Promise<Evaluation> {
    const { catalog, config, contested, store } = this.context;
    for (let checks = 0; checks < MAX_CHECKS; checks += 1) {
      const revision = catalog.isConnected
        ? await store.takeRevision(config.id)
        : undefined;
      if (revision === undefined) {
        return notYet('the first run has not begun yet');
      }
      // A listing is as old as its request, so a second check requests the repository itself.
      const { listed: _, ...alone } = request;
      const source = checks === 0 ? request : alone;
      const checked = await this.#check(source, revision, client, signal);
      if (checked.kind === 'unknown') {
        return checked;
      }
      const evaluation = await store.exclusively(config.id, () => this.#decide(checked));
      if (evaluation !== OVERTAKEN) {
        await contested.release(evaluation.delta.removed);
        return evaluation;
      }
    }
    return notYet('it was checked elsewhere at the same time, again and again');
  }

  #check(
    { address, formerAddress, listed }: EvaluationRequest,
    revision: number,
    client: RestClient,
    signal: AbortSignal | undefined,
  ): Promise<CheckedRepository | Unanswered> {
    const { config, clock, fileParser, store } = this.context;
    return checkRepository(address, config, {
      source: client,
      parseFiles: fileParser?.(client),
      loadKnown: async selector => (await store.loadRelated(config.id, selector)) ?? [],
      formerAddress,
      listed,
      now: () => clock.now(),
      revision,
      signal,
    });
  }

  /** Compares the check with the state stored now and applies the difference. */
  async #decide(checked: CheckedRepository): Promise<Evaluated | typeof OVERTAKEN> {
    const { config, store } = this.context;
    const { revision = 0 } = checked;
    const related = (await store.loadRelated(config.id, checked.selector)) ?? [];
    const evaluation = await evaluateCheck(checked, related);
    const isRemoving = evaluation.delta.removed.length > 0;
    const changed = new Set(evaluation.delta.changed.map(known => known.repositoryId));
    const isOvertaken = related.some(
      known =>
        (known.revision ?? 0) > revision &&
        (isRemoving || changed.has(known.repositoryId)),
    );
    if (
      isOvertaken ||
      (isRemoving && (await store.isOvertakenByRun(config.id, revision)))
    ) {
      return OVERTAKEN;
    }
    return this.#apply(isRemoving ? await this.#decideRemoval(checked) : evaluation);
  }

  /** Decides about a removal: rare, and the only decision that needs the whole state. */
  async #decideRemoval(checked: CheckedRepository): Promise<Evaluated> {
    const { config, store, clock } = this.context;
    const state = await store.load(config.id);
    if (state === undefined) {
      throw new Error('the content of the catalog is not known, so nothing is removed');
    }
    return evaluateCheck(checked, state.repositories, {
      policy: await getRemovalPolicy(this.context),
      held: state.held,
      sinceConfirmationMs: await store.sinceConfirmation(config.id),
      nowMs: clock.now(),
    });
  }

  /**
   * Stores additions before the catalog is changed, and removals only after that: a crash in
   * between leads to repeated work, and loses nothing.
   */
  async #apply(evaluation: Evaluated): Promise<Evaluated> {
    const { config, store, catalog, log } = this.context;
    const { delta } = evaluation;
    if (delta.added.length > 0) {
      await store.recordEvaluation(config.id, interim(delta.changedByAdding));
    }
    try {
      await catalog.change(delta.added, delta.removed);
    } catch (error) {
      if (delta.added.length > 0) {
        // Otherwise the next attempt would assume that the catalog holds the new Locations.
        await store.recordEvaluation(config.id, interim(delta.changedByCheck));
      }
      throw error;
    }
    await catalog.refresh(delta.stayed.map(({ file }) => file.targetUrl));
    const settled = [...delta.added, ...delta.removed, ...delta.stayed];
    await store.recordEvaluation(config.id, {
      repositories: delta.changed,
      forgottenIds: delta.forgottenIds,
      held: delta.held,
      resolvedKeys: settled.map(({ file }) => getEntryKey(file)),
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

/** The record that is stored before an evaluation has taken effect. */
function interim(repositories: readonly KnownRepository[]): EvaluationRecord {
  return { repositories, forgottenIds: [], held: [], resolvedKeys: [] };
}
