/**
 * Reading a paged listing to its end. The one place that follows pages: `nextPageStart`
 * only, since offsets count rows the user may not see (Bitbucket Data Center 10.0
 * OpenAPI and recorded answers), with the limit the server really used.
 */

import { Problem } from '../model';
import { HttpReply } from '../http/types';
import { problemOf } from './assessReply';
import { PageQuery } from './restUrls';
import { Page, parseJson, parsePage } from './wire';

/** A page that was read, or why there are no more: a failure is always the last step. */
export type PageStep =
  | { readonly kind: 'page'; readonly page: Page; readonly reply: HttpReply }
  | { readonly kind: 'failed'; readonly problem: Problem; readonly reply?: HttpReply };

/** Far above any real listing; a server that pages on without end is stopped here. */
const MOST_PAGES = 10_000;

/**
 * Yields page after page.
 *
 * @param ask - asks for one page; a thrown error passes through
 * @param limit - how many rows to ask for; the server may lower it silently
 */
export async function* readPages(
  ask: (page: PageQuery) => Promise<HttpReply | Problem>,
  limit: number,
): AsyncGenerator<PageStep> {
  let query: PageQuery = { start: 0, limit };
  for (let read = 0; read < MOST_PAGES; read += 1) {
    const reply = await ask(query);
    if ('reason' in reply) {
      yield { kind: 'failed', problem: reply };
      return;
    }
    const page = reply.status === 200 ? parsePage(parseJson(reply.body)) : undefined;
    if (!page) {
      yield { kind: 'failed', problem: problemOf(reply), reply };
      return;
    }
    yield { kind: 'page', page, reply };
    const next = nextPage(query, page);
    if (next === 'end') {
      return;
    }
    if ('reason' in next) {
      yield { kind: 'failed', problem: next, reply };
      return;
    }
    query = next;
  }
  yield { kind: 'failed', problem: unexpected(`more than ${MOST_PAGES} pages`) };
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
