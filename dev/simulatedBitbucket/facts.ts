/** The parsed parts of a request. Faults match by them, `handle.ts` routes by them. */
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
  /** Aborted when the client no longer waits for the answer. */
  readonly signal: AbortSignal;
}

/** The target of a request. */
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

/** The facts with their route. */
export interface ParsedRequest {
  readonly facts: RequestFacts;
  /** `undefined` where no route matches. */
  readonly match?: RouteMatch;
  /** Path with context path and query, as it came. */
  readonly target: string;
  /** Whether the path is below the context path. */
  readonly inside: boolean;
}

const findRoute = createRouteFinder(routes);

/**
 * Parses a request.
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

/** A `browse` request without content is a file check. */
function toKind(
  match: RouteMatch | undefined,
  query: URLSearchParams,
): SimulatedRequestKind {
  const kind = match?.route.kind ?? 'other';
  const check = query.get('type') === 'true' || query.get('size') === 'true';
  return kind === 'browse' && check ? 'file-check' : kind;
}
