/**
 * Code search, as the web pages of a real server use it: it is undocumented and in no OpenAPI
 * document, and may be missing, outdated or wrong.
 * Source: observations on 9.x, recorded answer; Atlassian's page on search syntax.
 */
import { z } from 'zod';
import { errorBody } from '../errors';
import type { SimulatedModel } from '../model';
import type { SimulatedRepository } from '../modelTypes';
import { type Reply, type Route, type RouteContext, jsonReply } from './route';

/** How code search behaves. May be changed between requests. */
export interface SearchSettings {
  /** `false`: the server does not have the route. A status: it has, but search is down. */
  available: boolean | 501 | 503;
  /** The largest `limit`; a larger one is an internal error. */
  maxLimit: number;
  /** The most results that are ever shown; `count` does not exceed it either. */
  maxResults: number;
  /** The searched content: the current files, or those of an earlier index. */
  index: SearchIndex | 'fresh';
  /** Whether forks are indexed too. */
  indexesForks: boolean;
}

/** The files at the time of indexing. */
export type SearchIndex = readonly IndexedFile[];

/** A file of a default branch. */
interface IndexedFile {
  readonly repository: SimulatedRepository;
  readonly path: string;
  readonly content: string;
}

/** The behaviour of a 9.x server with search switched on. */
export const SEARCH_OFF: SearchSettings = {
  available: false,
  maxLimit: 500,
  maxResults: 10_000,
  index: 'fresh',
  indexesForks: true,
};

/** Larger files are not indexed. */
const MAX_FILE_LENGTH = 512 * 1024;
const MAX_QUERY_LENGTH = 250;
const MAX_EXPRESSIONS = 9;
const DEFAULT_LIMIT = 25;

/** No other field is accepted. */
const SearchRequest = z.strictObject({
  query: z.string(),
  entities: z.strictObject({
    code: z.strictObject({
      start: z.number().int().min(0).optional(),
      limit: z.number().int().min(1).optional(),
    }),
  }),
  limits: z
    .strictObject({
      primary: z.number().int().optional(),
      secondary: z.number().int().optional(),
    })
    .optional(),
});

/** Returns all files that are currently on a default branch. */
export function indexNow(model: SimulatedModel): SearchIndex {
  return model.repositories().flatMap(repository => {
    const { git } = repository;
    const tree = git.tip(git.defaultBranch)?.tree ?? new Map<string, string>();
    return [...tree]
      .filter(([, content]) => content.length < MAX_FILE_LENGTH)
      .map(([path, content]) => ({ repository, path, content }));
  });
}

interface Query {
  readonly terms: readonly (readonly string[])[];
  readonly projectKey?: string;
  readonly extension?: string;
  readonly archived?: string;
  readonly fork?: string;
}

/** @returns the fault of the query where it cannot be parsed */
function parseQuery(text: string): Query | string {
  const parts = text.match(/[a-z]+:\S+|"[^"]*"|\S+/g) ?? [];
  if (text.length > MAX_QUERY_LENGTH || parts.length > MAX_EXPRESSIONS) {
    return 'The search query is too long';
  }
  const modifiers = new Map<string, string>();
  const terms: string[][] = [];
  for (const part of parts) {
    const [, name, value] = /^([a-z]+):(.+)$/.exec(part) ?? [];
    if (name !== undefined && value !== undefined) {
      modifiers.set(name, value);
    } else {
      terms.push(toWords(part).filter(word => word.length > 1));
    }
  }
  if (!terms.some(words => words.length > 0)) {
    return 'At least one search term is required';
  }
  return {
    terms,
    projectKey: modifiers.get('project'),
    extension: modifiers.get('ext'),
    archived: modifiers.get('archived'),
    fork: modifiers.get('fork'),
  };
}

/** All punctuation but `.` and `_` separates words, and case is disregarded. */
function toWords(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}._]+/gu) ?? [];
}

function holds(words: readonly string[], phrase: readonly string[]): boolean {
  return words.some((_, start) =>
    phrase.every((word, offset) => words[start + offset] === word),
  );
}

function findHits({ model, settings, viewer }: RouteContext, query: Query) {
  const { index, indexesForks } = settings.search;
  const files = index === 'fresh' ? indexNow(model) : index;
  return files.filter(({ repository, path, content }) => {
    const { archived, originId, project } = repository;
    // Last, and only where everything else matches: it costs the most.
    const hasTerms = () => {
      const words = [toWords(path), toWords(content)];
      return query.terms.every(term => words.some(all => holds(all, term)));
    };
    return (
      viewer.seesRepository(repository) &&
      (indexesForks || originId === undefined) &&
      (query.archived === '*' || archived === (query.archived === 'true')) &&
      (query.fork === undefined ||
        (originId !== undefined) === (query.fork === 'true')) &&
      (query.projectKey ?? project.key).toLowerCase() === project.lowerKey &&
      (query.extension === undefined || path.endsWith(`.${query.extension}`)) &&
      hasTerms()
    );
  });
}

function search(context: RouteContext, body: string): Reply {
  const { search: settings } = context.settings;
  if (typeof settings.available === 'number') {
    return failed(settings.available, 'Search is not available', null);
  }
  const { data } = SearchRequest.safeParse(parseJson(body));
  const query = data && parseQuery(data.query);
  if (!data || query === undefined) {
    return failed(400, 'Unrecognized field', null);
  }
  if (typeof query === 'string') {
    return failed(400, query, 'QueryInvalidException');
  }
  const { start = 0, limit = data.limits?.primary ?? DEFAULT_LIMIT } = data.entities.code;
  if (limit > settings.maxLimit) {
    return failed(500, 'An error occurred while searching', 'SearchException');
  }
  const hits = findHits(context, query).slice(0, settings.maxResults);
  const page = hits.slice(start, start + limit);
  const isLastPage = start + limit >= hits.length;
  return jsonReply(
    JSON.stringify({
      scope: { type: 'GLOBAL' },
      code: {
        category: 'primary',
        isLastPage,
        count: hits.length,
        start,
        nextStart: isLastPage ? null : start + limit,
        values: page.map(file => toRow(context, file)),
      },
      query: { substituted: false },
    }),
  );
}

function toRow({ json }: RouteContext, { repository, path }: IndexedFile) {
  const { links: _, origin: __, ...shown } = json.repository(repository);
  return {
    repository: shown,
    file: path,
    hitContexts: [],
    pathMatches: [{ text: path, match: true }],
    hitCount: 0,
  };
}

function failed(status: number, message: string, exception: string | null): Reply {
  const name = exception && `com.atlassian.bitbucket.internal.search.${exception}`;
  return jsonReply(errorBody(message, name), status);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Separate from the other routes: no OpenAPI document has it. */
export const searchRoute: Route = {
  template: '/search/latest/search',
  kind: 'search',
  query: [],
  answer: () => failed(405, 'HTTP 405 Method Not Allowed', null),
  post: search,
};
