/**
 * Reading a paged listing to its end. The one place that follows pages: `nextPageStart`
 * only, since offsets count rows the user may not see (Bitbucket Data Center 10.0
 * OpenAPI and recorded answers), with the limit the server really used.
 */

import { z } from 'zod';
import { ListingStep, Problem, Unanswered } from '../model';
import { RequestKind } from '../http/types';
import { Answer } from './Answer';
import { isUnsupported, provesRepositoryGone, unanswered } from './assessReply';
import { PageQuery } from './restUrls';
import { AskOptions, Session } from './Session';
import { Page, parse, WirePage } from './wire';

/** A page that was read, or why there are no more: a failure is always the last step. */
export type PageStep =
  | { readonly kind: 'page'; readonly page: Page; readonly answer: Answer }
  | { readonly kind: 'failed'; readonly why: Unanswered; readonly answer?: Answer };

/** Far above any real listing; a server that pages on without end is stopped here. */
const MAX_PAGES = 10_000;

/** Of all pages together: far above any real listing as well. */
const MAX_ROWS = 500_000;

/** Of all pages together as well: 512 MiB, more than 300,000 repositories take. */
const MAX_CHARACTERS = 512 * 1024 * 1024;

/** On one page, above what was asked for: Bitbucket gives that many or fewer. */
const MAX_SURPLUS_ROWS = 1_000;

/** Rows asked for per page, and how few at least where that is too much for one answer. */
export interface PageLimits {
  readonly limit: number;
  /** More than 0; {@link limit} where a smaller page is of no use. */
  readonly least: number;
  /** `nextPageStart` of an earlier reading, to go on from there; 0 when left out. */
  readonly start?: number;
}

/** `start`: as in {@link PageLimits}. */
export type ListOptions = AskOptions & { readonly start?: number };

/** `page.max.repositories`, unless an administrator changed it; halved three times at most. */
export const PAGE_LIMITS: PageLimits = { limit: 1000, least: 125 };

/** Asks for one page; a timeout is final where a smaller page is asked for instead. */
export type AskPage = (
  page: PageQuery,
  options: { readonly isTimeoutFinal: boolean },
) => Promise<Answer | Unanswered>;

/** A listing of which each row is one of the things that are listed. */
interface Listing<T> {
  readonly kind: RequestKind;
  readonly url: (page: PageQuery) => string;
  readonly row: z.ZodType<T>;
  /**
   * Whether a refusal proves that what was to be listed does not exist;
   * {@link provesRepositoryGone} when left out.
   */
  readonly provesGone?: (answer: Answer) => boolean;
}

/** Reads a listing, making sure that it is not shortened as for an anonymous caller. */
export async function* list<T>(
  session: Session,
  { kind, url, row, provesGone = provesRepositoryGone }: Listing<T>,
  { start, ...options }: ListOptions,
): AsyncGenerator<ListingStep<T>> {
  const ask: AskPage = (page, { isTimeoutFinal }) =>
    session.askForListing({ kind, url: url(page), isTimeoutFinal }, options);
  for await (const step of readPages(ask, { ...PAGE_LIMITS, start })) {
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
    const items = values.flatMap(value => parse(row, value) ?? []);
    const unreadable = values.length - items.length;
    const nextStart = isLastPage ? undefined : nextPageStart;
    yield { kind: 'items', items, unreadable, ...(nextStart && { nextStart }) };
  }
}

/** Reads all pages, of which each row has to be readable. */
export async function readAll<T>(
  ask: AskPage,
  limits: PageLimits,
  read: (row: unknown) => T | undefined,
): Promise<{ kind: 'all'; rows: T[] } | Extract<PageStep, { kind: 'failed' }>> {
  const pages: T[][] = [];
  for await (const step of readPages(ask, limits)) {
    if (step.kind === 'failed') {
      return step;
    }
    const rows = step.page.values.flatMap(value => read(value) ?? []);
    if (rows.length < step.page.values.length) {
      const problem = unexpected('a row is not what is listed there');
      return { kind: 'failed', why: { kind: 'unknown', problem } };
    }
    pages.push(rows);
  }
  return { kind: 'all', rows: pages.flat() };
}

/**
 * Yields page after page. One that is too much for an answer is asked for again with half the
 * limit, and so are those after it.
 *
 * @param ask - a thrown error passes through
 * @param limits - how many rows to ask for; the server may lower it silently
 */
export async function* readPages(
  ask: AskPage,
  { limit, least, start = 0 }: PageLimits,
): AsyncGenerator<PageStep, void> {
  let query: PageQuery = { start, limit };
  const total = { rows: 0, characters: 0 };
  for (let read = 0; read < MAX_PAGES; read += 1) {
    const isLeast = query.limit <= least;
    const answer = await ask(query, { isTimeoutFinal: !isLeast });
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

function toFailure(answer: Answer | Unanswered): Extract<PageStep, { kind: 'failed' }> {
  return answer.kind === 'unknown'
    ? { kind: 'failed', why: answer }
    : { kind: 'failed', why: unanswered(answer), answer };
}

/** Whether a page holds too many rows, by itself or together with those before it. */
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

/** Where to go on after a page: its end, the next query, or what is wrong with it. */
export function nextPage(asked: PageQuery, page: Page): PageQuery | Problem | 'end' {
  if (page.isLastPage) {
    return 'end';
  }
  if (page.nextPageStart === undefined) {
    return unexpected('a page says that more follow and does not say where');
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
