/**
 * Changes that webhooks report, in the terms of this module: created by `analyzeWebhookEvent`,
 * judged by `relevance.ts`. Also merges the changes of one repository. Pure.
 */

import { RepositoryAddress } from '../model';
import { FilteredRepository } from '../discovery/applyFilters';

/** The repository of a webhook, as far as its payload describes it. */
export interface ChangedRepository extends RepositoryAddress {
  /** Survives renames and moves; `undefined` if the payload has none. */
  readonly id?: number;
  /**
   * The web page of the repository on the server that sent the event; `undefined` in payloads of
   * old servers, which have no links.
   */
  readonly selfUrl?: string;
}

/** One branch or tag that a push changed. */
export interface RefChange {
  /** Such as `refs/heads/main`. */
  readonly refId: string;
  readonly kind: 'BRANCH' | 'TAG';
  readonly change: 'ADD' | 'UPDATE' | 'DELETE';
  /** Forty zeros if the ref did not exist before. */
  readonly fromHash: string;
  /** Forty zeros if the ref no longer exists. */
  readonly toHash: string;
}

/** A change of one repository, or of a whole project. */
export type RepositoryChange =
  | {
      readonly type: 'pushed';
      readonly repository: ChangedRepository;
      /** At least one. */
      readonly refs: readonly RefChange[];
    }
  /** Refs changed, but the event does not say which. */
  | { readonly type: 'unknown'; readonly repository: ChangedRepository }
  /** Renamed, moved, archived or given another description. */
  | {
      readonly type: 'modified';
      readonly repository: ChangedRepository;
      /** Its former address, if that has changed. */
      readonly formerAddress?: RepositoryAddress;
    }
  | { readonly type: 'created' | 'forked'; readonly repository: ChangedRepository }
  /** Reported as deleted, which has to be confirmed before anything is removed. */
  | { readonly type: 'deleted'; readonly repository: ChangedRepository }
  | {
      readonly type: 'project-modified';
      readonly key: string;
      /** The project's former key, if that has changed. */
      readonly formerKey?: string;
      readonly id?: number;
      /** The web page of the project on the server that sent the event. */
      readonly selfUrl?: string;
    };

/** A change of one repository. */
export type SingleChange = Exclude<RepositoryChange, { type: 'project-modified' }>;

/** A project that was renamed, made public or given another description. */
export type ProjectChange = Extract<RepositoryChange, { type: 'project-modified' }>;

/** The result of analyzing a webhook. */
export type WebhookAnalysis =
  | { readonly kind: 'change'; readonly change: RepositoryChange }
  /** An event of Bitbucket that is irrelevant to discovery. */
  | { readonly kind: 'ignored'; readonly reason: string }
  /** Not what Bitbucket sends under this event key. */
  | { readonly kind: 'malformed'; readonly reason: string };

/** One repository to handle, with the reasons. */
export interface PendingRepository {
  /** The repository as described by the last event. */
  readonly repository: ChangedRepository;
  /** At most one of each type. */
  readonly changes: readonly SingleChange[];
  /** The repository as just listed; if set, it is checked whatever the events say. */
  readonly listed?: FilteredRepository;
  /** Whether a read has proven that one of its files is gone; then it is checked whatever the events say. */
  readonly isFileGone?: boolean;
  /** Whether a change of its project is the only reason; other repositories go first then. */
  readonly isOneOfMany?: boolean;
}

/** Merges two pending handlings of the same repository. */
export function mergePending(
  earlier: PendingRepository,
  later: PendingRepository,
): PendingRepository {
  const changes = new Map(earlier.changes.map(change => [change.type, change]));
  for (const change of later.changes) {
    changes.set(change.type, mergeChange(changes.get(change.type), change));
  }
  return {
    repository: {
      ...later.repository,
      id: later.repository.id ?? earlier.repository.id,
      selfUrl: later.repository.selfUrl ?? earlier.repository.selfUrl,
    },
    changes: [...changes.values()],
    listed: later.listed ?? earlier.listed,
    isFileGone: earlier.isFileGone || later.isFileGone,
    isOneOfMany: earlier.isOneOfMany && later.isOneOfMany,
  };
}

/** Returns the former address; `undefined` if no event names one. */
export function getFormerAddress({
  changes,
}: PendingRepository): RepositoryAddress | undefined {
  return changes.flatMap(change =>
    change.type === 'modified' ? (change.formerAddress ?? []) : [],
  )[0];
}

function mergeChange(
  earlier: SingleChange | undefined,
  later: SingleChange,
): SingleChange {
  if (earlier?.type === 'pushed' && later.type === 'pushed') {
    return { ...later, refs: mergeRefs(earlier.refs, later.refs) };
  }
  if (earlier?.type === 'modified' && later.type === 'modified') {
    // The catalog holds the address that the first change calls the former one.
    return { ...later, formerAddress: earlier.formerAddress ?? later.formerAddress };
  }
  return later;
}

/** Merges to one change per ref, from the first `fromHash` to the last `toHash`. */
function mergeRefs(
  earlier: readonly RefChange[],
  later: readonly RefChange[],
): RefChange[] {
  const refs = new Map(earlier.map(ref => [ref.refId, ref]));
  for (const ref of later) {
    const first = refs.get(ref.refId);
    refs.set(ref.refId, first ? { ...ref, fromHash: first.fromHash } : ref);
  }
  return [...refs.values()];
}
