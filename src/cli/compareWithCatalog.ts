/**
 * What the next complete run would change in a live catalog. Follows the engine: what is
 * missing in the listing is asked for before it counts as gone, what is unknown stays.
 */

import { webBaseUrl } from '../bitbucket/webUrls';
import { decideUnasked } from '../discovery/decideUnasked';
import { evaluateRepository } from '../discovery/evaluateRepository';
import { addressKey } from '../discovery/identify';
import { KnownRepository } from '../discovery/types';
import { toKnownRepositories } from '../store/readCatalogBaseline';
import { mapConcurrent } from '../util/mapConcurrent';
import { CatalogTarget } from './BackstageCatalog';
import { CliIo } from './CliIo';
import { CatalogDifference } from './previewDocument';
import { FinishedPreview } from './previewProvider';

/** The providers of one host that were previewed, and the catalog. */
export interface Comparison {
  /** Base URL of the catalog, to be shown. */
  readonly url: string;
  readonly targets: readonly CatalogTarget[];
  /** At least one. */
  readonly previews: readonly FinishedPreview[];
  /** Whether these are all providers of the host: what one does not find, another may. */
  readonly areAll: boolean;
}

/**
 * Compares by target, since a Location does not tell which provider made it.
 *
 * @returns one difference per preview; what would be removed is told with the first
 */
export async function compareWithCatalog(
  comparison: Comparison,
  io: CliIo,
): Promise<CatalogDifference[]> {
  const { url, previews, areAll } = comparison;
  const present = new Map(
    targetsOnHost(comparison).map(one => [one.url, one.discovered] as const),
  );
  const found = previews.map(({ preview }) =>
    preview.repositories.flatMap(one => one.files.map(file => file.targetUrl)),
  );
  const foundAnywhere = new Set(found.flat());
  const missing = [...present].flatMap(([target, discovered]) =>
    discovered && !foundAnywhere.has(target) ? [target] : [],
  );
  const removed = areAll ? await findRemoved(missing, previews, io) : [];
  return found.map((targets, index) => ({
    url,
    added: [...new Set(targets)].filter(target => !present.has(target)),
    removed: index === 0 ? removed : [],
    unchanged:
      new Set(targets.filter(target => present.has(target))).size +
      (index === 0 ? missing.length - removed.length : 0),
  }));
}

function targetsOnHost({ targets, previews }: Comparison): CatalogTarget[] {
  const bases = previews.map(({ connection }) => webBaseUrl(connection.integration));
  return targets.filter(({ url }) => bases.some(base => url.startsWith(`${base}/`)));
}

/** Only what every provider of the host lets go. */
async function findRemoved(
  missing: readonly string[],
  previews: readonly FinishedPreview[],
  io: CliIo,
): Promise<string[]> {
  let left = missing;
  for (const preview of previews) {
    const removed = new Set(await removedBy(preview, left, io));
    left = left.filter(target => removed.has(target));
  }
  return [...left].sort();
}

async function removedBy(
  preview: FinishedPreview,
  targets: readonly string[],
  io: CliIo,
): Promise<string[]> {
  const { run, connection } = preview;
  if (run.failure) {
    return [];
  }
  const outcomes = new Map(
    run.result.repositories.map(one => [addressKey(one.repository), one.outcome]),
  );
  const { config } = connection;
  const removed = await mapConcurrent(
    toKnownRepositories(targets),
    config.concurrency,
    async known => {
      const outcome =
        outcomes.get(addressKey(known)) ??
        decideUnasked(
          known.projectKey,
          run.result.listing.problems,
          config.filters.projectKey,
        );
      if (outcome) {
        return outcome.kind === 'unknown' ? [] : known.files;
      }
      return confirmRemoved(known, preview, io);
    },
  );
  return removed.flat().map(file => file.targetUrl);
}

/** As a run asks for each repository that it remembers and the listing lacks. */
async function confirmRemoved(
  known: KnownRepository,
  { connection }: FinishedPreview,
  { clock, signal }: CliIo,
): Promise<KnownRepository['files']> {
  const evaluation = await evaluateRepository(known, connection.config, {
    source: connection.client,
    loadKnown: async () => [known],
    was: known,
    now: () => clock.now(),
    signal,
  });
  return evaluation.kind === 'unknown'
    ? []
    : evaluation.delta.removed.map(one => one.file);
}
