/**
 * Applies the filters to a listing or to a single repository: the one implementation for
 * runs, events, previews and the command line. A new filter is a new step.
 */

import { assessRepository } from '../filters/steps';
import { FilterVerdict } from '../filters/types';
import { ExclusionReason, Repository, RepositoryOutcome } from '../model';
import { forEachInTurns } from '../util/clock';
import { RequestFilterStep, FilterQuestions } from './types';
import { LABEL_STEP } from './labels';

/**
 * Applied in this order, after the steps without requests, and only to repositories that
 * passed those.
 */
const REQUEST_STEPS: readonly RequestFilterStep[] = [LABEL_STEP];

/** A repository with the result of the filters. */
export interface FilteredRepository {
  readonly repository: Repository;
  /** Excluded or unknown; `undefined` if the repository passes. */
  readonly outcome?: RepositoryOutcome;
}

/** Called for each repository that does not pass, as soon as that is decided. */
type RecordOutcome = (repository: Repository, outcome: RepositoryOutcome) => unknown;

/** Filters a complete listing in bulk. Throws only what the source throws. */
export async function filterListing(
  repositories: readonly Repository[],
  questions: FilterQuestions,
): Promise<FilteredRepository[]> {
  const outcomes = new Map<Repository, RepositoryOutcome>();
  await selectMatching(repositories, questions, (repository, outcome) =>
    outcomes.set(repository, outcome),
  );
  return repositories.map(repository => ({
    repository,
    outcome: outcomes.get(repository),
  }));
}

/** Like {@link filterListing}, but returns only the repositories that pass. */
export function selectMatching(
  repositories: readonly Repository[],
  questions: FilterQuestions,
  record: RecordOutcome,
): Promise<Repository[]> {
  return apply(repositories, questions, 'in-bulk', record);
}

/**
 * Filters one repository. Throws only what the source throws.
 *
 * @returns excluded or unknown; `undefined` if the repository passes
 */
export async function filterOne(
  repository: Repository,
  options: Omit<FilterQuestions, 'isHeld'>,
): Promise<RepositoryOutcome | undefined> {
  const questions = { ...options, isHeld: () => false };
  let excluded: RepositoryOutcome | undefined;
  await apply(
    [repository],
    questions,
    'one-by-one',
    (_, outcome) => (excluded = outcome),
  );
  return excluded;
}

async function apply(
  repositories: readonly Repository[],
  questions: FilterQuestions,
  how: 'in-bulk' | 'one-by-one',
  record: RecordOutcome,
): Promise<Repository[]> {
  const { filters } = questions;
  const select = async (
    some: readonly Repository[],
    decide: (repository: Repository) => RepositoryOutcome | undefined,
  ) => {
    const passing: Repository[] = [];
    await forEachInTurns(some, repository => {
      const outcome = decide(repository);
      if (outcome) {
        record(repository, outcome);
      } else {
        passing.push(repository);
      }
    });
    return passing;
  };
  let passing = await select(repositories, repository => {
    const reason = assessRepository(repository, filters);
    return reason && { kind: 'excluded', reason };
  });
  for (const step of REQUEST_STEPS.filter(candidate => candidate.isUsed(filters))) {
    const decide = await readStep(step, passing, questions, how);
    passing = await select(passing, repository =>
      toOutcome(decide(repository), step.reason),
    );
  }
  return passing;
}

async function readStep(
  step: RequestFilterStep,
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
