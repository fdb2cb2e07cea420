/** Routes and their parameters: types and the matching of paths; used by `index.ts`. */
import type { SimulatedModel } from '../model';
import type { HiddenRows } from '../paging';
import type { SimulatedRateLimit } from '../rateLimit';
import type { RepositoryJson } from '../repositoryJson';
import type { Viewer } from '../viewer';
import type { SearchSettings } from './search';

/** The kind of a request; faults match by it. */
export type SimulatedRequestKind =
  | 'repositories'
  | 'projects'
  | 'project'
  | 'project-repositories'
  | 'repository'
  | 'file-check'
  | 'browse'
  | 'files-listing'
  | 'raw'
  | 'default-branch'
  | 'branches'
  | 'commit'
  | 'compare'
  | 'labels'
  | 'rate-limit-settings'
  | 'authentication-check'
  | 'application-properties'
  | 'search'
  | 'other';

/**
 * The server's maximum page sizes, as `bitbucket.properties` sets them. Defaults: 1000,
 * for recursive file lists 100000, for lines 5000.
 */
export interface PageCaps {
  /** `page.max.repositories` */
  repositories: number;
  projects: number;
  labels: number;
  /** `page.max.branches` */
  branches: number;
  /** `page.max.directory.children` */
  directoryChildren: number;
  /** `page.max.directory.recursive.children` */
  files: number;
  /** `page.max.source.lines` */
  lines: number;
  /** `page.max.changes` */
  changes: number;
}

/** The behaviour of the server that routes depend on. */
export interface ServerSettings {
  readonly pageCaps: PageCaps;
  /** The answer of an empty repository to a request for its content without `at`. */
  emptyRepositories: 'EmptyRepositoryException' | 'NoDefaultBranchException';
  hiddenRows: HiddenRows;
  /** Whether the former address of a renamed or moved repository still answers, with the new one. */
  followsMoves: boolean;
  version: string;
  search: SearchSettings;
}

/** The context in which a route answers one request. */
export interface RouteContext {
  readonly model: SimulatedModel;
  readonly json: RepositoryJson;
  readonly settings: ServerSettings;
  readonly rateLimit: SimulatedRateLimit;
  readonly viewer: Viewer;
  readonly query: URLSearchParams;
  /** Parts of the path by the name in the template, decoded. */
  readonly params: Readonly<Partial<Record<string, string>>>;
}

/** An answer before its conversion to a `Response`. */
export interface Reply {
  readonly status: number;
  readonly body: string;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** One operation of the REST API. */
export interface Route {
  /**
   * Path as in Atlassian's OpenAPI document, with `/api/latest` in front. A last
   * `{path}` takes the rest of the path.
   */
  readonly template: string;
  readonly kind: SimulatedRequestKind;
  /** The supported query parameters. */
  readonly query: readonly string[];
  /** Whether it answers anonymous callers even where public access is off. */
  readonly open?: boolean;
  /** The version that introduced the route, such as `7.5`; older versions do not have it. */
  readonly since?: string;
  answer(context: RouteContext): Reply;
  /** Handles a POST; left out where the route has none. */
  post?(context: RouteContext, body: string): Reply;
}

/** A route that matches a path, with the parts of the path. */
export interface RouteMatch {
  readonly route: Route;
  readonly params: Readonly<Partial<Record<string, string>>>;
}

/** Whether a server of this version has the route. */
export function isServedBy({ since }: Route, version: string): boolean {
  if (since === undefined) {
    return true;
  }
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [sinceMajor = 0, sinceMinor = 0] = since.split('.').map(Number);
  return major > sinceMajor || (major === sinceMajor && minor >= sinceMinor);
}

/** A JSON answer. */
export function jsonReply(body: string, status = 200): Reply {
  return { status, body, contentType: 'application/json;charset=UTF-8', headers: {} };
}

/** Creates a function that finds the route of a path below `/rest/api/<version>`. */
export function createRouteFinder(
  routes: readonly Route[],
): (segments: readonly string[]) => RouteMatch | undefined {
  const compiled = routes.map(route => ({
    route,
    pattern: route.template.split('/').slice(3),
  }));
  return segments => {
    for (const { route, pattern } of compiled) {
      const params = matchSegments(pattern, segments);
      if (params) {
        return { route, params };
      }
    }
    return undefined;
  };
}

function matchSegments(
  pattern: readonly string[],
  segments: readonly string[],
): Record<string, string> | undefined {
  const rest = pattern.at(-1) === '{path}';
  if (rest ? segments.length < pattern.length : segments.length !== pattern.length) {
    return undefined;
  }
  const params: Record<string, string> = {};
  for (const [index, part] of pattern.entries()) {
    const segment = segments[index];
    if (part === '{path}') {
      params.path = segments.slice(index).join('/');
    } else if (part.startsWith('{') && segment !== undefined) {
      params[part.slice(1, -1)] = segment;
    } else if (part !== segment) {
      return undefined;
    }
  }
  return params;
}
