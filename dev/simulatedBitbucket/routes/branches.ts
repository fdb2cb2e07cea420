/**
 * Branches, commits and the changes between two commits.
 * Source: Bitbucket Data Center 10.0 OpenAPI; recorded answers for empty repositories and
 * missing default branches (10.4.1).
 */
import { BitbucketException } from '../errors';
import { type Commit, toRefId } from '../git';
import { type SimulatedRepository, compareText } from '../modelTypes';
import { readPageRequest, toPage, toPageJson } from '../paging';
import { listChanges } from './changes';
import { noDefaultBranch, requireCommit, requireRepository } from './lookup';
import { type Reply, type Route, type RouteContext, jsonReply } from './route';

function toBranchJson({ git }: SimulatedRepository, name: string, tip: Commit): string {
  return JSON.stringify({
    id: toRefId(name),
    displayId: name,
    type: 'BRANCH',
    latestCommit: tip.id,
    latestChangeset: tip.id,
    isDefault: name === git.defaultBranch,
  });
}

/** The configured branch, even where it does not exist. */
function answerDefaultBranch(context: RouteContext): Reply {
  const { defaultBranch } = requireRepository(context).git;
  return jsonReply(
    JSON.stringify({
      id: toRefId(defaultBranch),
      displayId: defaultBranch,
      type: 'BRANCH',
    }),
  );
}

/** 204 when empty, 404 when the configured branch does not exist. */
function answerBranchesDefault(context: RouteContext): Reply {
  const repository = requireRepository(context);
  const { git } = repository;
  if (git.empty) {
    return jsonReply('', 204);
  }
  const tip = git.tip(git.defaultBranch);
  if (!tip) {
    throw noDefaultBranch(git.defaultBranch);
  }
  return jsonReply(toBranchJson(repository, git.defaultBranch, tip));
}

function answerBranches(context: RouteContext): Reply {
  const { query, settings } = context;
  const repository = requireRepository(context);
  const { git } = repository;
  const missing = !git.empty && !git.tip(git.defaultBranch);
  if (missing && query.get('details') === 'true') {
    throw new BitbucketException(
      'NoDefaultBranchException',
      'No default branch is defined',
    );
  }
  const filter = query.get('filterText')?.toLowerCase() ?? '';
  const rows = [...git.branches]
    .filter(([name]) => name.toLowerCase().includes(filter))
    .sort(([a], [b]) => compareText(a, b));
  const page = toPage(rows, readPageRequest(query, settings.pageCaps.branches));
  return jsonReply(
    toPageJson(page, ([name, tip]) => toBranchJson(repository, name, tip)),
  );
}

function answerCommit(context: RouteContext): Reply {
  const repository = requireRepository(context);
  const { commitId = '' } = context.params;
  const commit = repository.git.resolve(commitId);
  if (!commit) {
    throw new BitbucketException(
      'NoSuchCommitException',
      `Commit '${commitId}' does not exist in repository '${repository.slug}'.`,
    );
  }
  return jsonReply(JSON.stringify(toCommitJson(commit)));
}

/** From the newest commit down, by first parents. */
function answerCommits(context: RouteContext): Reply {
  const { query, settings } = context;
  const repository = requireRepository(context);
  const commits: Commit[] = [];
  let next: Commit | undefined = requireCommit(context, repository, query.get('until'));
  while (next) {
    commits.push(next);
    next =
      next.parentId === undefined ? undefined : repository.git.resolve(next.parentId);
  }
  const page = toPage(commits, readPageRequest(query, settings.pageCaps.changes));
  return jsonReply(toPageJson(page, commit => JSON.stringify(toCommitJson(commit))));
}

function toCommitJson(commit: Commit) {
  const person = { name: 'committer', emailAddress: 'committer@example.com' };
  return {
    ...toMinimalCommit(commit.id),
    author: person,
    authorTimestamp: commit.committedAt,
    committer: person,
    committerTimestamp: commit.committedAt,
    message: commit.message,
    parents: commit.parentId === undefined ? [] : [toMinimalCommit(commit.parentId)],
  };
}

function toMinimalCommit(id: string) {
  return { id, displayId: id.slice(0, 11) };
}

/** The changes in `from` (the new commit) that are not in `to` (the old one). */
function answerCompareChanges(context: RouteContext): Reply {
  const { query, settings } = context;
  const repository = requireRepository(context);
  const from = requireCommit(context, repository, query.get('from'));
  const to = requireCommit(context, repository, query.get('to'));
  const webUrl = context.json.webUrl(repository);
  const rows = listChanges(to.tree, from.tree);
  const page = toPage(rows, readPageRequest(query, settings.pageCaps.changes));
  return jsonReply(
    toPageJson(page, change =>
      JSON.stringify({
        ...change,
        links: {
          self: [
            {
              href: `${webUrl}/compare/diff#${encodeURIComponent(change.path.toString)}`,
            },
          ],
        },
      }),
    ),
  );
}

const REPOSITORY = '/api/latest/projects/{projectKey}/repos/{repositorySlug}';

/** The routes for branches and commits. */
export const branchRoutes: readonly Route[] = [
  {
    template: `${REPOSITORY}/default-branch`,
    kind: 'default-branch',
    since: '7.5',
    query: [],
    answer: answerDefaultBranch,
  },
  {
    template: `${REPOSITORY}/branches/default`,
    kind: 'default-branch',
    query: [],
    answer: answerBranchesDefault,
  },
  {
    template: `${REPOSITORY}/branches`,
    kind: 'branches',
    query: ['filterText', 'details', 'start', 'limit'],
    answer: answerBranches,
  },
  {
    template: `${REPOSITORY}/commits`,
    kind: 'commit',
    query: ['until', 'start', 'limit'],
    answer: answerCommits,
  },
  {
    template: `${REPOSITORY}/commits/{commitId}`,
    kind: 'commit',
    query: [],
    answer: answerCommit,
  },
  {
    template: `${REPOSITORY}/compare/changes`,
    kind: 'compare',
    query: ['from', 'to', 'start', 'limit'],
    answer: answerCompareChanges,
  },
];
