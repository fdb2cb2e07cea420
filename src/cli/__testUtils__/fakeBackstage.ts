/**
 * A Backstage catalog on a socket, as far as the command line asks it: Locations by query,
 * page by page, and the report of this module, for whoever has the token. For tests.
 */

import { createServer } from 'node:http';
import { Entity } from '@backstage/catalog-model';
import { JsonObject } from '@backstage/types';
import { locationSpecToLocationEntity } from '@backstage/plugin-catalog-node';
import { parseTarget } from '../../util/parseUrls';

/** A Location in the catalog. */
export interface FakeLocation {
  readonly target: string;
  /** This module when left out. */
  readonly by?: 'published-module' | 'hand' | 'other-file';
}

/** What the backend reports of a provider. */
export interface FakeReport {
  readonly providerId: string;
  /** `succeeded` when left out. */
  readonly status?: 'running' | 'failed' | 'never-run' | 'succeeded';
  /** Targets of what it has in the catalog, a repository for each. */
  readonly targets?: readonly string[];
  /** As the summary counts them; `targets` need not be there then. */
  readonly locations?: number;
  /** Targets of what is held back, of repositories that no run lists any more. */
  readonly held?: readonly string[];
  /** What became of the files in the catalog, by target; not told of when left out. */
  readonly inCatalog?: Readonly<Record<string, JsonObject>>;
  /** When each repository was looked at, and is due; not told of when left out. */
  readonly checks?: { readonly checkedAt: string; readonly dueAt?: string };
  /** Of each repository. */
  readonly heldRemovals?: readonly JsonObject[];
}

/** One answer over HTTP. */
export interface FakeAnswer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** For {@link serveBackstage}. */
export interface FakeBackstageOptions {
  readonly locations?: readonly FakeLocation[];
  /** It runs the published module when left out. */
  readonly reports?: readonly FakeReport[];
  /** Whether the token may read them; it may when left out. */
  readonly mayReadReports?: boolean;
  /** The only one that is let in; everybody when left out. */
  readonly token?: string;
  readonly pageSize?: number;
  /** In place of any other answer. */
  readonly answer?: FakeAnswer;
  /** Of the next page, whatever there is on it; the number of the page when left out. */
  readonly cursorAfter?: (page: number) => string;
}

/** A running one. */
export interface FakeBackstage extends AsyncDisposable {
  readonly url: string;
  /** Paths and queries it was asked. */
  readonly asked: readonly string[];
}

/** Starts on a free port of this machine. */
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
    // Some proxies echo what they were sent.
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

/** As `docs/report.openapi.yaml` describes it, with what nobody here reads left out. */
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
  const report = reports.find(one => one.providerId === decodeURIComponent(id));
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
      one => `${one.projectKey}/${one.repositorySlug}`.toLowerCase() === name,
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

/** As the catalog shows what a module made, what somebody registered and what a file holds. */
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
