/**
 * What one provider would do about a change that a webhook tells of. The same decisions as
 * in a backend, with the server asked for what a backend would remember; changes nothing.
 */

import { webBaseUrl } from '../bitbucket/webUrls';
import { evaluateRepository } from '../discovery/evaluateRepository';
import { FilteredRepository, filterListing } from '../discovery/applyFilters';
import { reportRepository } from '../discovery/report';
import {
  decideProjectRelevance,
  decideRelevance,
  RelevanceContext,
} from '../events/relevance';
import { RepositoryChange } from '../events/repositoryChanges';
import { ListingStep, Problem, Repository, RepositoryAddress } from '../model';
import { mapConcurrent } from '../util/concurrency';
import { webBaseOf } from '../util/parseUrls';
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
  readonly repositories: readonly Repository[];
  /** Of a project whose listing ended early. */
  readonly problem?: Problem;
}

/** @throws what the client throws: credentials that do not work, an abort */
export async function replayChange(
  change: RepositoryChange,
  connection: Connection,
  io: CliIo,
): Promise<ReplayedChange> {
  const around = await lookAround(change, connection, io.signal);
  const context = contextOf(around.repositories, connection, io.signal);
  const decision =
    change.type === 'project-modified'
      ? await decideProjectRelevance(change, context)
      : await decideRelevance([change], context);
  if (decision.kind === 'unknown') {
    const reason = 'the default branch cannot be read';
    return { isRelevant: false, reason, repositories: [], problem: decision.problem };
  }
  const { reason } = decision;
  if (decision.kind === 'ignored') {
    return { isRelevant: false, reason, repositories: [] };
  }
  const repositories =
    change.type === 'project-modified'
      ? await evaluateAll(around.repositories, connection, io)
      : [await evaluate(change.repository, connection, io)];
  return { isRelevant: true, reason, repositories, problem: around.problem };
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

/** What a backend would remember, from what the server shows. */
function contextOf(
  shown: readonly Repository[],
  { client, config, integration }: Connection,
  signal: AbortSignal,
): RelevanceContext {
  const keys = new Set(shown.map(one => one.projectKey.toLowerCase()));
  return {
    filters: config.filters,
    branch: config.branch,
    webBaseUrl: webBaseUrl(integration),
    loadServerUrls: async () => shown.flatMap(one => webBaseOf(one.selfUrl ?? '') ?? []),
    findRelated: async () =>
      shown.map(one => ({ ...one, repositoryId: one.id, files: [] })),
    isProjectKnown: async wanted => wanted.some(key => keys.has(key.toLowerCase())),
    findDefaultBranch: repository => client.getDefaultBranch(repository, { signal }),
  };
}

async function evaluateAll(
  repositories: readonly Repository[],
  connection: Connection,
  io: CliIo,
): Promise<ReplayedRepository[]> {
  const { client: source, config } = connection;
  const listed = await filterListing(repositories, {
    ...config,
    source,
    signal: io.signal,
    // Nothing is known in a dry run.
    isHeld: () => false,
  });
  return mapConcurrent(listed, config.concurrency, one =>
    evaluate(one.repository, connection, io, one),
  );
}

async function evaluate(
  address: RepositoryAddress,
  connection: Connection,
  { clock, signal }: CliIo,
  listed?: FilteredRepository,
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
