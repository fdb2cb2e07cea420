/**
 * The files of a repository: `browse`, `files` and `raw`.
 * Source: Bitbucket Data Center 10.0 OpenAPI; recorded pages for the shapes of lines and
 * directories.
 */
import { createHash } from 'node:crypto';
import { BitbucketException, invalidArgument } from '../errors';
import type { Commit, Tree } from '../git';
import { readPageRequest, toPage, toPageJson } from '../paging';
import { toPath } from './path';
import { requireCommit, requireRepository } from './lookup';
import { type Reply, type Route, type RouteContext, jsonReply } from './route';

/** Default page size of lines and directories, as recorded. */
const BROWSE_LIMIT = 500;

/** The file or directory at a path. */
type Node =
  | { readonly type: 'FILE'; readonly path: string; readonly content: string }
  | { readonly type: 'DIRECTORY'; readonly path: string };

interface Location {
  readonly commit: Commit;
  readonly node: Node;
}

/** @throws BitbucketException 404 when repository, commit or path does not exist */
function requireNode(context: RouteContext): Location {
  const repository = requireRepository(context);
  const at = context.query.get('at');
  const commit = requireCommit(context, repository, at);
  const path = context.params.path?.replace(/\/+$/, '') ?? '';
  const content = commit.tree.get(path);
  if (content !== undefined) {
    return { commit, node: { type: 'FILE', path, content } };
  }
  if (path === '' || hasDirectory(commit.tree, path)) {
    return { commit, node: { type: 'DIRECTORY', path } };
  }
  throw new BitbucketException(
    'NoSuchPathException',
    `The path "${path}" does not exist at revision "${at || `refs/heads/${repository.git.defaultBranch}`}"`,
  );
}

function hasDirectory(tree: Tree, path: string): boolean {
  const prefix = `${path}/`;
  for (const file of tree.keys()) {
    if (file.startsWith(prefix)) {
      return true;
    }
  }
  return false;
}

/** `size` wins over `type`; both count only with the value `true`. */
function answerBrowse(context: RouteContext): Reply {
  const { query } = context;
  const location = requireNode(context);
  const { node } = location;
  if (query.get('size') === 'true') {
    const size = node.type === 'FILE' ? Buffer.byteLength(node.content) : 0;
    return jsonReply(JSON.stringify({ size }));
  }
  if (query.get('type') === 'true') {
    return jsonReply(JSON.stringify({ type: node.type }));
  }
  return node.type === 'FILE'
    ? answerLines(context, node.content)
    : answerDirectory(context, location);
}

function answerLines({ query, settings }: RouteContext, content: string): Reply {
  const lines = content === '' ? [] : content.replace(/\n$/, '').split('\n');
  const request = readPageRequest(query, settings.pageCaps.lines, BROWSE_LIMIT);
  const { values, nextPageStart, ...page } = toPage(lines, request);
  return jsonReply(
    JSON.stringify({
      lines: values.map(text => ({ text })),
      ...page,
      size: values.length,
      isLastPage: nextPageStart === undefined,
      nextPageStart,
    }),
  );
}

function answerDirectory(
  { query, settings }: RouteContext,
  { commit, node }: Location,
): Reply {
  const request = readPageRequest(
    query,
    settings.pageCaps.directoryChildren,
    BROWSE_LIMIT,
  );
  const page = toPage(listChildren(commit.tree, node.path), request);
  const children = toPageJson(page, child => JSON.stringify(child));
  const path = JSON.stringify(toPath(node.path));
  const revision = JSON.stringify(query.get('at') || commit.id);
  return jsonReply(`{"path":${path},"revision":${revision},"children":${children}}`);
}

/** Direct children of a directory, by name, directories and files together. */
function listChildren(tree: Tree, directory: string): object[] {
  const prefix = directory === '' ? '' : `${directory}/`;
  const children = new Map<string, object>();
  for (const [file, content] of tree) {
    if (!file.startsWith(prefix)) {
      continue;
    }
    const [name = '', ...below] = file.slice(prefix.length).split('/');
    const contentId = toContentId(below.length > 0 ? `${prefix}${name}` : content);
    const child =
      below.length > 0
        ? { type: 'DIRECTORY' }
        : { type: 'FILE', size: Buffer.byteLength(content) };
    children.set(name, { path: toPath(name), contentId, ...child });
  }
  return [...children].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, child]) => child);
}

/** Path texts relative to the directory, whole tree below it. 400 when it is a file. */
function answerFiles(context: RouteContext): Reply {
  const { query, settings } = context;
  const { commit, node } = requireNode(context);
  if (node.type === 'FILE') {
    throw invalidArgument(`"${node.path}" is not a directory`);
  }
  const prefix = node.path === '' ? '' : `${node.path}/`;
  const files = [...commit.tree.keys()]
    .filter(file => file.startsWith(prefix))
    .map(file => file.slice(prefix.length))
    .sort();
  const page = toPage(files, readPageRequest(query, settings.pageCaps.files));
  return jsonReply(toPageJson(page, file => JSON.stringify(file)));
}

function answerRaw(context: RouteContext): Reply {
  const { node } = requireNode(context);
  if (node.type === 'DIRECTORY') {
    throw invalidArgument(`"${node.path}" is a directory`);
  }
  return {
    status: 200,
    body: node.content,
    contentType: 'text/plain;charset=UTF-8',
    headers: { 'X-Content-Type-Options': 'nosniff' },
  };
}

/** The hash of a file with this content in git. */
export function toContentId(content: string): string {
  return createHash('sha1')
    .update(`blob ${Buffer.byteLength(content)}\0${content}`)
    .digest('hex');
}

const REPOSITORY = '/api/latest/projects/{projectKey}/repos/{repositorySlug}';

/** A request without content checks whether a file exists. */
const BROWSE_QUERY = ['at', 'type', 'size', 'start', 'limit'];

/** The routes that read files. */
export const contentRoutes: readonly Route[] = [
  ...['', '/{path}'].map((path): Route => ({
    template: `${REPOSITORY}/browse${path}`,
    kind: 'browse',
    query: BROWSE_QUERY,
    answer: answerBrowse,
  })),
  ...['', '/{path}'].map((path): Route => ({
    template: `${REPOSITORY}/files${path}`,
    kind: 'files-listing',
    query: ['at', 'start', 'limit'],
    answer: answerFiles,
  })),
  {
    template: `${REPOSITORY}/raw/{path}`,
    kind: 'raw',
    query: ['at'],
    answer: answerRaw,
  },
];
