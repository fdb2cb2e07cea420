/**
 * Parses URLs: of files in Bitbucket Server (a Location's target), of web pages, and in the
 * location keys of the catalog. Pure.
 */

/** The parts of a target URL. */
interface ParsedTarget {
  readonly projectKey: string;
  readonly slug: string;
  /** From the repository root, no leading slash, not encoded. */
  readonly path: string;
}

const TARGET = /\/(projects|users)\/([^/]+)\/repos\/([^/]+)\/browse\/(.+)$/;

/** Parses a target; returns `undefined` when the URL is not that of a file in Bitbucket Server. */
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

/** A file, regardless of the URL by which the catalog reads it. */
interface FileIdentity {
  /** The same for every spelling of the same file. */
  readonly file: string;
  /** As named in `at`; `undefined` for the repository's default branch. */
  readonly branch?: string;
}

const FILE = /\/(projects|users)\/([^/]+)\/repos\/([^/]+)\/(?:browse|raw)\/(.+)$/i;

/**
 * Identifies the file of a URL, also where people write it differently from discovery:
 * another case of the project key, `/raw/`, repeated slashes, a branch in `at`.
 *
 * @returns `undefined` when the URL is not that of a file in Bitbucket Server
 */
export function identifyFile(target: string): FileIdentity | undefined {
  try {
    const { host, pathname, searchParams } = new URL(target);
    const [, kind, owner, slug, path] =
      FILE.exec(decodeURIComponent(pathname).replace(/\/{2,}/g, '/')) ?? [];
    if (kind === undefined || owner === undefined || !slug || !path) {
      return undefined;
    }
    const key = kind.toLowerCase() === 'users' ? `~${owner}` : owner;
    const branch = searchParams.get('at')?.replace(/^refs\/heads\//, '');
    return {
      file: JSON.stringify([host, key.toLowerCase(), slug.toLowerCase(), path]),
      ...(branch && { branch }),
    };
  } catch {
    return undefined;
  }
}

/** Scheme, host and context path; then the part that does not depend on the server's base URL. */
const BASE_AND_REST =
  /^https?:\/\/([^/?#@]+)(?:\/[^?#]*?)?(\/(?:projects|users)\/[^/]+\/repos\/[^/]+\/browse\/.+)$/i;

/**
 * Keeps targets as the catalog already has them where only the server's own base URL (scheme,
 * host or context path) has changed: the name of a Location is derived from its target, and
 * with another name the catalog would create everything below it again.
 *
 * @param known - targets of the same repository in the catalog
 * @param host - the host of the integration, which reads files there regardless of scheme and
 * context path. Source: `BitbucketServerUrlReader` and `getBitbucketServerFileFetchUrl`
 * of Backstage, which use host, repository, path and `at` only
 * @returns a function that returns the spelling to use for a target
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
    byRest ??= new Map(known.flatMap(knownTarget => getRest(knownTarget, host)));
    const [, , rest = ''] = BASE_AND_REST.exec(target) ?? [];
    return byRest.get(rest) ?? target;
  };
}

/** Empty for a target that the integration cannot read. */
function getRest(target: string, host: string): [string, string][] {
  const [, ownHost, rest] = BASE_AND_REST.exec(target) ?? [];
  return rest !== undefined && ownHost?.toLowerCase() === host.toLowerCase()
    ? [[rest, target]]
    : [];
}

/** `/projects/KEY`, `/users/name` and the pages of repositories below them. */
const PAGE = /\/(?:projects|users)\/[^/]+(?:\/repos\/[^/]+(?:\/browse)?)?\/?$/;

/**
 * Returns the base URL in a self link of a repository or project, such as
 * `https://host:7990/bitbucket`, without a trailing slash.
 *
 * @remarks Compared as a whole, not as a prefix: `https://host` and `https://host/stash` can
 * be two servers.
 *
 * @returns `undefined` for any other URL, and for a URL with credentials
 */
export function findWebBase(selfUrl: string): string | undefined {
  const url = parseWebUrl(selfUrl);
  const page = url && PAGE.exec(url.pathname);
  return page ? `${url.origin}${url.pathname.slice(0, page.index)}` : undefined;
}

/** Converts a base URL to the form that `findWebBase` returns; `undefined` if it is not a URL. */
export function toWebBase(baseUrl: string): string | undefined {
  const url = parseWebUrl(baseUrl);
  return url && `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

/** Parses the URL of a web page; `undefined` unless it is http or https without credentials. */
export function parseWebUrl(text: string): URL | undefined {
  try {
    const url = new URL(text);
    const web = url.protocol === 'https:' || url.protocol === 'http:';
    return web && url.username === '' && url.password === '' ? url : undefined;
  } catch {
    return undefined;
  }
}

const URL_KEY = /^url:(.+)$/s;

/** Returns the URL in a location key; `undefined` for another kind of key. */
export function urlOfLocationKey(locationKey: string): string | undefined {
  return URL_KEY.exec(locationKey)?.[1];
}
