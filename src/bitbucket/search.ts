/**
 * Code search, as Bitbucket's own pages use it. Undocumented, and its index lags behind pushes:
 * a hit can be trusted, but no hit proves nothing.
 * Source: observations on 9.x, and a recorded answer; Atlassian's page on search syntax.
 */

import { z } from 'zod';
import { FileSearch, FileSearchQuery, SearchHit } from '../discovery/types';
import { Problem, Unanswered } from '../model';
import { isStorable } from '../util/text';
import { Answer } from './Answer';
import { unanswered } from './assessReply';
import { RequestOptions, Session } from './Session';
import { parse, RepositoryRow } from './wire';

/** Servers refuse more than 500, and older ones may refuse even 500. */
const PAGE_LIMITS = [500, 100] as const;

/** Stops at a server whose results never end; no server shows more than 10,000 results. */
const MAX_PAGES = 200;

/** The numbers of results at which servers are known to stop, and one less than each. */
const KNOWN_ENDS = [999, 1_000, 9_999, 10_000];

const MAX_QUERY_LENGTH = 250;

const SearchPage = z.object({
  code: z.object({
    isLastPage: z.boolean(),
    count: z.number().int().min(0),
    nextStart: z.number().int().nullish(),
    values: z.array(z.unknown()).max(1_000),
  }),
  // `true` where the server replaced the query with another one.
  query: z.object({ substituted: z.literal(false).optional() }).nullish(),
});

const HitRow = z
  .object({ file: z.string().min(1).refine(isStorable), repository: RepositoryRow })
  .transform(({ file, repository: { id, projectKey, slug } }): SearchHit => ({
    repositoryId: id,
    projectKey,
    slug,
    path: file,
  }));

/** Searches the default branches of all repositories, or of those of one project, for a file name. */
export async function searchFiles(
  session: Session,
  query: FileSearchQuery,
  options: RequestOptions = {},
): Promise<FileSearch> {
  const text = toQueryText(query);
  const url = session.urls.search();
  if (text === undefined) {
    return failed(`"${query.fileName}" cannot be searched for`);
  }
  if (url === undefined) {
    return failed(
      'apiBaseUrl does not end in /rest/api/…, so the URL of the search is not known',
    );
  }
  const [large, small] = PAGE_LIMITS;
  const first = await readHits(session, { url, text, limit: large }, options);
  // Where the page size was not the reason, the server refuses again.
  return 'isRefused' in first
    ? readHits(session, { url, text, limit: small }, options)
    : first;
}

/**
 * Quoted words match in sequence; all punctuation but `.` and `_` counts as a blank, and single
 * characters are ignored.
 *
 * @returns `undefined` where nothing is left to search for
 */
function toQueryText({ fileName, projectKey }: FileSearchQuery): string | undefined {
  const words = fileName.match(/[\p{L}\p{N}._]{2,}/gu) ?? [];
  const extension = /\.([a-z0-9]+)$/i.exec(fileName)?.[1];
  const text = [
    `"${fileName}"`,
    ...(extension === undefined ? [] : [`ext:${extension}`]),
    ...(projectKey === undefined ? [] : [`project:${projectKey}`]),
  ].join(' ');
  const isSearchable =
    words.length > 0 && !/["\s]/.test(fileName) && text.length <= MAX_QUERY_LENGTH;
  return isSearchable ? text : undefined;
}

type ReadHits = FileSearch | (Unanswered & { readonly isRefused: true });

async function readHits(
  session: Session,
  search: { readonly url: string; readonly text: string; readonly limit: number },
  options: RequestOptions,
): Promise<ReadHits> {
  const { url, text: query, limit } = search;
  const hits: SearchHit[] = [];
  let rows = 0;
  let start = 0;
  for (let pages = 0; pages < MAX_PAGES; pages += 1) {
    const body = JSON.stringify({ query, entities: { code: { start, limit } } });
    const request = { kind: 'search', url, body, isTimeoutFinal: true } as const;
    const answer = await session.send(request, options);
    if (answer.kind === 'unknown') {
      return answer;
    }
    if (pages === 0 && [400, 500].includes(answer.status)) {
      return { ...unanswered(answer), isRefused: true };
    }
    const page = answer.read(SearchPage)?.code;
    if (!page) {
      return explain(answer);
    }
    const readable = page.values.flatMap(row => parse(HitRow, row) ?? []);
    if (readable.length < page.values.length) {
      return failed('a row is not a file hit');
    }
    hits.push(...readable);
    rows += page.values.length;
    if (page.isLastPage) {
      const isComplete = rows >= page.count && !KNOWN_ENDS.includes(rows);
      return { kind: 'found', hits, isComplete };
    }
    const { nextStart } = page;
    if (!nextStart || nextStart <= start) {
      return failed('its pages do not advance');
    }
    start = nextStart;
  }
  return failed(`it goes on after ${MAX_PAGES} pages`);
}

function explain(answer: Answer): Unanswered {
  return [404, 405, 501].includes(answer.status)
    ? failed(`this Bitbucket has no code search, it answered ${answer.status}`)
    : unanswered(answer);
}

function failed(what: string): Unanswered {
  const problem: Problem = { reason: 'unexpected-answer', detail: what };
  return { kind: 'unknown', problem };
}
