/**
 * Decides by its labels whether a repository is looked at. Pure. Labels are on no listing
 * row and have to be asked for, so the answer may be unknown: a repository is
 * then neither let in nor left out.
 */

import { Problem } from '../model';
import { FilterVerdict, RepositoryFilters } from './types';

/** The part of the filters that speaks of labels. */
export type LabelFilters = Pick<RepositoryFilters, 'labels'> & {
  readonly exclude: Pick<RepositoryFilters['exclude'], 'labels'>;
};

/** Whether a repository carries a label, or why that is not known. */
export type CarriesLabel = (label: string) => boolean | Problem;

/** Every label that the filters name, each once; empty when none has to be asked for. */
export function getLabels({ labels = [], exclude }: LabelFilters): string[] {
  return [...new Set([...labels, ...(exclude.labels ?? [])])];
}

/**
 * Decides what the labels of one repository say.
 *
 * @remarks What is known decides as far as it goes: a label that excludes settles it
 * whatever else is unknown, and so does none that includes. Only where an unknown label
 * could turn the decision is the repository unknown. The order of labels never matters,
 * for the problem that is told neither.
 */
export function decideByLabels(
  filters: LabelFilters,
  carries: CarriesLabel,
): FilterVerdict {
  const excluding = weigh(filters.exclude.labels ?? [], carries);
  const including = filters.labels && weigh(filters.labels, carries);
  if (excluding.kind === 'carried' || including?.kind === 'none') {
    return { kind: 'excluded' };
  }
  const [doubt] = [including, excluding].flatMap(one =>
    one?.kind === 'unknown' ? [one.problem] : [],
  );
  return doubt ? { kind: 'unknown', problem: doubt } : { kind: 'included' };
}

type Weight =
  | { readonly kind: 'carried' | 'none' }
  | { readonly kind: 'unknown'; readonly problem: Problem };

/** Whether a repository carries one of the labels. */
function weigh(labels: readonly string[], carries: CarriesLabel): Weight {
  let doubt: Problem | undefined;
  for (const label of [...labels].sort()) {
    const answer = carries(label);
    if (answer === true) {
      return { kind: 'carried' };
    }
    if (answer !== false) {
      doubt ??= answer;
    }
  }
  return doubt ? { kind: 'unknown', problem: doubt } : { kind: 'none' };
}
