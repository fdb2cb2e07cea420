/**
 * Tests the client against recorded answers of real servers and Atlassian's OpenAPI document,
 * where these are available; they are not part of this repository.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Answer } from './Answer';
import { exceptionNames, toAbsenceReason, provesRepositoryGone } from './assessReply';
import { RestUrls } from './restUrls';
import {
  WirePage,
  ProjectRow,
  RateLimitSettings,
  RepositoryRow,
  ServerErrors,
  parse,
} from './wire';

const FIXTURES = path.resolve(__dirname, '../../../shared/fixtures');
const present = existsSync(FIXTURES);
if (!present) {
  console.warn(
    'NOT CHECKED: the client against recorded answers and the OpenAPI document of Bitbucket, because the folder with these fixtures does not exist.',
  );
}
const describeWithFixtures = present ? describe : describe.skip;

const DOCUMENT = 'bitbucket-dc-10.0.swagger.v3.json';

type Fields = Record<string, unknown>;

interface Recorded {
  /** File and place in it. */
  readonly where: string;
  readonly value: Fields;
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns the value at a path of member names; `undefined` where there is none. */
function at(value: unknown, ...names: string[]): unknown {
  return names.reduce<unknown>(
    (part, name) =>
      typeof part === 'object' && part !== null ? Reflect.get(part, name) : undefined,
    value,
  );
}

function listAt(value: unknown, ...names: string[]): readonly unknown[] {
  const list = at(value, ...names);
  return Array.isArray(list) ? list : [];
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(path.join(FIXTURES, file), 'utf8'));
}

function listFiles(): string[] {
  const all = readdirSync(FIXTURES, { recursive: true, encoding: 'utf8' });
  return all
    .filter(file => file.endsWith('.json') && path.basename(file) !== DOCUMENT)
    .sort();
}

/** Finds every object in a value that a predicate accepts, with the path to it. */
function find(
  value: unknown,
  picks: (value: Fields) => boolean,
  where: string,
): Recorded[] {
  if (typeof value !== 'object' || value === null) return [];
  const own = isObject(value) && picks(value) ? [{ where, value }] : [];
  const below = Object.entries(value).flatMap(([name, part]) =>
    find(part, picks, `${where}.${name}`),
  );
  return [...own, ...below];
}

function recorded(picks: (value: Fields) => boolean): [string, Fields][] {
  if (!present) return [['', {}]];
  return listFiles().flatMap(file =>
    find(readJson(file), picks, file).map(({ where, value }): [string, Fields] => [
      where,
      value,
    ]),
  );
}

describeWithFixtures('recorded answers', () => {
  const isRepository = (value: Fields) => 'slug' in value && isObject(value.project);
  const isProject = (value: Fields) =>
    'key' in value && ('type' in value || 'public' in value);
  // The page of a code search is another shape: its next page is called nextStart.
  const isPage = (value: Fields) =>
    'isLastPage' in value && 'values' in value && !('category' in value);
  const isErrorBody = (value: Fields) => Array.isArray(value.errors);

  it('are there', () => {
    expect(recorded(isRepository).length).toBeGreaterThan(15);
    expect(recorded(isProject).length).toBeGreaterThan(20);
    expect(recorded(isPage).length).toBeGreaterThan(8);
    expect(recorded(isErrorBody).length).toBeGreaterThan(10);
  });

  it.each(recorded(isRepository))('contain a repository at %s', (_where, value) => {
    expect(parse(RepositoryRow, value)).toMatchObject({
      id: value.id,
      slug: value.slug,
      name: value.name,
      state: value.state,
      projectKey: at(value, 'project', 'key'),
      archived: value.archived ?? false,
      public: value.public === true || at(value, 'project', 'public') === true,
      fork: 'origin' in value,
      personal: at(value, 'project', 'type') === 'PERSONAL',
      selfUrl: at(value, 'links', 'self', '0', 'href'),
    });
  });

  it.each(recorded(isProject))('contain a project at %s', (_where, value) => {
    const { id, key, type } = value;
    expect(parse(ProjectRow, value)).toEqual({ id, key, personal: type === 'PERSONAL' });
  });

  it.each(recorded(isPage))('contain a page at %s', (_where, value) => {
    const { values, isLastPage, size, start, limit } = value;
    const nextPageStart = value.nextPageStart ?? undefined;
    const page = { values, isLastPage, size, start, limit, nextPageStart };
    expect(parse(WirePage, value)).toEqual(page);
  });

  it.each(recorded(isErrorBody))('contain errors at %s', (_where, value) => {
    const errors = parse(ServerErrors, value) ?? [];
    expect(errors).toHaveLength(listAt(value, 'errors').length);
    for (const error of errors) {
      expect(error.exceptionName).toMatch(/^com\.atlassian\.bitbucket\..+Exception$/);
      expect(error.message).toBeTruthy();
    }
  });

  it('contain rate-limit settings', () => {
    const settings = present && readJson('rate-limit/settings-schema-example.json');
    expect(parse(RateLimitSettings, settings)).toEqual({
      enabled: true,
      capacity: 60,
      fillRate: 5,
    });
  });
});

