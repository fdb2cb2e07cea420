/**
 * The REST URLs that discovery requests, encoded, one function per endpoint. Pure.
 * Paths and parameters: Bitbucket Data Center 10.0 OpenAPI; `<apiBaseUrl>` is
 * `<base>/rest/api/1.0` or `…/latest`, the context path included.
 */

import { RepositoryAddress } from '../model';
import { storableText } from '../util/text';

/** Values of a query string; `undefined` leaves the parameter out. */
type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * Encodes one segment of a path, slashes included. `*` is encoded too: Backstage's reader
 * takes it for a glob. Characters that no URL can carry are replaced, so that nothing is found.
 */
export function encodeSegment(segment: string): string {
  return encodeURIComponent(storableText(segment)).replace(/\*/g, '%2A');
}

/** Encodes each segment of a path and keeps its slashes. */
export function encodePath(path: string): string {
  return path.split('/').map(encodeSegment).join('/');
}

function withQuery(url: string, query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) {
      parameters.set(name, String(value));
    }
  }
  const text = parameters.toString();
  return text === '' ? url : `${url}?${text}`;
}

/** The first row of a page and its maximum number of rows. */
export interface PageQuery {
  readonly start: number;
  readonly limit: number;
}

/** Builds every URL the client needs below one `apiBaseUrl`. */
export class RestUrls {
  readonly #base: string;

  constructor(apiBaseUrl: string) {
    this.#base = apiBaseUrl.replace(/\/+$/, '');
  }

  /** `archived` exists since 8.0 and hides archived repositories unless set; older servers ignore it. */
  repositories(page: PageQuery): string {
    return withQuery(`${this.#base}/repos`, { ...page, archived: 'ALL' });
  }

  projects(page: Partial<PageQuery>): string {
    return withQuery(`${this.#base}/projects`, { ...page });
  }

  projectRepositories(projectKey: string, page: Partial<PageQuery>): string {
    return withQuery(`${this.#base}/projects/${encodeSegment(projectKey)}/repos`, {
      ...page,
    });
  }

  repository(address: RepositoryAddress): string {
    const { projectKey, slug } = address;
    return `${this.#base}/projects/${encodeSegment(projectKey)}/repos/${encodeSegment(slug)}`;
  }

  /** `type=true` answers `{"type":"FILE"}` instead of the content. */
  fileType(address: RepositoryAddress, path: string, at?: string): string {
    return withQuery(`${this.repository(address)}/browse/${encodePath(path)}`, {
      type: true,
      at,
    });
  }

  /** The raw content, of any size. */
  rawFile(address: RepositoryAddress, path: string, at?: string): string {
    return withQuery(`${this.repository(address)}/raw/${encodePath(path)}`, { at });
  }

  /** `size=true` answers `{"size":N}`, in bytes, instead of the content. */
  fileSize(address: RepositoryAddress, path: string, at?: string): string {
    return withQuery(`${this.repository(address)}/browse/${encodePath(path)}`, {
      size: true,
      at,
    });
  }

  /** The newest first; `until` is a branch, tag, ref or commit, the default branch without it. */
  commits(address: RepositoryAddress, page: PageQuery, until?: string): string {
    return withQuery(`${this.repository(address)}/commits`, { ...page, until });
  }

  /**
   * A compressed tarball of one commit.
   *
   * @param options - `at`: a commit; `prefix`: the folder that contains everything; `path`:
   * limits the archive to this path
   */
  archive(
    address: RepositoryAddress,
    options: { readonly at: string; readonly prefix: string; readonly path?: string },
  ): string {
    const url = `${this.repository(address)}/archive`;
    return withQuery(url, { format: 'tgz', ...options });
  }

  files(address: RepositoryAddress, page: PageQuery, at?: string): string {
    return withQuery(`${this.repository(address)}/files`, { ...page, at });
  }

  /** `REPOSITORY` is the only type that exists. */
  labeled(label: string, page: PageQuery): string {
    const url = `${this.#base}/labels/${encodeSegment(label)}/labeled`;
    return withQuery(url, { type: 'REPOSITORY', ...page });
  }

  /** Answered in pages although no paging parameter is documented. */
  labels(address: RepositoryAddress, page: PageQuery): string {
    return withQuery(`${this.repository(address)}/labels`, { ...page });
  }

  /** Since 7.5; `/branches/default` before that. */
  defaultBranch(address: RepositoryAddress): string {
    return `${this.repository(address)}/default-branch`;
  }

  /** Deprecated since 7.5, and still present in 10.0. */
  branchesDefault(address: RepositoryAddress): string {
    return `${this.repository(address)}/branches/default`;
  }

  /** The changes that lead from `to` to `from`: the names are the reverse of what one expects. */
  changes(address: RepositoryAddress, page: PageQuery, from: string, to: string): string {
    return withQuery(`${this.repository(address)}/compare/changes`, {
      from,
      to,
      ...page,
    });
  }

  /** "Only authenticated users may call this resource": reveals an anonymous caller. */
  recentRepositories(): string {
    return withQuery(`${this.#base}/profile/recent/repos`, { start: 0, limit: 1 });
  }

  /** Next to the documented API; `undefined` where that API is not at its usual path. */
  search(): string | undefined {
    const [, base] = /^(.*\/rest)\/api\/[^/]+$/.exec(this.#base) ?? [];
    return base === undefined ? undefined : `${base}/search/latest/search`;
  }

  applicationProperties(): string {
    return `${this.#base}/application-properties`;
  }

  rateLimitSettings(): string {
    return `${this.#base}/admin/rate-limit/settings`;
  }

  userRateLimitSettings(userSlug: string): string {
    return `${this.#base}/admin/rate-limit/settings/users/${encodeSegment(userSlug)}`;
  }
}
