/**
 * A Backstage catalog on a socket, as far as the command line uses it: Locations by query,
 * in pages, and the report of this module, for requests with the token. For tests.
 */

import { createServer } from 'node:http';
import { Entity } from '@backstage/catalog-model';
import { JsonObject } from '@backstage/types';
import { locationSpecToLocationEntity } from '@backstage/plugin-catalog-node';
import { parseTarget } from '../../util/parseUrls';

/** A Location in the catalog. */
export interface FakeLocation {
  readonly target: string;
  /** Who registered it; defaults to this module. */
  readonly by?: 'published-module' | 'hand' | 'other-file';
}

/** The report of a provider. */
export interface FakeReport {
  readonly providerId: string;
  /** Defaults to `succeeded`. */
  readonly status?: 'running' | 'failed' | 'never-run' | 'succeeded';
  /** The targets of its Locations, one repository for each. */
  readonly targets?: readonly string[];
  /** The number in the summary; `targets` may be omitted then. */
  readonly locations?: number;
  /** The targets of held removals, of repositories that no run lists any more. */
  readonly held?: readonly string[];
  /** The entities and errors of the files, by target; not reported if omitted. */
  readonly inCatalog?: Readonly<Record<string, JsonObject>>;
  /** When each repository was checked and is due; not reported if omitted. */
  readonly checks?: { readonly checkedAt: string; readonly dueAt?: string };
  /** The held removals of each repository. */
  readonly heldRemovals?: readonly JsonObject[];
}

/** An HTTP answer. */
export interface FakeAnswer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The options of {@link serveBackstage}. */
export interface FakeBackstageOptions {
  readonly locations?: readonly FakeLocation[];
  /** If omitted, the backend runs the published module. */
  readonly reports?: readonly FakeReport[];
  /** Whether the token may read the reports; defaults to true. */
  readonly mayReadReports?: boolean;
  /** The only accepted token; if omitted, no token is needed. */
  readonly token?: string;
  readonly pageSize?: number;
  /** Replaces every other answer. */
  readonly answer?: FakeAnswer;
  /** The cursor after a page, even the last one; defaults to the number of the next page. */
  readonly cursorAfter?: (page: number) => string;
}

/** A running fake. */
export interface FakeBackstage extends AsyncDisposable {
  readonly url: string;
  /** The paths and queries of the requests. */
  readonly asked: readonly string[];
}

