/**
 * The listings: repositories, projects, the repositories of a project and of a label.
 * Source: Bitbucket Data Center 10.0 OpenAPI.
 */
import { BitbucketException, notPermitted } from '../errors';
import type { SimulatedModel } from '../model';
import { type SimulatedRepository, compareText } from '../modelTypes';
import { readPageRequest, toPage, toPageJson } from '../paging';
import {
  readChoice,
  readPermission,
  requireProject,
  requireRepository,
  requireWholeServer,
} from './lookup';
import { type Reply, type Route, type RouteContext, jsonReply } from './route';

type Rows = readonly SimulatedRepository[];

/** Rows per query, kept until a repository or project changes. */
const rowCache = new WeakMap<
  SimulatedModel,
  { revision: number; rows: Map<string, Rows> }
>();

/** The number of cached queries per revision. */
const MAX_CACHED_QUERIES = 10_000;

function cachedRows(
  model: SimulatedModel,
  query: string,
  matches: (repository: SimulatedRepository) => boolean,
): Rows {
  let cache = rowCache.get(model);
  if (cache?.revision !== model.revision || cache.rows.size >= MAX_CACHED_QUERIES) {
    cache = { revision: model.revision, rows: new Map() };
    rowCache.set(model, cache);
  }
  const known = cache.rows.get(query);
  if (known) {
    return known;
  }
  const rows = model.repositories().filter(matches);
  cache.rows.set(query, rows);
  return rows;
}

function replyWithRepositories(
  { query, viewer, settings, json }: RouteContext,
  rows: Rows,
  sees = (row: SimulatedRepository) => viewer.seesRepository(row),
): Reply {
  const request = readPageRequest(query, settings.pageCaps.repositories);
  const page = toPage(rows, request, sees, settings.hiddenRows);
  return jsonReply(toPageJson(page, row => json.text(row)));
}

/** Names match when they contain the text, keys when they are equal. [names: inferred] */
function answerRepositories(context: RouteContext): Reply {
  requireWholeServer(context);
  const { query, model, viewer } = context;
  const permission = readPermission(query);
  const archived =
    readChoice(query, 'archived', ['ACTIVE', 'ARCHIVED', 'ALL']) ?? 'ACTIVE';
  const visibility = readChoice(query, 'visibility', ['public', 'private']);
  const state = readChoice(query, 'state', [
    'AVAILABLE',
    'INITIALISING',
    'INITIALISATION_FAILED',
  ]);
  const text = (name: string) => query.get(name)?.trim().toLowerCase() ?? '';
  const [name, projectName, projectKey] = [
    text('name'),
    text('projectname'),
    text('projectkey'),
  ];
  const key = JSON.stringify([
    archived,
    visibility,
    state,
    name,
    projectName,
    projectKey,
  ]);
  const rows = cachedRows(model, key, repository => {
    const { project } = repository;
    const shown = repository.public || project.public ? 'public' : 'private';
    return (
      (archived === 'ALL' || repository.archived === (archived === 'ARCHIVED')) &&
      (visibility === undefined || visibility === shown) &&
      (state === undefined || state === repository.state) &&
      repository.name.toLowerCase().includes(name) &&
      project.name.toLowerCase().includes(projectName) &&
      (projectKey === '' || project.lowerKey === projectKey)
    );
  });
  const permitted = permission === undefined || viewer.holds(permission);
  return replyWithRepositories(
    context,
    rows,
    row => permitted && viewer.seesRepository(row),
  );
}

/** Archived repositories are listed here, and no parameter excludes them. */
function answerProjectRepositories(context: RouteContext): Reply {
  const { id } = requireProject(context);
  const rows = cachedRows(
    context.model,
    `project ${id}`,
    ({ project }) => project.id === id,
  );
  return replyWithRepositories(context, rows);
}

