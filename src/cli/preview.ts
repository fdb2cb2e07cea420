/** `preview`: a dry run of the providers, printed as text, JSON or an HTML page. */

import path from 'node:path';
import { findSharedFiles } from '../conflicts/describeConflicts';
import { addressKey } from '../discovery/identify';
import { MISSING_PROJECT_REMEDY } from '../discovery/explanations';
import { DiscoveryProgress, ProviderState } from '../discovery/types';
import { formatPlural, printableJson } from '../util/text';
import { performRun, Run, RunFailure } from '../discovery/performRun';
import { compareReports, reportRepository } from '../discovery/report';
import { describeLost, LiveCatalog, readLiveCatalog } from './BackstageCatalog';
import { AgainstOptions, toBackstageAddress } from './BackstageClient';
import {
  CliIo,
  CommandFailedError,
  describeError,
  ExitCode,
  Progress,
  renderBar,
} from './terminal';
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
import {
  Configuration,
  ConfigurationOptions,
  readConfiguration,
} from './readConfiguration';
import { renderPreview } from './renderPreview';

/** The validated command line of `preview`. */
interface PreviewOptions extends ConfigurationOptions, AgainstOptions {
  /** The only repository to explain, as `KEY/slug`. */
  readonly explain?: string;
  readonly json?: boolean;
  /** The file to write the page to. */
  readonly html?: string;
}

/** The state without `--against`: nothing can be removed, and every repository is checked. */
const NOTHING: ProviderState = { repositories: [], held: [] };

/** Runs `preview`; writes nothing but the requested page. */
export async function runPreview(options: PreviewOptions, io: CliIo): Promise<ExitCode> {
  const configuration = await readConfiguration(options, io);
  if (options.explain !== undefined) {
    const { json = false } = options;
    const against = toBackstageAddress(options, io);
    return explainRepository(options.explain, configuration, { json, against }, io);
  }
  // First, so that a wrong token shows before a long run, not after it.
  const catalog = await readCatalog(options, io);
  const configs = configuration.configured.map(({ config }) => config);
  const contents = catalog ? findContents(catalog, configs) : [];
  const counts = catalog?.reports.map(
    ({ providerId, targets }) => [providerId, targets.length] as const,
  );
  const lost = describeLost(
    new Map(counts),
    configs.map(({ id }) => id),
  );
  if (lost) {
    io.stderr(`warning: ${lost}\n`);
  }
  const previews = await previewAll(configuration, contents, io);
  const runs = new Map(previews.map(({ preview, run }) => [preview.providerId, run]));
  const differences = catalog && compareWithCatalog(catalog, contents, runs);
  const document: PreviewDocument = {
    version: 1,
    createdAt: new Date(io.clock.now()).toISOString(),
    providers: previews.map(({ preview }) => ({
      ...preview,
      repositories: withCatalog(preview, catalog),
      against: differences?.get(preview.providerId),
    })),
    conflicts: findSharedFiles(previews.map(({ preview }) => preview)),
  };
  await print(document, options, io);
  const isWell = document.providers.every(({ status }) => status === 'succeeded');
  return isWell && previews.length === configuration.providers.length ? 0 : 1;
}

/** Adds what the backend reports about the files to what a run would find. */
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
      io.stderr('Stopped: the remaining providers were not checked.\n');
      break;
    }
    const content = contents.find(({ config }) => config.id === connection.config.id);
    const state = content?.state ?? NOTHING;
    const finished = await previewProvider(connection, state, io, progress);
    previews.push(finished);
    for (const warning of listWarnings(finished)) {
      io.stderr(`${warning}\n`);
    }
  }
  return previews;
}

/** Lists the warnings that a successful run would log. */
function listWarnings({ run, preview: { providerId } }: FinishedPreview): string[] {
  if (run.failure) {
    return [];
  }
  const { problems, unreadable } = run.result.listing;
  return [
    ...problems.map(({ projectKey, problem, gone }) =>
      gone
        ? `${providerId}: project ${projectKey} does not exist. ${problem.detail}. What to do: ${MISSING_PROJECT_REMEDY}`
        : `${providerId}: project ${projectKey} could not be listed, so nothing is known about its repositories. ${problem.detail}`,
    ),
    ...(unreadable > 0
      ? [
          `${providerId}: Skipped ${formatPlural(unreadable, 'item')} of the listing, not readable as a repository`,
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
    io.stderr(`The page was written to ${options.html}\n`);
  }
  if (options.json) {
    io.verbatim(`${printableJson(document)}\n`);
  } else {
    io.stdout(renderPreview(document));
  }
}

/** A dry run and the preview made from it. */
interface FinishedPreview {
  readonly run: Run;
  readonly preview: ProviderPreview;
}

/**
 * Runs one provider without applying the result. Never throws for a failure of Bitbucket.
 *
 * @param state - the Locations that the provider has in the catalog
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
    : `${renderBar(step.checked, step.total)} ${step.checked} of ${step.total} repositories checked`;
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
    repositories: [...run.result.repositories.values()]
      .map(result => reportRepository(result))
      .sort(compareReports)
      .map(report => toPreviewedRepository(report, integration)),
  };
}

/** Describes a failure as a run does, without mentioning stored Locations or the next run. */
function describeFailure(failure: RunFailure, host: string): string {
  switch (failure.kind) {
    case 'listing':
      return `The repositories of ${host} could not be listed completely: ${failure.detail}`;
    case 'aborted':
      return `The preview of ${host} was stopped before it finished`;
    case 'failed':
      return describeError(failure.error);
    default:
      return failure satisfies never;
  }
}
