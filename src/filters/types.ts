/** What the filters are made of, once read. Types only. */

/** `filters` of a provider, compiled. Patterns are tested unanchored, as in the peer. */
export interface RepositoryFilters {
  readonly projectKey?: RegExp;
  readonly repoSlug?: RegExp;
  readonly exclude: {
    readonly projectKey?: RegExp;
    readonly repoSlug?: RegExp;
  };
  readonly skipArchivedRepos: boolean;
  readonly skipForkedRepos: boolean;
  readonly personalRepos: boolean;
  readonly visibility?: 'public' | 'private';
}

/** One entry of `catalogPath`, without its leading slash. */
export type CatalogPath =
  | { readonly kind: 'plain'; readonly path: string }
  | {
      readonly kind: 'glob';
      readonly pattern: string;
      /** @param path - from the repository root, no leading slash */
      readonly matches: (path: string) => boolean;
    };
