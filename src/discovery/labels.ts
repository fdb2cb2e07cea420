/**
 * The filters by label: finds out which repositories carry the labels that the filters
 * name. A run asks for each label once, for all repositories together; whoever looks at
 * one repository alone asks for that one's labels.
 */

import { decideByLabels, LabelFilters, getLabels } from '../filters/labelFilter';
import { Problem, Repository } from '../model';
import { mapConcurrent } from '../util/concurrency';
import { AskingFilterStep, FilterQuestions } from './types';
import { readListing } from './listRepositories';

/** The repositories that carry one label. */
interface Labeled {
  /** Proven to carry it, whatever became of the rest of the listing. */
  readonly ids: ReadonlySet<number>;
  /** Why others may carry it too. */
  readonly problem?: Problem;
  readonly pages: number;
}

/** The filters by label. */
export const LABEL_STEP: AskingFilterStep = {
  reason: 'label',
  needs: 'request',

  isUsed: filters => getLabels(filters).length > 0,

  /** One paged listing per label. */
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

  /** By its own labels: one request. */
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
 * A label that does not exist is carried by nobody. Ids that were shown before a listing
 * broke off are proven all the same, and so are those beside rows that cannot be read.
 */
async function listLabel(
  label: string,
  { source, signal }: FilterQuestions,
): Promise<Labeled> {
  const listing = await readListing(source.listLabeled(label, { signal }));
  const { failure, items, pages, unreadable } = listing;
  const ids = new Set(items);
  if (failure) {
    // One that goes while it is read leaves open who carried it.
    const isNone = failure.gone && pages === 0;
    return { ids, pages, problem: isNone ? undefined : failure.problem };
  }
  return { ids, pages, problem: unreadable > 0 ? unreadableRows(unreadable) : undefined };
}

function unreadableRows(count: number): Problem {
  return {
    reason: 'unexpected-answer',
    detail: `Bitbucket's listing has ${count} rows that are no repositories`,
  };
}

/**
 * Pages shift while labels come and go, so a listing of several may lack a repository
 * that carries the label all the time. Before something leaves the catalog for that, they
 * are read once more: still in bulk, since another filter may leave out thousands.
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
