/**
 * Reads what stands in URLs: of a file in Bitbucket Server (a Location's target), of a web
 * page, and in the location keys of the catalog. Pure.
 */

/** What a target URL names. */
interface ParsedTarget {
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

/** A file by whichever URL the catalog reads it. */
interface FileIdentity {
  /** The same for every spelling of the same file. */
  readonly file: string;
  /** As `at` names it; `undefined`: the repository's default branch. */
  readonly branch?: string;
}

const FILE = /\/(projects|users)\/([^/]+)\/repos\/([^/]+)\/(?:browse|raw)\/(.+)$/i;

/**
 * Tells whether URLs lead to one file, also where people have spelt it otherwise than
 * discovery does: another case of the key, `/raw/`, doubled slashes, a branch in `at`.
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
    byRest ??= new Map(known.flatMap(one => getRest(one, host)));
    const [, , rest = ''] = BASE_AND_REST.exec(target) ?? [];
    return byRest.get(rest) ?? target;
  };
}

/** Nothing for what the integration cannot read. */
function getRest(target: string, host: string): [string, string][] {
  const [, ownHost, rest] = BASE_AND_REST.exec(target) ?? [];
  return rest !== undefined && ownHost?.toLowerCase() === host.toLowerCase()
    ? [[rest, target]]
    : [];
}

/** `/projects/KEY`, `/users/name` and the pages of repositories below them. */
const PAGE = /\/(?:projects|users)\/[^/]+(?:\/repos\/[^/]+(?:\/browse)?)?\/?$/;

/**
 * The base URL in a self link of a repository or project, such as
 * `https://host:7990/bitbucket`, without a slash at the end.
 *
 * @remarks Compared as a whole, not as a prefix: `https://host` and `https://host/stash` can
 * be two servers.
 *
 * @returns `undefined` for what is no such link, and for one with credentials in it
 */
export function findWebBase(selfUrl: string): string | undefined {
  const url = parseWebUrl(selfUrl);
  const page = url && PAGE.exec(url.pathname);
  return page ? `${url.origin}${url.pathname.slice(0, page.index)}` : undefined;
}

/** A base URL in the form that `findWebBase` returns; `undefined` for what is no URL. */
export function toWebBase(baseUrl: string): string | undefined {
  const url = parseWebUrl(baseUrl);
  return url && `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

/** A web page: http or https, without credentials. */
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

/** The URL in the location key of what was read from one. */
export function urlOfLocationKey(locationKey: string): string | undefined {
  return URL_KEY.exec(locationKey)?.[1];
}
