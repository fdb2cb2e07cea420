/** The filters as read from the configuration. Types only. */

import { Problem } from '../model';
import { TextPattern } from './textPattern';

/** `filters` of a provider, compiled. Patterns are tested unanchored, as in the published module. */
export interface RepositoryFilters {
  readonly projectKey?: TextPattern;
  readonly repoSlug?: TextPattern;
  /** One of them suffices; labels do not matter when left out. In lower case, as Bitbucket stores them. */
  readonly labels?: readonly string[];
  readonly exclude: {
    readonly projectKey?: TextPattern;
    readonly repoSlug?: TextPattern;
    /** One of them suffices; exclusion wins. */
    readonly labels?: readonly string[];
  };
  readonly skipArchivedRepos: boolean;
  readonly skipForkedRepos: boolean;
  readonly personalRepos: boolean;
  readonly visibility?: 'public' | 'private';
}

/** The decision of a filter that needs a request. */
export type FilterVerdict =
  | { readonly kind: 'included' }
  | { readonly kind: 'excluded' }
  /** Neither: the state of the repository does not change. */
  | { readonly kind: 'unknown'; readonly problem: Problem };

/** One entry of `catalogPath`, without its leading slash. */
export type CatalogPath =
  | { readonly kind: 'plain'; readonly path: string }
  | {
      readonly kind: 'glob';
      readonly pattern: string;
      /** @param path - from the repository root, no leading slash */
      readonly matches: (path: string) => boolean;
    };
