/** Reads a Location's target back into repository and path. Pure. */

/** What a target URL names. */
export interface ParsedTarget {
  readonly projectKey: string;
  readonly slug: string;
  /** From the repository root, no leading slash, not encoded. */
  readonly path: string;
}

const TARGET = /\/(projects|users)\/([^/]+)\/repos\/([^/]+)\/browse\/(.+)$/;

/** @returns `undefined` when the URL is not that of a file in Bitbucket Server */
export function parseTarget(target: string): ParsedTarget | undefined {
  try {
    const match = TARGET.exec(new URL(target).pathname);
    const [, kind, owner, slug, path] = match ?? [];
    if (kind === undefined || owner === undefined || !slug || !path) {
      return undefined;
    }
    const key = decodeURIComponent(owner);
    return {
      projectKey: kind === 'users' ? `~${key}` : key,
      slug: decodeURIComponent(slug),
      path: decodeURIComponent(path),
    };
  } catch {
    return undefined;
  }
}
