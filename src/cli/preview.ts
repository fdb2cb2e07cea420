/** `preview`: a dry run of the providers, shown in one of several forms. */

import path from 'node:path';
import { findSharedFiles } from '../conflicts/describeConflicts';
import { addressKey } from '../discovery/identify';
import { MISSING_PROJECT_REMEDY } from '../discovery/explanations';
import { DiscoveryProgress, ProviderState } from '../discovery/types';
import { printableJson } from '../util/text';
import { performRun, Run, RunFailure } from '../discovery/performRun';
import { compareReports, reportRepository } from '../discovery/report';
import { describeLost, LiveCatalog, readLiveCatalog } from './BackstageCatalog';
import { AgainstOptions, toBackstageAddress } from './BackstageClient';
import { CliIo, CommandFailedError, describeError, ExitCode } from './CliIo';
import { CatalogContent, compareWithCatalog, findContents } from './compareWithCatalog';
import { Connection, openConnections } from './connections';
import { explainRepository } from './explain';
import { renderPreviewPage } from './html/renderPreviewPage';
import {
  addLiveCatalog,
  PreviewDocument,
  PreviewedRepository,
  ProviderPreview,
  toPreviewedRepository,
} from './previewDocument';
import { Progress, renderBar } from './Progress';
import {
  Configuration,
  ConfigurationOptions,
  readConfiguration,
} from './readConfiguration';
import { renderPreview } from './renderPreview';

/** The command line of `preview`, already checked. */
interface PreviewOptions extends ConfigurationOptions, AgainstOptions {
  /** One repository only, as `KEY/slug`. */
  readonly explain?: string;
  readonly json?: boolean;
  /** File to write the page to. */
  readonly html?: string;
}

/** Where no catalog is named: so nothing can be removed, and all is looked at. */
const NOTHING: ProviderState = { repositories: [], held: [] };

/** Runs the command; writes nothing but the page that was asked for. */
export async function runPreview(options: PreviewOptions, io: CliIo): Promise<ExitCode> {
  const configuration = await readConfiguration(options, io);
  if (options.explain !== undefined) {
    const { json = false } = options;
    const against = toBackstageAddress(options, io);
    return explainRepository(options.explain, configuration, { json, against }, io);
  }
  // First: a wrong token should show before a long run, not after it.
  const catalog = await readCatalog(options, io);
  const configs = configuration.configured.map(one => one.config);
  const contents = catalog ? findContents(catalog, configs) : [];
  const counts = catalog?.reports.map(
    one => [one.providerId, one.targets.length] as const,
  );
  const lost = describeLost(
    new Map(counts),
    configs.map(one => one.id),
  );
  if (lost) {
    io.stderr(`warning: ${lost}\n`);
  }
  const previews = await previewAll(configuration, contents, io);
  const runs = new Map(previews.map(one => [one.preview.providerId, one.run]));
  const differences = catalog && compareWithCatalog(catalog, contents, runs);
  const document: PreviewDocument = {
    version: 1,
    createdAt: new Date(io.clock.now()).toISOString(),
    providers: previews.map(({ preview }) => ({
      ...preview,
      repositories: withCatalog(preview, catalog),
      against: differences?.get(preview.providerId),
    })),
    conflicts: findSharedFiles(previews.map(one => one.preview)),
  };
  await print(document, options, io);
  const isWell = document.providers.every(one => one.status === 'succeeded');
  return isWell && previews.length === configuration.providers.length ? 0 : 1;
}

/** What the backend reports of the files, beside what a run would find. */
function withCatalog(
  { providerId, repositories }: ProviderPreview,
  catalog: LiveCatalog | undefined,
): readonly PreviewedRepository[] {
  if (!catalog) {
    return repositories;
  }
  const report = catalog.reports.find(each => each.providerId === providerId);
  return repositories.map(repository => {
    const { projectKey, repositorySlug: slug } = repository;
    const known = report?.inCatalog.get(addressKey({ projectKey, slug }));
    return addLiveCatalog(repository, known && { catalog: known });
  });
}

async function readCatalog(
  options: PreviewOptions,
  io: CliIo,
): Promise<LiveCatalog | undefined> {
  const address = toBackstageAddress(options, io);
  if (!address) {
    return undefined;
  }
  const progress = new Progress(io);
  progress.begin(`Reading the catalog at ${address.url}`);
  try {
    return await readLiveCatalog(address, io);
  } finally {
    progress.end();
  }
}

async function previewAll(
  configuration: Configuration,
  contents: readonly CatalogContent[],
  io: CliIo,
): Promise<FinishedPreview[]> {
  const previews: FinishedPreview[] = [];
  const progress = new Progress(io);
  for (const connection of openConnections(configuration.providers, io)) {
    if (io.signal.aborted) {
      io.stderr('Stopped: the remaining providers were not looked at.\n');
      break;
    }
    const content = contents.find(one => one.config.id === connection.config.id);
    const state = content?.state ?? NOTHING;
    const finished = await previewProvider(connection, state, io, progress);
    previews.push(finished);
    for (const warning of listWarnings(finished)) {
      io.stderr(`${warning}\n`);
    }
  }
  return previews;
}

/** What a run that succeeded would warn of in the log. */
function listWarnings({ run, preview: { providerId } }: FinishedPreview): string[] {
  if (run.failure) {
    return [];
  }
  const { problems, unreadable } = run.result.listing;
  return [
    ...problems.map(({ projectKey, problem, gone }) =>
      gone
        ? `${providerId}: project ${projectKey} does not exist. ${problem.detail}. What to do: ${MISSING_PROJECT_REMEDY}`
        : `${providerId}: project ${projectKey} could not be listed, so nothing is known of its repositories. ${problem.detail}`,
    ),
    ...(unreadable > 0
      ? [
          `${providerId}: ${unreadable} items of the listing are not readable as repositories and were passed over`,
        ]
      : []),
  ];
}

async function print(
  document: PreviewDocument,
  options: PreviewOptions,
  io: CliIo,
): Promise<void> {
  if (options.html !== undefined) {
    try {
      const file = path.resolve(io.cwd, options.html);
      await io.writeFile(file, renderPreviewPage(document));
    } catch (error) {
      throw new CommandFailedError(
        `The page could not be written: ${describeError(error)}`,
      );
    }
    io.stderr(`The page is in ${options.html}\n`);
  }
  if (options.json) {
    io.verbatim(`${printableJson(document)}\n`);
  } else {
    io.stdout(renderPreview(document));
  }
}

/** A dry run and what people are shown of it. */
interface FinishedPreview {
  readonly run: Run;
  readonly preview: ProviderPreview;
}

/**
 * Runs one provider. Applies nothing; never throws for what Bitbucket does.
 *
 * @param state - what the provider has in the catalog
 */
async function previewProvider(
  connection: Connection,
  state: ProviderState,
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
    state,
    clock: io.clock,
    signal: io.signal,
    onProgress: step =>
      progress.update(`${name}: ${describeStep(step)}, ${meter.counts().total} requests`),
  });
  progress.end();
  return { run, preview: toPreview(run, connection, io) };
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
    requests: {
      ...meter.counts(),
      perSecond: meter.perSecond(),
      pacedMs: meter.pacedMs(),
    },
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
