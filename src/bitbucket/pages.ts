/**
 * Reads a paged listing to its end. The one place that follows pages: by `nextPageStart`
 * only, since offsets count rows the user may not see (Bitbucket Data Center 10.0
 * OpenAPI and recorded answers), with the limit the server really used.
 */

import { ListingStep, Problem, Unanswered } from '../model';
import { RequestKind } from '../http/types';
import { Answer } from './Answer';
import { isUnsupported, provesRepositoryGone, unanswered } from './assessReply';
import { PageQuery } from './restUrls';
import { RequestOptions, Session } from './Session';
import { Page, WirePage } from './wire';

/** A page, or why there are no more pages: a failure is always the last step. */
export type PageStep =
  | { readonly kind: 'page'; readonly page: Page; readonly answer: Answer }
  | { readonly kind: 'failed'; readonly why: Unanswered; readonly answer?: Answer };

/** Far above any real listing; stops at a server whose listing never ends. */
const MAX_PAGES = 10_000;

/** In all pages together; also far above any real listing. */
const MAX_ROWS = 500_000;

/** In all pages together: 512 MiB, more than 300,000 repositories take. */
const MAX_CHARACTERS = 512 * 1024 * 1024;

/** On one page, above the limit of the request: Bitbucket returns at most that limit. */
const MAX_SURPLUS_ROWS = 1_000;

/** Rows requested per page, and the lower bound where that is too much for one answer. */
export interface PageLimits {
  readonly limit: number;
  /** The lower bound, above 0; equal to {@link limit} where a smaller page is of no use. */
  readonly least: number;
  /** `nextPageStart` of an earlier listing, to continue from there; 0 when left out. */
  readonly start?: number;
}

/** `start`: as in {@link PageLimits}. */
export type ListOptions = RequestOptions & { readonly start?: number };

/** `page.max.repositories`, unless an administrator changed it; halved three times at most. */
export const PAGE_LIMITS: PageLimits = { limit: 1000, least: 125 };

/** Requests one page; a timeout is final where a smaller page is requested instead. */
export type ReadPage = (
  page: PageQuery,
  options: { readonly isTimeoutFinal: boolean },
) => Promise<Answer | Unanswered>;

/** Reads a row; returns `undefined` for one that is no item of the listing. */
type ReadRow<T> = (row: unknown) => T | undefined;

/** A listing with one item per row. */
interface Listing<T> {
  readonly kind: RequestKind;
  readonly url: (page: PageQuery) => string;
  readonly read: ReadRow<T>;
  /**
   * Whether a refusal proves that the subject of the listing does not exist;
   * {@link provesRepositoryGone} when left out.
   */
  readonly provesGone?: (answer: Answer) => boolean;
}

/** Reads a listing and verifies that it is not the shorter one for anonymous callers. */
export async function* list<T>(
  session: Session,
  { kind, url, read, provesGone = provesRepositoryGone }: Listing<T>,
  { start, ...options }: ListOptions,
): AsyncGenerator<ListingStep<T>> {
  const readPage: ReadPage = (page, { isTimeoutFinal }) =>
    session.sendForPage({ kind, url: url(page), isTimeoutFinal }, options);
  for await (const step of readPages(readPage, { ...PAGE_LIMITS, start })) {
    if (step.kind === 'failed') {
      const { answer, why } = step;
      const isGone = answer !== undefined && provesGone(answer);
      const doubt = isGone && (await session.doubtAbsence(answer, options));
      yield {
        kind: 'failed',
        problem: doubt || why.problem,
        isRefusal: why.isRefusal,
        unsupported: answer !== undefined && !isGone && isUnsupported(answer),
        gone: isGone && !doubt,
      };
      return;
    }
    const { values, isLastPage, nextPageStart } = step.page;
    const items = values.flatMap(value => read(value) ?? []);
    const unreadable = values.length - items.length;
    const nextStart = isLastPage ? undefined : nextPageStart;
    yield { kind: 'items', items, unreadable, ...(nextStart && { nextStart }) };
  }
}

type FailedStep = Extract<PageStep, { kind: 'failed' }>;

/** Reads all pages; fails where a row is not readable. */
export async function readAll<T>(
  readPage: ReadPage,
  limits: PageLimits,
  read: ReadRow<T>,
): Promise<{ readonly kind: 'all'; readonly rows: T[] } | FailedStep> {
  const pages: T[][] = [];
  for await (const step of readPages(readPage, limits)) {
    const rows = readRows(step, read);
    if (!Array.isArray(rows)) {
      return rows;
    }
    pages.push(rows);
  }
  return { kind: 'all', rows: pages.flat() };
}