/** Starts the fake on a free port of this machine. */
export async function serveBackstage(
  options: FakeBackstageOptions = {},
): Promise<FakeBackstage> {
  const asked: string[] = [];
  const server = createServer((incoming, outgoing) => {
    asked.push(`${incoming.method} ${incoming.url}`);
    const { status, body, headers } = answer(
      new URL(incoming.url ?? '/', 'http://backstage.test'),
      incoming.headers.authorization,
      options,
    );
    outgoing
      .writeHead(status, { 'Content-Type': 'application/json', ...headers })
      .end(body);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    [Symbol.asyncDispose]: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(
  url: URL,
  authorization: string | undefined,
  options: FakeBackstageOptions,
): FakeAnswer {
  const { token } = options;
  if (options.answer) {
    return options.answer;
  }
  if (token !== undefined && authorization !== `Bearer ${token}`) {
    // Some proxies echo the request.
    return toError(401, 'AuthenticationError', `Illegal token ${authorization}`);
  }
  const [, report] = /^\/api\/catalog\/bitbucket-server(\/.*)$/.exec(url.pathname) ?? [];
  if (report !== undefined && options.reports) {
    return options.mayReadReports === false
      ? toError(403, 'NotAllowedError', 'This needs the permission catalog.location.read')
      : answerReport(report, url.searchParams, options.reports);
  }
  return url.pathname === '/api/catalog/entities/by-query'
    ? answerPage(Number(url.searchParams.get('cursor') ?? 0), options)
    : toError(404, 'NotFoundError', 'No such route');
}

function answerPage(
  page: number,
  { locations = [], pageSize = 500, cursorAfter }: FakeBackstageOptions,
): FakeAnswer {
  const [start, end] = [page * pageSize, (page + 1) * pageSize];
  const nextCursor =
    cursorAfter?.(page) ?? (end < locations.length ? String(page + 1) : undefined);
  return {
    status: 200,
    body: JSON.stringify({
      items: locations.slice(start, end).map(toEntity),
      totalItems: locations.length,
      pageInfo: { nextCursor },
    }),
  };
}

function toError(status: number, name: string, message: string) {
  const response = { statusCode: status };
  return { status, body: JSON.stringify({ error: { name, message }, response }) };
}

/** Answers as in `docs/report.openapi.yaml`, without the fields that the command line ignores. */
function answerReport(
  path: string,
  query: URLSearchParams,
  reports: readonly FakeReport[],
): FakeAnswer {
  const toDiscovery = (report: FakeReport) => {
    const { providerId, status = 'succeeded', targets = [] } = report;
    const locations = report.locations ?? targets.length;
    return {
      providerId,
      host: 'bitbucket.test',
      status,
      ...(status !== 'never-run' && { summary: { locations } }),
    };
  };
  const [, id, rest, address] =
    /^\/discoveries(?:\/([^/]+)(\/repositories)?(?:\/(.+))?)?$/.exec(path) ?? [];
  if (id === undefined) {
    return toJson({ items: reports.map(toDiscovery) });
  }
  const report = reports.find(
    candidate => candidate.providerId === decodeURIComponent(id),
  );
  if (!report) {
    return toError(404, 'NotFoundError', `There is no discovery "${id}"`);
  }
  const { targets = [], held = [] } = report;
  if (rest === undefined) {
    const heldRemovals = held.map(targetUrl => ({
      targetUrl,
      since: '2024-01-01T00:00:00.000Z',
      approved: false,
    }));
    return toJson({ ...toDiscovery(report), heldRemovals });
  }
  const items = targets.map(targetUrl => toItem(report, targetUrl));
  if (address !== undefined) {
    const name = decodeURIComponent(address).toLowerCase();
    const found = items.find(
      item => `${item.projectKey}/${item.repositorySlug}`.toLowerCase() === name,
    );
    return found ? toJson(found) : toError(404, 'NotFoundError', `No ${name}`);
  }
  const [limit, offset] = [Number(query.get('limit')), Number(query.get('offset'))];
  return toJson({
    items: items.slice(offset, offset + limit),
    totalItems: targets.length,
    limit,
    offset,
  });
}

function toItem({ inCatalog, checks, heldRemovals }: FakeReport, targetUrl: string) {
  const { projectKey = '', slug = '', path = '' } = parseTarget(targetUrl) ?? {};
  return {
    projectKey,
    repositorySlug: slug,
    outcome: 'registered',
    files: [{ path, targetUrl }],
    catalog: inCatalog?.[targetUrl],
    ...checks,
    ...(heldRemovals && { heldRemovals: [...heldRemovals] }),
  };
}

function toJson(body: JsonObject): FakeAnswer {
  return { status: 200, body: JSON.stringify(body) };
}

/** Builds a Location as the catalog shows it for a module, a registration or another file. */
function toEntity({ target, by }: FakeLocation): Entity {
  const entity = locationSpecToLocationEntity({ location: { type: 'url', target } });
  const { name, annotations } = entity.metadata;
  const { projectKey = '', slug = '' } = parseTarget(target) ?? {};
  const marks = {
    'bitbucket.org/project-key': projectKey,
    'bitbucket.org/repo-slug': slug,
  };
  const added = {
    'published-module': { 'bitbucket.org/default-branch': 'main' },
    hand: {},
    'other-file': marks,
  };
  return {
    ...entity,
    metadata: {
      name: by === 'other-file' ? 'named-by-somebody' : name,
      annotations: { ...annotations, ...(by ? added[by] : marks) },
    },
  };
}
