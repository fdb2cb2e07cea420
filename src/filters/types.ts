/** What the filters are made of, once read. Types only. */

import { Problem } from '../model';
import { TextPattern } from './textPattern';

/** `filters` of a provider, compiled. Patterns are tested unanchored, as in the peer. */
export interface RepositoryFilters {
  readonly projectKey?: TextPattern;
  readonly repoSlug?: TextPattern;
  /** One of them suffices; not asked for when left out. In lower case, as Bitbucket has them. */
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

/** What a filter that has to ask makes of a repository. */
export type FilterVerdict =
  | { readonly kind: 'included' }
  | { readonly kind: 'excluded' }
  /** Neither: the repository stays as it is. */
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
