/**
 * URLs of the web pages that the catalog reads. Pure. Backstage's UrlReader, which picks the
 * integration by the host of the URL, must be able to read a target.
 */

import { Repository, RepositoryAddress } from '../model';
import { parseWebUrl } from '../util/parseUrls';
import { encodePath, encodeSegment } from './restUrls';

/** The parts of an integration that web URLs are built from. */
export interface WebAddress {
  readonly host: string;
  readonly apiBaseUrl: string;
}

const REPOSITORY_PAGE = /\/(projects|users)\/[^/]+\/repos\/[^/]+\/browse$/;

/** Scheme, host and context path: `apiBaseUrl` without `/rest/…`, on the integration's own host. */
export function webBaseUrl(address: WebAddress): string {
  const api = new URL(address.apiBaseUrl);
  const contextPath = api.pathname.replace(/\/rest(\/.*)?$/, '').replace(/\/+$/, '');
  return `${api.protocol}//${address.host}${contextPath}`;
}

/** `…/projects/KEY/repos/slug`, or `…/users/name/repos/slug` in a personal project, whose key is `~NAME`. */
function repositoryPagePath(repository: RepositoryAddress): string {
  const { projectKey, slug } = repository;
  const owner = projectKey.startsWith('~')
    ? `users/${encodeSegment(projectKey.slice(1).toLowerCase())}`
    : `projects/${encodeSegment(projectKey)}`;
  return `/${owner}/repos/${encodeSegment(slug)}/browse`;
}

/**
 * Returns the web page of a repository, ending in `/browse`, without a trailing slash.
 *
 * @remarks The server's own self link unchanged, which is what the published module
 * emits, unless that link names another host than the integration (a proxy, an alias):
 * then the same page on the integration's scheme, host and context path.
 */
export function repositoryUrl(
  repository: Pick<Repository, 'projectKey' | 'slug' | 'selfUrl'>,
  address: WebAddress,
): string {
  const own = repository.selfUrl?.replace(/\/+$/, '');
  const page = own?.match(REPOSITORY_PAGE)?.[0];
  if (own && page && parseWebUrl(own)?.host === address.host.toLowerCase()) {
    return own;
  }
  return `${webBaseUrl(address)}${page ?? repositoryPagePath(repository)}`;
}

/** Characters that `encodeURIComponent` encodes although URL paths may contain them (RFC 3986, section 3.3). */
const PLAIN_IN_PATHS: ReadonlyMap<string, string> = new Map(
  ['@', ':', '$', '&', '+', ',', '='].map(sign => [encodeURIComponent(sign), sign]),
);

/**
 * Encodes only what has to be encoded, so that a target equals the published module's wherever
 * that works, and its Components stay. `;` stays encoded: servers cut paths there.
 */
export function encodeWebPath(path: string): string {
  return encodePath(path).replace(
    /%[0-9A-F]{2}/g,
    code => PLAIN_IN_PATHS.get(code) ?? code,
  );
}

/**
 * Returns the URL of a file, as a Location's target.
 *
 * @param path - from the repository root, no leading slash, not encoded
 * @param branch - short branch name; `undefined` for the default branch, which is not named
 */
export function fileUrl(
  repository: Repository,
  path: string,
  branch: string | undefined,
  address: WebAddress,
): string {
  const url = `${repositoryUrl(repository, address)}/${encodeWebPath(path)}`;
  return branch === undefined ? url : `${url}?at=${encodeSegment(branch)}`;
}
