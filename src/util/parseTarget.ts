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

/** Scheme, host, context path; then what stays the same whatever the server calls itself. */
const BASE_AND_REST =
  /^https?:\/\/([^/?#@]+)(?:\/[^?#]*?)?(\/(?:projects|users)\/[^/]+\/repos\/[^/]+\/browse\/.+)$/i;

/**
 * Spells targets as the catalog has them already, where only the server's own base URL
 * (scheme, host or context path) has changed since: the name of a Location follows from its
 * target, and with another one all that hangs on it would be made anew.
 *
 * @param known - targets of the same repository in the catalog
 * @param host - of the integration: it reads what lies there, whatever the scheme and the
 * context path are. Source: `BitbucketServerUrlReader` and `getBitbucketServerFileFetchUrl`
 * of Backstage, which look at host, repository, path and `at` only
 * @returns what to call a target
 */
export function keepSpelling(
  known: readonly string[],
  host: string,
): (target: string) => string {
  const targets = new Set(known);
  let byRest: ReadonlyMap<string, string> | undefined;
  return target => {
    if (targets.size === 0 || targets.has(target)) {
      return target;
    }
    byRest ??= new Map(known.flatMap(one => restOf(one, host)));
    const [, , rest = ''] = BASE_AND_REST.exec(target) ?? [];
    return byRest.get(rest) ?? target;
  };
}

/** Nothing for what the integration cannot read. */
function restOf(target: string, host: string): [string, string][] {
  const [, ownHost, rest] = BASE_AND_REST.exec(target) ?? [];
  return rest !== undefined && ownHost?.toLowerCase() === host.toLowerCase()
    ? [[rest, target]]
    : [];
}
