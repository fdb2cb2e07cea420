/** What a request says, taken apart once. Faults match by it, `handle.ts` routes by it. */
import { type Credentials, parseCredentials } from './auth';
import { routes } from './routes';
import { searchRoute } from './routes/search';
import {
  type RouteMatch,
  type SimulatedRequestKind,
  createRouteFinder,
} from './routes/route';

/** A request as it arrives. */
export interface SimulatedRequest {
  readonly method: string;
  /** Path with context path and query, encoded. */
  readonly target: string;
  /** The header of that name. */
  readonly authorization?: string;
  /** Empty where none was sent. */
  readonly body: string;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** What a request asks for. */
export interface RequestFacts {
  readonly method: string;
  /** Path below the context path, encoded, such as `/rest/api/latest/repos`. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly kind: SimulatedRequestKind;
  /** As in the path, decoded. */
  readonly projectKey?: string;
  /** As in the path, decoded. */
  readonly repositorySlug?: string;
  /** Path of a file or directory in the repository, decoded. */
  readonly filePath?: string;
  readonly credentials: Credentials;
}

/** The facts with where they lead. */
export interface ParsedRequest {
  readonly facts: RequestFacts;
  /** `undefined` where no route fits. */
  readonly match?: RouteMatch;
  /** Path with context path and query, as it came. */
  readonly target: string;
  /** The path lies under the context path. */
  readonly inside: boolean;
}

const findRoute = createRouteFinder(routes);

/**
 * Takes a request apart.
 *
 * @param contextPath - such as `/bitbucket`, or empty
 */
export function parseRequest(
  {
    method,
    target,
    authorization,
  }: Pick<SimulatedRequest, 'method' | 'target' | 'authorization'>,
  contextPath: string,
): ParsedRequest {
  const url = new URL(`http://bitbucket.test${target}`);
  const inside = contextPath === '' || `${url.pathname}/`.startsWith(`${contextPath}/`);
  const path = inside ? url.pathname.slice(contextPath.length) : url.pathname;
  const match = inside ? matchRest(path) : undefined;
  const { projectKey, repositorySlug, path: filePath } = match?.params ?? {};
  return {
    match,
    inside,
    target: `${url.pathname}${url.search}`,
    facts: {
      method,
      path,
      query: url.searchParams,
      kind: toKind(match, url.searchParams),
      projectKey,
      repositorySlug,
      filePath,
      credentials: parseCredentials(authorization),
    },
  };
}

function matchRest(path: string): RouteMatch | undefined {
  if (/^\/rest\/search\/(?:latest|1\.0)\/search$/.test(path)) {
    return { route: searchRoute, params: {} };
  }
  const [, rest] = /^\/rest\/api\/(?:latest|1\.0)\/(.+)$/.exec(path) ?? [];
  if (rest === undefined) {
    return undefined;
  }
  try {
    return findRoute(rest.replace(/\/+$/, '').split('/').map(decodeURIComponent));
  } catch {
    return undefined;
  }
}

/** `browse` that asks for no content is a file check. */
function toKind(
  match: RouteMatch | undefined,
  query: URLSearchParams,
): SimulatedRequestKind {
  const kind = match?.route.kind ?? 'other';
  const check = query.get('type') === 'true' || query.get('size') === 'true';
  return kind === 'browse' && check ? 'file-check' : kind;
}
