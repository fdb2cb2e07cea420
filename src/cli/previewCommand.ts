/** `preview`: a dry run of the providers, shown in one of several forms. */

import path from 'node:path';
import { findSharedFiles } from '../conflicts/sharedFiles';
import { printableJson } from '../util/text';
import { CatalogTarget, readCatalogTargets } from './BackstageCatalog';
import { parseBackstageUrl } from './BackstageClient';
import { CliIo, ExitCode } from './CliIo';
import { compareWithCatalog, Comparison } from './compareWithCatalog';
import { Connections } from './connections';
import { CommandFailedError, describeError } from './errors';
import { explainRepository } from './explainRepository';
import { renderPreviewPage } from './html/renderPreviewPage';
import { CatalogDifference, PreviewDocument } from './previewDocument';
import { FinishedPreview, previewProvider } from './previewProvider';
import { Progress } from './Progress';
import {
  Configuration,
  ConfigurationOptions,
  readConfiguration,
} from './readConfiguration';
import { renderPreview } from './renderPreview';

/** The command line of `preview`, already checked. */
export interface PreviewOptions extends ConfigurationOptions {
  /** One repository only, as `KEY/slug`. */
  readonly explain?: string;
  /** Base URL of a Backstage backend. */
  readonly against?: string;
  /** For that backend; `BACKSTAGE_TOKEN` when left out. */
  readonly token?: string;
  readonly json?: boolean;
  /** File to write the page to. */
  readonly html?: string;
}

/** A catalog that was read. */
interface LiveCatalog {
  readonly url: string;
  readonly targets: readonly CatalogTarget[];
}

/** Runs the command; writes nothing but the page that was asked for. */
export async function runPreview(options: PreviewOptions, io: CliIo): Promise<ExitCode> {
  const configuration = await readConfiguration(options, io);
  if (options.explain !== undefined) {
    const { json = false } = options;
    return explainRepository(options.explain, configuration, { json }, io);
  }
  // First: a wrong token should show before a long run, not after it.
  const catalog = await readCatalog(options, io);
  const previews = await previewAll(configuration, io);
  const differences = catalog
    ? await compareAll(catalog, previews, configuration, io)
    : new Map<FinishedPreview, CatalogDifference>();
  const document: PreviewDocument = {
    version: 1,
    createdAt: new Date(io.clock.now()).toISOString(),
    providers: previews.map(one => {
      const against = differences.get(one);
      return { ...one.preview, ...(against && { against }) };
    }),
    conflicts: findSharedFiles(previews.map(one => one.preview)),
  };
  await print(document, options, io);
  const isWell = document.providers.every(
    one => one.status === 'succeeded' && (catalog === undefined || one.against),
  );
  return isWell && previews.length === configuration.providers.length ? 0 : 1;
}

async function readCatalog(
  options: PreviewOptions,
  io: CliIo,
): Promise<LiveCatalog | undefined> {
  if (options.against === undefined) {
    return undefined;
  }
  const url = parseBackstageUrl(options.against);
  const progress = new Progress(io);
  progress.begin(`Reading the catalog at ${url}`);
  // An empty variable is how scripts say that there is none.
  const token = (options.token ?? io.env.BACKSTAGE_TOKEN)?.trim() || undefined;
  try {
    return { url, targets: await readCatalogTargets({ url, token }, io) };
  } finally {
    progress.end();
  }
}

async function previewAll(
  configuration: Configuration,
  io: CliIo,
): Promise<FinishedPreview[]> {
  const pool = new Connections(io);
  // All first: what is wrong with the configuration should show before a long run.
  const connections = configuration.providers.map(one => pool.open(one));
  const previews: FinishedPreview[] = [];
  const progress = new Progress(io);
  for (const connection of connections) {
    if (io.signal.aborted) {
      io.stderr('Stopped: the remaining providers were not looked at.\n');
      break;
    }
    const finished = await previewProvider(connection, io, progress);
    previews.push(finished);
    for (const warning of warningsOf(finished)) {
      io.stderr(`${warning}\n`);
    }
  }
  return previews;
}

/** What a run that succeeded would warn of in the log. */
function warningsOf({ run, preview }: FinishedPreview): string[] {
  if (run.failure) {
    return [];
  }
  const { problems, unreadable } = run.result.listing;
  const about = problems.map(
    ({ projectKey, problem, gone }) =>
      `${preview.providerId}: project ${projectKey} ${gone ? 'does not exist' : 'could not be listed, so nothing is known of its repositories'}. ${problem.detail}`,
  );
  return unreadable === 0
    ? about
    : [
        ...about,
        `${preview.providerId}: ${unreadable} items of the listing are not readable as repositories and were passed over`,
      ];
}

async function compareAll(
  { url, targets }: LiveCatalog,
  previews: readonly FinishedPreview[],
  configuration: Configuration,
  io: CliIo,
): Promise<Map<FinishedPreview, CatalogDifference>> {
  const differences = new Map<FinishedPreview, CatalogDifference>();
  for (const first of previews) {
    if (differences.has(first)) {
      continue;
    }
    const { host } = first.preview;
    const together = previews.filter(one => one.preview.host === host);
    const areAll = together.length === configuration.idsOnHost(host).length;
    if (!areAll) {
      io.stderr(
        `Other providers of ${host} were not looked at, so what would be removed is not told.\n`,
      );
    }
    const comparison = { url, targets, previews: together, areAll };
    (await compare(comparison, io)).forEach((difference, index) => {
      const preview = together[index];
      if (preview) {
        differences.set(preview, difference);
      }
    });
  }
  return differences;
}

/** What the runs found out is shown all the same. */
async function compare(
  comparison: Comparison,
  io: CliIo,
): Promise<readonly CatalogDifference[]> {
  const progress = new Progress(io);
  progress.begin('Comparing with the catalog');
  try {
    return await compareWithCatalog(comparison, io);
  } catch (error) {
    progress.end();
    const why = io.signal.aborted ? 'it was stopped' : describeError(error);
    io.stderr(`The comparison with the catalog was not finished: ${why}\n`);
    return [];
  } finally {
    progress.end();
  }
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
  io.stdout(options.json ? `${printableJson(document)}\n` : renderPreview(document));
}
