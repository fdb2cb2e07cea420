/** Parses URLs of Bitbucket Server's web pages. Pure. */

import { RepositoryAddress } from '../model';

/** The file, folder or repository that a URL names. */
export interface ReadTarget {
  readonly address: RepositoryAddress;
  /** From the repository root, without a slash at either end, decoded; empty for the root. */
  readonly path: string;
  /** The path as a pattern, if it contains a `*` that is not encoded. */
  readonly glob?: string;
  /** Branch, tag, commit or full ref as the URL names it; `undefined` for the default branch. */
  readonly at?: string;
}

/**
 * Matches `projects/KEY/repos/slug` in a path, as Backstage parses such URLs: everything before
 * it is a context path.
 */
const REPOSITORY =
  /\/(projects|users)\/([^/]+)\/repos\/([^/]+)(?:\/(?:browse|raw|src)(?:\/(.*))?)?\/?$/;

/** The special characters of minimatch. */
const MAGIC = /[*?[\]{}()!+@\\]/g;

/**
 * Parses a URL.
 *
 * @returns `undefined` if the URL is not that of a repository or of a file or folder in one
 */
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

/** Escapes characters that are encoded in the URL, since they are not part of the pattern. */
function toGlob(encoded: string): string {
  return encoded.replace(/(?:%[0-9a-f]{2})+/gi, escapes =>
    decodeURIComponent(escapes).replace(MAGIC, '\\$&'),
  );
}
