/**
 * What one provider would do about a change that a webhook tells of. The same decisions as
 * in a backend, with the server asked for what a backend would remember; changes nothing.
 */

import { webBaseUrl } from '../bitbucket/webUrls';
import { evaluateRepository } from '../discovery/evaluateRepository';
import { filterListed, ListedRepository } from '../discovery/filterRepositories';
import { reportRepository } from '../discovery/report';
import { decideRelevance, ProviderView, Relevance } from '../events/decideRelevance';
import { RepositoryChange } from '../events/repositoryChanges';
import { ListingStep, Problem, Repository, RepositoryAddress } from '../model';
import { mapConcurrent } from '../util/mapConcurrent';
import { webBaseOf } from '../util/webBase';
import { CliIo } from './CliIo';
import { Connection } from './connections';
import { PreviewedRepository } from './previewDocument';
import { toPreviewedRepository } from './previewProvider';

/** What would become of one repository. */
export type ReplayedRepository =
  | { readonly kind: 'evaluated'; readonly repository: PreviewedRepository }
  | { readonly kind: 'gone'; readonly name: string }
  | { readonly kind: 'unknown'; readonly name: string; readonly problem: Problem };

/** What would become of a change. */
export interface ReplayedChange {
  readonly isRelevant: boolean;
  readonly reason: string;
  /** Those that would be looked at. */
  readonly repositories: readonly ReplayedRepository[];
  /** What kept the server from telling what the decision needs. */
  readonly problem?: Problem;
}

/** What was found where the change says that something happened. */
interface Surroundings {
  /** `undefined` where it is to be asked for, or is gone. */
  readonly repositories: readonly Repository[];
  readonly problem?: Problem;
}

/** @throws what the client throws: credentials that do not work, an abort */
export async function replayChange(
  change: RepositoryChange,
  connection: Connection,
  io: CliIo,
): Promise<ReplayedChange> {
  const around = await lookAround(change, connection, io.signal);
  const view = toView(change, around.repositories, connection);
  const relevance = await decide(change, view, connection, io.signal);
  if ('problem' in relevance || !relevance.evaluate) {
    const problem = 'problem' in relevance ? relevance.problem : undefined;
    const { reason } = relevance;
    return { isRelevant: false, reason, repositories: [], ...(problem && { problem }) };
  }
  const repositories =
    change.type === 'project-modified'
      ? await evaluateAll(around.repositories, connection, io)
      : [await evaluate(change.repository, connection, io)];
  const isProject = change.type === 'project-modified';
  return {
    isRelevant: true,
    reason: relevance.reason,
    repositories,
    ...(isProject && around.problem && { problem: around.problem }),
  };
}

/** A backend knows the repositories from its listing; here they are asked for. */
async function lookAround(
  change: RepositoryChange,
  { client }: Connection,
  signal: AbortSignal,
): Promise<Surroundings> {
  if (change.type === 'project-modified') {
    return collect(client.listProjectRepositories(change.key, { signal }));
  }
  const { projectKey, slug } = change.repository;
  const lookup = await client.getRepository({ projectKey, slug }, { signal });
  return { repositories: lookup.kind === 'found' ? [lookup.repository] : [] };
}

async function collect(
  steps: AsyncIterable<ListingStep<Repository>>,
): Promise<Surroundings> {
  const repositories: Repository[] = [];
  for await (const step of steps) {
    if (step.kind === 'failed') {
      return { repositories, problem: step.problem };
    }
    repositories.push(...step.items);
  }
  return { repositories };
}

function toView(
  change: RepositoryChange,
  repositories: readonly Repository[],
  { config, integration }: Connection,
): ProviderView {
  const shown = repositories.flatMap(one => webBaseOf(one.selfUrl ?? '') ?? []);
  const id = change.type === 'project-modified' ? undefined : change.repository.id;
  return {
    branch: config.branch,
    baseUrls: [webBaseUrl(integration), ...shown],
    known: repositories.find(one => id !== undefined && one.id === id),
    knownProjectKeys: new Set(repositories.map(one => one.projectKey)),
  };
}

type Decision = Relevance | { readonly reason: string; readonly problem: Problem };

async function decide(
  change: RepositoryChange,
  view: ProviderView,
  { client }: Connection,
  signal: AbortSignal,
): Promise<Decision> {
  const first = decideRelevance(change, view);
  if (first.evaluate !== 'needs-default-branch' || change.type === 'project-modified') {
    return first;
  }
  const lookup = await client.getDefaultBranch(change.repository, { signal });
  switch (lookup.kind) {
    case 'found':
      return decideRelevance(change, { ...view, defaultBranch: lookup.value });
    case 'absent':
      return { evaluate: true, reason: `${first.reason}; there is none` };
    case 'unknown':
      return { reason: 'the default branch cannot be read', problem: lookup.problem };
    default:
      return lookup satisfies never;
  }
}

async function evaluateAll(
  repositories: readonly Repository[],
  connection: Connection,
  io: CliIo,
): Promise<ReplayedRepository[]> {
  const { client: source, config } = connection;
  const tools = { source, signal: io.signal };
  const listed = await filterListed(repositories, [], config, tools);
  return mapConcurrent(listed, config.concurrency, one =>
    evaluate(one.repository, connection, io, one),
  );
}

async function evaluate(
  address: RepositoryAddress,
  connection: Connection,
  { clock, signal }: CliIo,
  listed?: ListedRepository,
): Promise<ReplayedRepository> {
  const name = `${address.projectKey}/${address.slug}`;
  const evaluation = await evaluateRepository(address, connection.config, {
    source: connection.client,
    // Nothing is remembered in a dry run.
    loadKnown: async () => [],
    listed,
    now: () => clock.now(),
    signal,
  });
  if (evaluation.kind === 'unknown') {
    return { kind: 'unknown', name, problem: evaluation.problem };
  }
  if (!evaluation.result) {
    return { kind: 'gone', name };
  }
  const report = reportRepository(evaluation.result);
  return {
    kind: 'evaluated',
    repository: toPreviewedRepository(report, connection.integration),
  };
}
