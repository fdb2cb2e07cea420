/** Reads what a URL of Bitbucket Server's web pages asks for. Pure. */

import { RepositoryAddress } from '../model';

/** What a reader is asked to read. */
export interface ReadTarget {
  readonly address: RepositoryAddress;
  /** From the repository root, without a slash at either end, not encoded; empty for all of it. */
  readonly path: string;
  /** The path as a pattern where it is one: `*` or `?` that are not encoded. */
  readonly glob?: string;
  /** Branch, tag, commit or full ref as the URL names it; `undefined` for the default branch. */
  readonly at?: string;
}

/**
 * The first `projects/KEY/repos/slug` of a path, as Backstage reads such URLs: whatever
 * stands before it is a context path.
 */
const REPOSITORY =
  /\/(projects|users)\/([^/]+)\/repos\/([^/]+)(?:\/(?:browse|raw|src)(?:\/(.*))?)?\/?$/;

/** What minimatch acts on, besides `*` and `?`. */
const MAGIC = /[*?[\]{}()!+@\\]/g;

/** @returns `undefined` when the URL is not that of something in a repository */
export function parseReadUrl(text: string): ReadTarget | undefined {
  try {
    const url = new URL(text);
    const match = REPOSITORY.exec(url.pathname);
    const [, kind, owner, slug, rawPath = ''] = match ?? [];
    if (!owner || !slug) return undefined;
    const key = decodeURIComponent(owner);
    const encoded = rawPath.replace(/^\/+|\/+$/g, '');
    return {
      address: {
        projectKey: kind === 'users' ? `~${key}` : key,
        slug: decodeURIComponent(slug),
      },
      path: decodeURIComponent(encoded),
      ...(encoded.includes('*') && { glob: toGlob(encoded) }),
      at: url.searchParams.get('at') || undefined,
    };
  } catch {
    return undefined;
  }
}

/** What is encoded in the URL is meant as it is, not as a part of the pattern. */
function toGlob(encoded: string): string {
  return encoded.replace(/(?:%[0-9a-f]{2})+/gi, escapes =>
    decodeURIComponent(escapes).replace(MAGIC, '\\$&'),
  );
}