describeWithFixtures('recorded errors', () => {
  /** The proof of an exception for a file, for a file on a branch, and for the repository. */
  const PROOFS: Record<string, readonly (string | undefined)[]> = {
    NoSuchPathException: ['no-catalog-file', 'no-catalog-file'],
    NoDefaultBranchException: ['branch-not-found', 'branch-not-found'],
    NoSuchObjectException: [undefined, 'branch-not-found'],
    NoSuchCommitException: [undefined, 'branch-not-found'],
    NoSuchRepositoryException: [undefined, undefined, 'gone'],
    NoSuchProjectException: [undefined, undefined, 'gone'],
  };

  function errorReplies(): [string, number, string][] {
    const errors = present ? readJson('errors/errors.json') : [{}];
    return (Array.isArray(errors) ? errors : []).map((error: unknown) => {
      const raw = at(error, 'rawBody');
      const body = typeof raw === 'string' ? raw : JSON.stringify(at(error, 'body'));
      return [String(at(error, 'name')), Number(at(error, 'status')), body];
    });
  }

  it.each(errorReplies())('prove only what they name: %s', (_name, status, body) => {
    const reply = new Answer({ status, headers: new Headers(), body });
    const [exception = ''] = exceptionNames(reply);
    const [plain, onBranch, gone] = PROOFS[exception] ?? [];
    expect(toAbsenceReason(reply, false)).toBe(plain);
    expect(toAbsenceReason(reply, true)).toBe(onBranch);
    expect(provesRepositoryGone(reply)).toBe(gone !== undefined);
  });
});

describeWithFixtures('the OpenAPI document of Bitbucket Data Center 10.0', () => {
  const BASE = 'https://git.example.com/bitbucket/rest/api/1.0';
  const REPOSITORY = '/projects/{projectKey}/repos/{repositorySlug}';
  const urls = new RestUrls(BASE);
  const page = { start: 0, limit: 1000 };
  const api = { projectKey: '{projectKey}', slug: '{repositorySlug}' };
  const branch = 'refs/heads/main';

  const BUILT: [keyof RestUrls, string, string, string[]][] = [
    ['repositories', urls.repositories(page), '/repos', ['start', 'limit', 'archived']],
    ['projects', urls.projects(page), '/projects', ['start', 'limit']],
    [
      'projectRepositories',
      urls.projectRepositories('{projectKey}', page),
      '/projects/{projectKey}/repos',
      ['start', 'limit'],
    ],
    ['repository', urls.repository(api), REPOSITORY, []],
    [
      'fileType',
      urls.fileType(api, '{path}', branch),
      `${REPOSITORY}/browse/{path}`,
      ['type', 'at'],
    ],
    [
      'files',
      urls.files(api, page, branch),
      `${REPOSITORY}/files`,
      ['start', 'limit', 'at'],
    ],
    ['rawFile', urls.rawFile(api, '{path}', branch), `${REPOSITORY}/raw/{path}`, ['at']],
    [
      'fileSize',
      urls.fileSize(api, '{path}', branch),
      `${REPOSITORY}/browse/{path}`,
      ['size', 'at'],
    ],
    [
      'commits',
      urls.commits(api, page, branch),
      `${REPOSITORY}/commits`,
      ['start', 'limit', 'until'],
    ],
    [
      'archive',
      urls.archive(api, { at: 'abc', prefix: 'api', path: 'docs' }),
      `${REPOSITORY}/archive`,
      ['format', 'at', 'prefix', 'path'],
    ],
    [
      'labeled',
      urls.labeled('{labelName}', page),
      '/labels/{labelName}/labeled',
      ['type', 'start', 'limit'],
    ],
    ['labels', urls.labels(api, page), `${REPOSITORY}/labels`, ['start', 'limit']],
    ['defaultBranch', urls.defaultBranch(api), `${REPOSITORY}/default-branch`, []],
    ['branchesDefault', urls.branchesDefault(api), `${REPOSITORY}/branches/default`, []],
    [
      'changes',
      urls.changes(api, page, 'new', 'old'),
      `${REPOSITORY}/compare/changes`,
      ['from', 'to', 'start', 'limit'],
    ],
    [
      'applicationProperties',
      urls.applicationProperties(),
      '/application-properties',
      [],
    ],
    [
      'recentRepositories',
      urls.recentRepositories(),
      '/profile/recent/repos',
      ['start', 'limit'],
    ],
    ['rateLimitSettings', urls.rateLimitSettings(), '/admin/rate-limit/settings', []],
    [
      'userRateLimitSettings',
      urls.userRateLimitSettings('{userSlug}'),
      '/admin/rate-limit/settings/users/{userSlug}',
      [],
    ],
  ];

  const document = present ? readJson(DOCUMENT) : {};
  const findOperation = (template: string) =>
    at(document, 'paths', `/api/latest${template}`, 'get');
  const getQuery = (operation: unknown) =>
    listAt(operation, 'parameters').filter(parameter => at(parameter, 'in') === 'query');

  it('covers each URL that can be built', () => {
    // Code search is not documented.
    const others = ['constructor', 'search'];
    const methods = Object.getOwnPropertyNames(RestUrls.prototype);
    expect(BUILT.map(([method]) => method).sort()).toEqual(
      methods.filter(name => !others.includes(name)).sort(),
    );
  });

  it.each(BUILT)(
    'documents GET and each parameter of %s',
    (method, url, template, parameters) => {
      const { pathname, searchParams } = new URL(url);
      expect(decodeURIComponent(pathname)).toBe(`/bitbucket/rest/api/1.0${template}`);
      expect([...searchParams.keys()]).toEqual(parameters);
      const operation = findOperation(template);
      expect(operation).toBeDefined();
      // Pages of a repository's labels are only in the javadoc of LabelService.
      const paging = method === 'labels' ? ['start', 'limit'] : [];
      const documented = [
        ...getQuery(operation).map(parameter => at(parameter, 'name')),
        ...paging,
      ];
      expect(documented).toEqual(expect.arrayContaining(parameters));
    },
  );

  it('allows ALL as a value of archived', () => {
    const archived = getQuery(findOperation('/repos')).find(
      parameter => at(parameter, 'name') === 'archived',
    );
    expect(JSON.stringify(archived)).toContain('ALL');
  });
});
