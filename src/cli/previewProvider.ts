/** A dry run of one provider: the engine of the scheduled run, on what a catalog holds or on nothing. */

import { BitbucketServerIntegrationConfig } from '@backstage/integration';
import { repositoryUrl } from '../bitbucket/webUrls';
import { explainOutcome } from '../discovery/explanations';
import { performRun, Run, RunFailure } from '../discovery/performRun';
import { compareReports, reportRepository, RepositoryReport } from '../discovery/report';
import { DiscoveryProgress, ProviderMemory } from '../discovery/types';
import { CliIo } from './CliIo';
import { Connection } from './connections';
import { describeError } from './errors';
import { PreviewedRepository, ProviderPreview } from './previewDocument';
import { Progress, renderBar } from './Progress';

/** A dry run and what people are shown of it. */
export interface FinishedPreview {
  readonly connection: Connection;
  readonly run: Run;
  readonly preview: ProviderPreview;
}

/**
 * Runs one provider. Applies nothing; never throws for what Bitbucket does.
 *
 * @param memory - what the provider has in the catalog
 */
export async function previewProvider(
  connection: Connection,
  memory: ProviderMemory,
  io: CliIo,
  progress: Progress,
): Promise<FinishedPreview> {
  const { config, client, meter } = connection;
  const name = `${config.id} (${config.host})`;
  progress.begin(`${name}: connecting`);
  meter.begin();
  await connection.prepare();
  const run = await performRun({
    scope: config,
    policy: config.removals,
    source: client,
    memory,
    clock: io.clock,
    signal: io.signal,
    onProgress: step =>
      progress.update(`${name}: ${describeStep(step)}, ${meter.counts().total} requests`),
  });
  progress.end();
  return { connection, run, preview: toPreview(run, connection, io) };
}

function describeStep(step: DiscoveryProgress): string {
  return step.kind === 'listing'
    ? `${step.listed} repositories listed`
    : `${renderBar(step.checked, step.total)} ${step.checked} of ${step.total} repositories looked at`;
}

function toPreview(run: Run, connection: Connection, io: CliIo): ProviderPreview {
  const { config, integration, meter } = connection;
  const finishedAtMs = io.clock.now();
  const budget = connection.budget();
  const error =
    run.failure && connection.redact(describeFailure(run.failure, config.host));
  return {
    providerId: config.id,
    host: config.host,
    status: run.failure ? 'failed' : 'succeeded',
    error,
    startedAt: new Date(meter.startedAtMs).toISOString(),
    finishedAt: new Date(finishedAtMs).toISOString(),
    durationMs: Math.max(0, finishedAtMs - meter.startedAtMs),
    summary: run.summary,
    requests: { ...meter.counts(), perSecond: meter.perSecond() },
    budget,
    repositories: run.result.repositories
      .map(one => reportRepository(one))
      .sort(compareReports)
      .map(one => toPreviewedRepository(one, integration)),
  };
}

/** Like the failure of a run, but nothing was touched and nothing comes next. */
function describeFailure(failure: RunFailure, host: string): string {
  switch (failure.kind) {
    case 'listing':
      return `The repositories of ${host} could not be listed completely: ${failure.detail}`;
    case 'aborted':
      return `The preview of ${host} was stopped before its end`;
    case 'failed':
      return describeError(failure.error);
    default:
      return failure satisfies never;
  }
}

/** Adds to a report what it means. */
export function toPreviewedRepository(
  report: RepositoryReport,
  integration: BitbucketServerIntegrationConfig,
): PreviewedRepository {
  const { projectKey, repositorySlug, outcome, reason, detail, files } = report;
  const explanation = explainOutcome(outcome, reason);
  return {
    projectKey,
    repositorySlug,
    outcome,
    reason,
    detail,
    cause: explanation?.cause ?? '',
    remedy: explanation?.remedy ?? '',
    files: files.map(({ path, targetUrl }) => ({ path, targetUrl })),
    // Without the server's own link: on the integration's host, which readers can reach.
    url: repositoryUrl({ projectKey, slug: repositorySlug }, integration),
  };
}
