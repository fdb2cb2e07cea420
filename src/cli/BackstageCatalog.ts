/**
 * The Locations of a live Backstage catalog, over HTTP. Reads only. The one file that talks
 * to a Backstage; says in a sentence what kept it from reading.
 */

import { CatalogClient } from '@backstage/catalog-client';
import { isError } from '@backstage/errors';
import { z } from 'zod';
import { describeNetworkFailure } from '../http/describeNetworkFailure';
import { createRedactor } from '../http/redact';
import { TimeLimitReached, withinTimeLimit } from '../http/timeLimit';
import { CliIo } from './CliIo';
import { CommandFailedError, UsageError } from './errors';

/** Of one page. */
const TIMEOUT_MS = 60_000;
const PAGE_SIZE = 500;

/** What discovery puts on its Locations; the published module does too. */
const ANNOTATION_PROJECT_KEY = 'bitbucket.org/project-key';

const FIELDS = ['kind', 'metadata.annotations', 'spec.target', 'spec.targets'];

const Page = z.object({
  items: z.array(z.unknown()),
  pageInfo: z.object({ nextCursor: z.string().optional() }),
});

const LocationEntity = z.object({
  metadata: z.object({ annotations: z.record(z.string(), z.unknown()).default({}) }),
  spec: z.object({
    target: z.string().optional(),
    targets: z.array(z.string()).default([]),
  }),
});

/** One target of a Location in the catalog. */
export interface CatalogTarget {
  readonly url: string;
  /** Discovery made the Location: nobody registered it by hand. */
  readonly discovered: boolean;
}

/** Which catalog, and as whom. */
export interface CatalogAddress {
  /** Base URL of the backend. */
  readonly url: string;
  readonly token?: string;
}

/**
 * Checks the address and brings it into the form it is shown in.
 *
 * @throws UsageError for what is no base URL, or has credentials in it
 */
export function parseBackstageUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new UsageError(
      '--against must be the base URL of a Backstage backend, such as https://backstage.example.com',
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new UsageError(
      '--against must not carry credentials: use --token or BACKSTAGE_TOKEN',
    );
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

/**
 * Reads the targets of every Location in the catalog.
 *
 * @throws CommandFailedError in words without secrets when they cannot be read
 */
export async function readCatalogTargets(
  address: CatalogAddress,
  io: CliIo,
): Promise<CatalogTarget[]> {
  const { clock, signal, fetch } = io;
  const client = new CatalogClient({
    discoveryApi: { getBaseUrl: async id => `${address.url}/api/${id}` },
    ...(fetch && { fetchApi: { fetch } }),
  });
  const targets: CatalogTarget[] = [];
  const seen = new Set<string>();
  let cursor: string | undefined;
  do {
    const request =
      cursor === undefined ? { filter: { kind: 'Location' } } : { cursor: cursor };
    const options = address.token === undefined ? {} : { token: address.token };
    let page: z.infer<typeof Page>;
    try {
      const ask = () =>
        client.queryEntities({ ...request, limit: PAGE_SIZE, fields: FIELDS }, options);
      page = Page.parse(await withinTimeLimit(ask, { clock, ms: TIMEOUT_MS, signal }));
    } catch (error) {
      signal.throwIfAborted();
      throw new CommandFailedError(describeFailure(error, address));
    }
    targets.push(...page.items.flatMap(readTargets));
    cursor = page.pageInfo.nextCursor;
    // A cursor that comes back would go round for ever.
  } while (cursor !== undefined && !seen.has(cursor) && seen.add(cursor));
  return targets;
}

function readTargets(item: unknown): CatalogTarget[] {
  const { data } = LocationEntity.safeParse(item);
  if (!data) {
    return [];
  }
  const discovered = data.metadata.annotations[ANNOTATION_PROJECT_KEY] !== undefined;
  const { target, targets } = data.spec;
  const urls = target === undefined ? targets : [target, ...targets];
  return urls.map(url => ({ url, discovered }));
}

function describeFailure(error: unknown, { url, token }: CatalogAddress): string {
  const redact = createRedactor(token === undefined ? [] : [token]);
  return redact(`The catalog at ${url} cannot be read: ${describeCause(error, token)}`);
}

function describeCause(error: unknown, token: string | undefined): string {
  if (error instanceof TimeLimitReached) {
    return `no complete answer within ${TIMEOUT_MS / 1000} s`;
  }
  switch (statusOf(error)) {
    case 401:
      return token === undefined
        ? '401, it wants to know who asks. Give it a token with BACKSTAGE_TOKEN or --token'
        : '401, it does not accept the token. Check that it has not expired, and that it is a token for the backend';
    case 403:
      return '403, the token may not read the catalog. It needs the permission catalog.entity.read';
    case 404:
      return '404, there is no catalog. --against must be the base URL of the backend, not of the frontend';
    case undefined:
      return isNoCatalogAnswer(error)
        ? 'the answer is not that of a catalog. --against must be the base URL of the backend, not of the frontend'
        : describeNetworkFailure(error).what;
    default:
      return `it answered with status ${statusOf(error)}`;
  }
}

function statusOf(error: unknown): number | undefined {
  const status: unknown = isError(error) ? error.statusCode : undefined;
  return typeof status === 'number' ? status : undefined;
}

/** Not JSON, or JSON of another shape. */
function isNoCatalogAnswer(error: unknown): boolean {
  return (
    error instanceof z.ZodError ||
    (isError(error) && (error.name === 'SyntaxError' || error.type === 'invalid-json'))
  );
}