/**
 * Like {@link readAll}, but reads no further than the first page.
 *
 * @returns `more` if other pages follow; `limit`: the number of rows per page, if the server
 * states it
 */
export async function readOnlyPage<T>(
  readPage: ReadPage,
  limits: PageLimits,
  read: ReadRow<T>,
): Promise<
  | { readonly kind: 'all'; readonly rows: T[] }
  | { readonly kind: 'more'; readonly limit?: number }
  | FailedStep
> {
  for await (const step of readPages(readPage, limits)) {
    if (step.kind === 'page' && !step.page.isLastPage) {
      return { kind: 'more', limit: step.page.limit };
    }
    const rows = readRows(step, read);
    return Array.isArray(rows) ? { kind: 'all', rows } : rows;
  }
  return { kind: 'all', rows: [] };
}

function readRows<T>(step: PageStep, read: ReadRow<T>): T[] | FailedStep {
  if (step.kind === 'failed') {
    return step;
  }
  const rows = step.page.values.flatMap(value => read(value) ?? []);
  if (rows.length < step.page.values.length) {
    const problem = unexpected('a row is not an item of the expected kind');
    return { kind: 'failed', why: { kind: 'unknown', problem } };
  }
  return rows;
}

/**
 * Yields page after page. A page that is too much for one answer is requested again with half
 * the limit, which then also applies to the pages after it.
 *
 * @param readPage - a thrown error passes through
 * @param limits - the number of rows to request; the server may lower it silently
 */
export async function* readPages(
  readPage: ReadPage,
  { limit, least, start = 0 }: PageLimits,
): AsyncGenerator<PageStep, void> {
  let query: PageQuery = { start, limit };
  const total = { rows: 0, characters: 0 };
  for (let read = 0; read < MAX_PAGES; read += 1) {
    const isLeast = query.limit <= least;
    const answer = await readPage(query, { isTimeoutFinal: !isLeast });
    const page = answer.kind === 'unknown' ? undefined : answer.read(WirePage);
    if (answer.kind === 'unknown' || !page) {
      const failed = toFailure(answer);
      if (failed.why.isTooMuch && !isLeast) {
        query = { ...query, limit: Math.max(least, Math.floor(query.limit / 2)) };
        continue;
      }
      yield failed;
      return;
    }
    total.rows += page.values.length;
    total.characters += answer.body.length;
    const excess = findExcess(page, query, total);
    if (excess) {
      yield { kind: 'failed', why: { kind: 'unknown', problem: excess }, answer };
      return;
    }
    yield { kind: 'page', page, answer };
    const next = nextPage(query, page);
    if (next === 'end') {
      return;
    }
    if ('reason' in next) {
      yield { kind: 'failed', why: { kind: 'unknown', problem: next }, answer };
      return;
    }
    query = next;
  }
  const problem = unexpected(`it goes on after ${MAX_PAGES} pages`);
  yield { kind: 'failed', why: { kind: 'unknown', problem } };
}

function toFailure(answer: Answer | Unanswered): FailedStep {
  return answer.kind === 'unknown'
    ? { kind: 'failed', why: answer }
    : { kind: 'failed', why: unanswered(answer), answer };
}

/** Returns the problem of a page with too many rows, by itself or together with those before it. */
function findExcess(
  { values }: Page,
  { limit }: PageQuery,
  total: { readonly rows: number; readonly characters: number },
): Problem | undefined {
  if (values.length > limit + MAX_SURPLUS_ROWS) {
    return unexpected(`a page holds ${values.length} rows where ${limit} were asked for`);
  }
  if (total.rows > MAX_ROWS) {
    return unexpected(`it goes on after ${MAX_ROWS} rows`);
  }
  return total.characters > MAX_CHARACTERS
    ? unexpected(`it goes on after ${MAX_CHARACTERS / 1024 / 1024} MiB`)
    : undefined;
}

/** Decides what follows a page: the end, the next query, or a problem of the page. */
export function nextPage(asked: PageQuery, page: Page): PageQuery | Problem | 'end' {
  if (page.isLastPage) {
    return 'end';
  }
  if (page.nextPageStart === undefined) {
    return unexpected('a page says that more pages follow but not where they begin');
  }
  if (page.nextPageStart <= asked.start) {
    return unexpected(
      `the page after ${asked.start} begins at ${page.nextPageStart}: the listing does not advance`,
    );
  }
  return {
    start: page.nextPageStart,
    limit: Math.min(asked.limit, page.limit ?? asked.limit),
  };
}

function unexpected(what: string): Problem {
  return {
    reason: 'unexpected-answer',
    detail: `Bitbucket's listing is broken: ${what}`,
  };
}