function answerProjects(context: RouteContext): Reply {
  requireWholeServer(context);
  const { query, model, viewer, settings, json } = context;
  const name = query.get('name')?.trim().toLowerCase() ?? '';
  const rows = [...model.projects.values()]
    .filter(project => project.name.toLowerCase().includes(name))
    .sort((a, b) => compareText(a.name, b.name) || a.id - b.id);
  const request = readPageRequest(query, settings.pageCaps.projects);
  const page = toPage(rows, request, row => viewer.seesProject(row), settings.hiddenRows);
  return jsonReply(toPageJson(page, row => JSON.stringify(json.project(row))));
}

function answerLabeled(context: RouteContext): Reply {
  const { query, model, params, viewer, settings, json } = context;
  const label = params.labelName ?? '';
  readChoice(query, 'type', ['REPOSITORY']);
  const rows = cachedRows(model, `label ${label}`, ({ labels }) => labels.has(label));
  if (rows.length === 0) {
    throw new BitbucketException(
      'NoSuchLabelException',
      `Label '${label}' does not exist.`,
    );
  }
  const request = readPageRequest(query, settings.pageCaps.repositories);
  const page = toPage(
    rows,
    request,
    row => viewer.seesRepository(row),
    settings.hiddenRows,
  );
  const toJson = (row: SimulatedRepository) =>
    JSON.stringify({ ...json.repository(row), labelableType: 'REPOSITORY' });
  return jsonReply(toPageJson(page, toJson));
}

/** A page, as `LabelService.findByLabelable` returns; the OpenAPI document shows one label. */
function answerRepositoryLabels(context: RouteContext): Reply {
  const labels = [...requireRepository(context).labels].sort();
  const request = readPageRequest(context.query, context.settings.pageCaps.labels);
  const page = toPage(labels, request, () => true, context.settings.hiddenRows);
  return jsonReply(toPageJson(page, name => JSON.stringify({ name })));
}

function answerRecentRepositories(context: RouteContext): Reply {
  if (!context.viewer.user || context.viewer.user.nameless) {
    throw notPermitted();
  }
  readPermission(context.query);
  const sees = context.model
    .repositories()
    .filter(row => context.viewer.seesRepository(row));
  return replyWithRepositories(context, sees.slice(0, 10));
}

const PAGE = ['start', 'limit'];

/** The routes for repositories and projects, as pages and single ones. */
export const listingRoutes: readonly Route[] = [
  {
    template: '/api/latest/repos',
    kind: 'repositories',
    query: [
      'name',
      'projectname',
      'projectkey',
      'permission',
      'state',
      'visibility',
      'archived',
      ...PAGE,
    ],
    answer: answerRepositories,
  },
  {
    template: '/api/latest/projects',
    kind: 'projects',
    query: ['name', ...PAGE],
    answer: answerProjects,
  },
  {
    template: '/api/latest/projects/{projectKey}',
    kind: 'project',
    query: [],
    answer: context =>
      jsonReply(JSON.stringify(context.json.project(requireProject(context)))),
  },
  {
    template: '/api/latest/projects/{projectKey}/repos',
    kind: 'project-repositories',
    query: PAGE,
    answer: answerProjectRepositories,
  },
  {
    template: '/api/latest/projects/{projectKey}/repos/{repositorySlug}',
    kind: 'repository',
    query: [],
    answer: context => jsonReply(context.json.text(requireRepository(context))),
  },
  {
    template: '/api/latest/projects/{projectKey}/repos/{repositorySlug}/labels',
    kind: 'labels',
    query: PAGE,
    answer: answerRepositoryLabels,
  },
  {
    template: '/api/latest/labels/{labelName}/labeled',
    kind: 'labels',
    query: ['type', ...PAGE],
    answer: answerLabeled,
  },
  {
    template: '/api/latest/profile/recent/repos',
    kind: 'authentication-check',
    query: ['permission', ...PAGE],
    answer: answerRecentRepositories,
  },
];
