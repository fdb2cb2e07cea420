/**
 * Decides by its labels whether a repository is included. Pure. Labels are not part of listing
 * rows and need a request of their own, so they may be unknown: the repository is then
 * neither included nor excluded.
 */

import { Problem } from '../model';
import { FilterVerdict, RepositoryFilters } from './types';

/** The filters by label. */
export type LabelFilters = Pick<RepositoryFilters, 'labels'> & {
  readonly exclude: Pick<RepositoryFilters['exclude'], 'labels'>;
};

/** Returns whether a repository has a label, or why that is not known. */
export type CarriesLabel = (label: string) => boolean | Problem;

/** Returns every label that the filters name, each once; empty when no labels are needed. */
export function getLabels({ labels = [], exclude }: LabelFilters): string[] {
  return [...new Set([...labels, ...(exclude.labels ?? [])])];
}

/**
 * Decides by the labels of one repository.
 *
 * @remarks The known labels decide where they suffice: an excluding label decides regardless
 * of unknown ones, and so does the lack of every including label. The repository is unknown
 * only where an unknown label could change the decision. The order of labels never matters,
 * also not for the reported problem.
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
  const [doubt] = [including, excluding].flatMap(weight =>
    weight?.kind === 'unknown' ? [weight.problem] : [],
  );
  return doubt ? { kind: 'unknown', problem: doubt } : { kind: 'included' };
}

type Weight =
  | { readonly kind: 'carried' | 'none' }
  | { readonly kind: 'unknown'; readonly problem: Problem };

/** Determines whether a repository has one of the labels. */
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
