/**
 * A Backstage catalog on a socket, as far as the command line asks it: Locations by query,
 * page by page, for whoever has the token. For tests.
 */

import { createServer } from 'node:http';

/** A Location in the catalog. */
export interface FakeLocation {
  readonly target: string;
  /** Carries the annotations that discovery gives; otherwise registered by hand. */
  readonly discovered?: boolean;
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
  const { locations = [], token, pageSize = 500, cursorAfter } = options;
  if (options.answer) {
    return options.answer;
  }
  if (url.pathname !== '/api/catalog/entities/by-query') {
    return toError(404, 'NotFoundError', 'No such route');
  }
  if (token !== undefined && authorization !== `Bearer ${token}`) {
    // Some proxies echo what they were sent.
    return toError(401, 'AuthenticationError', `Illegal token ${authorization}`);
  }
  const page = Number(url.searchParams.get('cursor') ?? 0);
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

/** As the catalog shows what a provider made, and what somebody registered. */
function toEntity({ target, discovered = true }: FakeLocation) {
  const [, projectKey, slug] = /\/projects\/([^/]+)\/repos\/([^/]+)\//.exec(target) ?? [];
  return {
    kind: 'Location',
    metadata: {
      annotations: {
        'backstage.io/managed-by-location': `url:${target}`,
        ...(discovered && {
          'bitbucket.org/project-key': projectKey,
          'bitbucket.org/repo-slug': slug,
        }),
      },
    },
    spec: { type: 'url', target },
  };
}
