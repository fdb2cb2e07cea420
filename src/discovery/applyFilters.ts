/**
 * Applies the filters, once, to what a listing has shown or to one repository: runs, events,
 * previews and the command line alike. A new filter is a new step.
 */

import { assessRepository } from '../filters/steps';
import { FilterVerdict } from '../filters/types';
import { ExclusionReason, Repository, RepositoryOutcome } from '../model';
import { forEachInTurns } from '../util/clock';
import { AskingFilterStep, FilterQuestions } from './types';
import { LABEL_STEP } from './labels';

/** In order, after those that need no request: asked only about what the others let through. */
const ASKING_STEPS: readonly AskingFilterStep[] = [LABEL_STEP];

/** A repository and what the filters make of it. */
export interface FilteredRepository {
  readonly repository: Repository;
  /** Excluded or unknown; `undefined` where they let it through. */
  readonly outcome?: RepositoryOutcome;
}

/** How filters are applied. */
export interface FilterOptions extends FilterQuestions {
  /** Told of each repository that is not let through, as soon as that is decided. */
  readonly record?: (repository: Repository, outcome: RepositoryOutcome) => void;
}

/** Filters what a listing has shown, all of it together. Throws only what the source throws. */
export function filterListing(
  repositories: readonly Repository[],
  options: FilterOptions,
): Promise<FilteredRepository[]> {
  return apply(repositories, options, 'in-bulk');
}

/**
 * Filters one repository. Throws only what the source throws.
 *
 * @returns excluded or unknown; `undefined` where the filters let it through
 */
export async function filterOne(
  repository: Repository,
  options: Omit<FilterOptions, 'isHeld'>,
): Promise<RepositoryOutcome | undefined> {
  const questions = { ...options, isHeld: () => false };
  const [filtered] = await apply([repository], questions, 'one-by-one');
  return filtered?.outcome;
}

async function apply(
  repositories: readonly Repository[],
  options: FilterOptions,
  how: 'in-bulk' | 'one-by-one',
): Promise<FilteredRepository[]> {
  const { filters, record } = options;
  const outcomes = new Map<Repository, RepositoryOutcome>();
  const leaveOut = async (
    some: readonly Repository[],
    decide: (repository: Repository) => RepositoryOutcome | undefined,
  ) => {
    await forEachInTurns(some, repository => {
      const outcome = decide(repository);
      if (outcome) {
        outcomes.set(repository, outcome);
        record?.(repository, outcome);
      }
    });
    return some.filter(repository => !outcomes.has(repository));
  };
  let left = await leaveOut(repositories, repository => {
    const reason = assessRepository(repository, filters);
    return reason && { kind: 'excluded', reason };
  });
  for (const step of ASKING_STEPS.filter(one => one.isUsed(filters))) {
    const decide = await readStep(step, left, options, how);
    left = await leaveOut(left, repository => toOutcome(decide(repository), step.reason));
  }
  return repositories.map(repository => ({
    repository,
    outcome: outcomes.get(repository),
  }));
}

async function readStep(
  step: AskingFilterStep,
  repositories: readonly Repository[],
  questions: FilterQuestions,
  how: 'in-bulk' | 'one-by-one',
): Promise<(repository: Repository) => FilterVerdict> {
  const [first] = repositories;
  if (!first) {
    return () => ({ kind: 'included' });
  }
  if (how === 'in-bulk') {
    return step.readInBulk(repositories, questions);
  }
  const verdict = await step.readOne(first, questions);
  return () => verdict;
}

function toOutcome(
  verdict: FilterVerdict,
  reason: ExclusionReason,
): RepositoryOutcome | undefined {
  switch (verdict.kind) {
    case 'included':
      return undefined;
    case 'excluded':
      return { kind: 'excluded', reason };
    case 'unknown':
      return { kind: 'unknown', ...verdict.problem };
    default:
      return verdict satisfies never;
  }
}
