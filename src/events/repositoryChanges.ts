/**
 * What a webhook says happened, in the terms of this module. Types only; filled by
 * `analyzeWebhookEvent`, judged by `relevance.ts`.
 */

import { RepositoryAddress } from '../model';

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
