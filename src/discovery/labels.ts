/**
 * The filters by label: finds out which repositories carry the labels that the filters
 * name. A run asks for each label once, for all repositories together; whoever looks at
 * one repository alone asks for that one's labels.
 */

import {
  decideByLabels,
  LabelFilters,
  labelsOf,
  LabelVerdict,
} from '../filters/labelFilter';
import { assessRepository } from '../filters/repositoryFilter';
import { Problem, Repository, RepositoryOutcome } from '../model';
import { mapConcurrent } from '../util/mapConcurrent';
import { DiscoveryScope, RepositorySource } from './types';

/** What the labels make of a repository; `undefined` where they let it through. */
export type LabelDecision = (
  repository: Pick<Repository, 'id'>,
) => RepositoryOutcome | undefined;

/** What reading labels in bulk works with. */
export interface LabelTools {
  readonly source: RepositorySource;
  /** Ids of repositories that the catalog has something of. */
  readonly heldIds: ReadonlySet<number>;
  readonly signal?: AbortSignal;
}

/** The repositories that carry one label. */
interface Labeled {
  /** Proven to carry it, whatever became of the rest of the listing. */
  readonly ids: ReadonlySet<number>;
  /** Why others may carry it too. */
  readonly problem?: Problem;
  readonly pages: number;
}

/**
 * Reads each label that the filters name, one paged listing per label; asks nothing where
 * they name none. Throws only what the source throws.
 */
export async function readLabels(
  scope: Pick<DiscoveryScope, 'filters' | 'concurrency'>,
  tools: LabelTools,
): Promise<LabelDecision> {
  const { filters, concurrency } = scope;
  const listings = new Map<string, Labeled>();
  const read = (labels: readonly string[]) =>
    mapConcurrent(labels, concurrency, async label => {
      listings.set(label, union(listings.get(label), await listLabel(label, tools)));
    });
  await read(labelsOf(filters));
  await read(labelsToReadAgain(filters, listings, tools.heldIds));
  return ({ id }) =>
    toOutcome(decideByLabels(filters, label => carries(listings.get(label), label, id)));
}

/**
 * What the labels make of one repository, by its own: one request, and none where the
 * filters name no label or another filter leaves it out already.
 *
 * @returns `undefined` where the labels do not keep it from being looked at
 */
export async function decideByOwnLabels(
  repository: Repository,
  { filters }: Pick<DiscoveryScope, 'filters'>,
  source: RepositorySource,
  signal?: AbortSignal,
): Promise<RepositoryOutcome | undefined> {
  if (labelsOf(filters).length === 0 || !assessRepository(repository, filters).included) {
    return undefined;
  }
  const own = await source.getLabels(repository, { signal });
  const problem = own.kind === 'unknown' ? aboutLabels(own.problem) : undefined;
  const names = new Set(own.kind === 'found' ? own.labels : []);
  return toOutcome(decideByLabels(filters, label => problem ?? names.has(label)));
}

function toOutcome(verdict: LabelVerdict): RepositoryOutcome | undefined {
  switch (verdict.kind) {
    case 'included':
      return undefined;
    case 'excluded':
      return { kind: 'excluded', reason: 'label' };
    case 'unknown':
      return { kind: 'unknown', ...verdict.problem };
    default:
      return verdict satisfies never;
  }
}

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
  { source, signal }: LabelTools,
): Promise<Labeled> {
  const ids = new Set<number>();
  let unreadable = 0;
  let pages = 0;
  for await (const step of source.listLabeled(label, { signal })) {
    if (step.kind === 'failed') {
      // One that goes while it is read leaves open who carried it.
      const isNone = step.gone && pages === 0;
      return { ids, pages, problem: isNone ? undefined : step.problem };
    }
    pages += 1;
    unreadable += step.unreadable;
    step.items.forEach(id => ids.add(id));
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
  heldIds: ReadonlySet<number>,
): string[] {
  const isMissing = [...heldIds].some(
    id => !labels.some(label => listings.get(label)?.ids.has(id)),
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
