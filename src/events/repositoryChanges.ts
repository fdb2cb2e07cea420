/**
 * What a webhook says happened, in the terms of this module: filled by `analyzeWebhookEvent`,
 * judged by `relevance.ts`. And how what happened to one repository is joined. Pure.
 */

import { RepositoryAddress } from '../model';
import { FilteredRepository } from '../discovery/applyFilters';

/** Which repository a webhook is about, as far as its payload says. */
export interface ChangedRepository extends RepositoryAddress {
  /** Survives renames and moves; `undefined` where the payload has none. */
  readonly id?: number;
  /** The web page of the repository on the server that sent the event; payloads of old servers have no links. */
  readonly selfUrl?: string;
}

/** One branch or tag that a push touched. */
export interface RefChange {
  /** Such as `refs/heads/main`. */
  readonly refId: string;
  readonly kind: 'BRANCH' | 'TAG';
  readonly change: 'ADD' | 'UPDATE' | 'DELETE';
  /** Forty zeros where the ref did not exist before. */
  readonly fromHash: string;
  /** Forty zeros where the ref does not exist any more. */
  readonly toHash: string;
}

/** One thing that happened to one repository, or to a whole project. */
export type RepositoryChange =
  | {
      readonly type: 'pushed';
      readonly repository: ChangedRepository;
      /** At least one. */
      readonly refs: readonly RefChange[];
    }
  /** Refs changed, but the event does not say which. */
  | { readonly type: 'unknown'; readonly repository: ChangedRepository }
  /** Renamed, moved, archived or described anew. */
  | {
      readonly type: 'modified';
      readonly repository: ChangedRepository;
      /** Its former address, where that is another one. */
      readonly was?: RepositoryAddress;
    }
  | { readonly type: 'created' | 'forked'; readonly repository: ChangedRepository }
  /** Said to be gone, which is to be confirmed before anything is removed. */
  | { readonly type: 'deleted'; readonly repository: ChangedRepository }
  | {
      readonly type: 'project-modified';
      readonly key: string;
      /** The project's key before, where that is another one. */
      readonly formerKey?: string;
      readonly id?: number;
      /** The web page of the project on the server that sent the event. */
      readonly selfUrl?: string;
    };

/** A change of one repository. */
export type SingleChange = Exclude<RepositoryChange, { type: 'project-modified' }>;

/** A project that was renamed, made public or described anew. */
export type ProjectChange = Extract<RepositoryChange, { type: 'project-modified' }>;

/** What a webhook comes down to. */
export type WebhookAnalysis =
  | { readonly kind: 'change'; readonly change: RepositoryChange }
  /** An event of Bitbucket that has no bearing on discovery. */
  | { readonly kind: 'ignored'; readonly reason: string }
  /** Not what Bitbucket sends under this event key. */
  | { readonly kind: 'malformed'; readonly reason: string };

/** One repository that events are about. */
export interface PendingRepository {
  /** As the last event shows it. */
  readonly repository: ChangedRepository;
  /** At most one of each type. */
  readonly changes: readonly SingleChange[];
  /** As a listing has just shown it: it is looked at whatever the events say. */
  readonly listed?: FilteredRepository;
  /** A read has proven that a file of it is gone: it is looked at whatever the events say. */
  readonly isFileGone?: boolean;
  /** A project was changed, and nothing else happened: others go first. */
  readonly isOneOfMany?: boolean;
}

/** Joins what happened later with what happened before. */
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

/** Its former address, where an event names one. */
export function formerAddress({
  changes,
}: PendingRepository): RepositoryAddress | undefined {
  return changes.flatMap(change =>
    change.type === 'modified' ? (change.was ?? []) : [],
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
    // The catalog holds what the first one calls former.
    return { ...later, was: earlier.was ?? later.was };
  }
  return later;
}

/** One change per ref, from where the first one began to where the last one led. */
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
