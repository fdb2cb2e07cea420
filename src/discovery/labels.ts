/**
 * The label filters: find out which repositories have the labels named in the filters. A
 * run asks for each label once, for all repositories together; an evaluation of a single
 * repository asks for the labels of that repository. They are not part of listing rows, so
 * they may be unknown: the repository is then neither included nor excluded.
 */

import { Problem, Repository } from '../model';
import { mapConcurrent } from '../util/concurrency';
import { formatPlural } from '../util/text';
import { RequestFilterStep, FilterQuestions } from './types';
import { readListing } from './listRepositories';
import { FilterVerdict, RepositoryFilters } from '../filters/types';

/** The repositories that have one label. */
interface Labeled {
  /** Ids that are proven to have it, even if the rest of the listing failed. */
  readonly ids: ReadonlySet<number>;
  /** Why further repositories may have it too. */
  readonly problem?: Problem;
  readonly pages: number;
}

/** The label filters, as a step. */
export const LABEL_STEP: RequestFilterStep = {
  reason: 'label',
  needs: 'request',

  isUsed: filters => getLabels(filters).length > 0,

  /** Reads one paged listing per label. */
  async readInBulk(repositories, questions) {
    const { filters, concurrency, isHeld } = questions;
    const listings = new Map<string, Labeled>();
    const read = (labels: readonly string[]) =>
      mapConcurrent(labels, concurrency, async label => {
        const listing = await listLabel(label, questions);
        listings.set(label, union(listings.get(label), listing));
      });
    await read(getLabels(filters));
    const held = repositories.filter(({ id }) => isHeld(id));
    await read(labelsToReadAgain(filters, listings, held));
    return ({ id }) =>
      decideByLabels(filters, label => carries(listings.get(label), label, id));
  },

  /** Reads the labels of the repository, with one request. */
  async readOne(repository, { filters, source, signal }) {
    const own = await source.getLabels(repository, { signal });
    const problem = own.kind === 'unknown' ? aboutLabels(own.problem) : undefined;
    const names = new Set(own.kind === 'found' ? own.labels : []);
    return decideByLabels(filters, label => problem ?? names.has(label));
  },
};

function carries(
  listing: Labeled | undefined,
  label: string,
  repositoryId: number,
): boolean | Problem {
  if (listing?.ids.has(repositoryId)) {
    return true;
  }
  return listing?.problem ? aboutLabels(listing.problem, label) : false;
}

function aboutLabels({ reason, detail }: Problem, label?: string): Problem {
  const what =
    label === undefined
      ? 'Its labels could not be read'
      : `Which repositories carry the label "${label}" could not be read`;
  return { reason, detail: `${what}. ${detail}` };
}

/**
 * Lists the repositories with a label; none for a label that does not exist. Ids listed
 * before a failure are proven all the same, and so are those next to unreadable rows.
 */
async function listLabel(
  label: string,
  { source, signal }: FilterQuestions,
): Promise<Labeled> {
  const listing = await readListing(source.listLabeled(label, { signal }));
  const { failure, items, pages, unreadable } = listing;
  const ids = new Set(items);
  if (failure) {
    // If the label is deleted while it is read, it is open which repositories had it.
    const isNone = failure.gone && pages === 0;
    return { ids, pages, problem: isNone ? undefined : failure.problem };
  }
  return { ids, pages, problem: unreadable > 0 ? unreadableRows(unreadable) : undefined };
}

function unreadableRows(count: number): Problem {
  return {
    reason: 'unexpected-answer',
    detail: `Bitbucket's listing has ${formatPlural(count, 'row')} that cannot be read as a repository`,
  };
}

/**
 * Returns the labels to list again. Pages shift while labels are added and removed, so a
 * listing of several pages may miss a repository that has the label all the time. Before
 * that removes something from the catalog, they are read once more: still in bulk, since
 * a filter may exclude thousands of repositories.
 */
function labelsToReadAgain(
  { labels = [] }: LabelFilters,
  listings: ReadonlyMap<string, Labeled>,
  held: readonly Repository[],
): string[] {
  const isMissing = held.some(
    ({ id }) => !labels.some(label => listings.get(label)?.ids.has(id)),
  );
  return isMissing
    ? labels.filter(label => {
        const listing = listings.get(label);
        return listing?.problem === undefined && (listing?.pages ?? 0) > 1;
      })
    : [];
}

function union(before: Labeled | undefined, now: Labeled): Labeled {
  return before ? { ...now, ids: new Set([...before.ids, ...now.ids]) } : now;
}

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
