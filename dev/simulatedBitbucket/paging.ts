/**
 * Bitbucket's paging: `start` counts rows before permissions are applied, `limit` is
 * clamped silently. Called by every route that lists something.
 */
import { invalidArgument } from './errors';

/** Default page size. Source: Bitbucket Data Center 10.0 OpenAPI, parameter `limit`. */
const DEFAULT_LIMIT = 25;

/**
 * What happens to rows the user may not see: `skipped` fills the page with later ones,
 * `short-page` leaves the page shorter than `limit`. Both make `nextPageStart` differ
 * from `start + size`.
 */
export type HiddenRows = 'skipped' | 'short-page';

/** The parameters of the client, clamped. */
export interface PageRequest {
  readonly start: number;
  readonly limit: number;
}

/** One page before it becomes JSON. */
export interface Page<T> extends PageRequest {
  readonly values: readonly T[];
  /** `undefined` on the last page. */
  readonly nextPageStart?: number;
}

/**
 * Reads `start` and `limit`.
 *
 * @param cap - the server's own maximum, such as `page.max.repositories`
 * @throws BitbucketException 400 when one is not a valid number
 */
export function readPageRequest(
  query: URLSearchParams,
  cap: number,
  defaultLimit = DEFAULT_LIMIT,
): PageRequest {
  const start = readNumber(query, 'start', 0, 0);
  const limit = readNumber(query, 'limit', defaultLimit, 1);
  return { start, limit: Math.min(limit, cap) };
}

/**
 * Selects one page of all rows.
 *
 * @param rows - every row that the query matches, visible or not
 * @param sees - whether the user may see a row
 */
export function toPage<T>(
  rows: readonly T[],
  { start, limit }: PageRequest,
  sees: (row: T) => boolean = () => true,
  hiddenRows: HiddenRows = 'skipped',
): Page<T> {
  if (hiddenRows === 'short-page') {
    const end = start + limit;
    const values = rows.slice(start, end).filter(sees);
    return { start, limit, values, nextPageStart: end < rows.length ? end : undefined };
  }
  const values: T[] = [];
  for (let index = start; index < rows.length; index += 1) {
    const row = rows[index];
    if (row === undefined || !sees(row)) {
      continue;
    }
    if (values.length === limit) {
      return { start, limit, values, nextPageStart: index };
    }
    values.push(row);
  }
  return { start, limit, values };
}

/**
 * The JSON of a page: `nextPageStart` is absent on the last one.
 *
 * @param toJson - the JSON text of one row
 */
export function toPageJson<T>(page: Page<T>, toJson: (row: T) => string): string {
  const { start, limit, values, nextPageStart } = page;
  const isLastPage = nextPageStart === undefined;
  const next = isLastPage ? '' : `,"nextPageStart":${nextPageStart}`;
  return (
    `{"size":${values.length},"limit":${limit},"isLastPage":${isLastPage},` +
    `"values":[${values.map(toJson).join(',')}],"start":${start}${next}}`
  );
}

function readNumber(
  query: URLSearchParams,
  name: string,
  fallback: number,
  minimum: number,
): number {
  const text = query.get(name);
  if (text === null || text === '') {
    return fallback;
  }
  if (!/^\d{1,9}$/.test(text) || Number(text) < minimum) {
    throw invalidArgument(`The ${name} must be a number of at least ${minimum}`);
  }
  return Number(text);
}
