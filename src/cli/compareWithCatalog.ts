/**
 * What the next complete run would change in a live catalog. Pure: the preview runs on what
 * the catalog holds as a scheduled run does on what it remembers, so that what is removed,
 * held back or kept is the engine's own decision.
 */

import { ProviderConfig } from '../config/types';
import { locationsOf } from '../discovery/locations';
import { Run } from '../discovery/performRun';
import { CatalogLocation, ProviderMemory } from '../discovery/types';
import { matchCatalogPaths } from '../filters/catalogPaths';
import { assessAddress } from '../filters/steps';
import { toKnownRepositories } from '../store/readCatalogBaseline';
import { parseTarget } from '../util/parseUrls';
import { LiveCatalog } from './BackstageCatalog';
import { CatalogDifference } from './previewDocument';

/** What one provider has in a catalog. */
export interface CatalogContent {
  readonly config: ProviderConfig;
  readonly knownBy: CatalogDifference['knownBy'];
  /** As a run remembers it. */
  readonly memory: ProviderMemory;
}

/**
 * Tells what each provider has in a catalog.
 *
 * @remarks Its own report says so exactly. Where there is none, since the backend runs the
 * published module or no run has come to its end, Locations do not tell which provider made
 * them: each counts for the first one that would give it.
 *
 * @param providers - all that are configured
 */
export function findContents(
  { discovered, reports }: LiveCatalog,
  providers: readonly ProviderConfig[],
): CatalogContent[] {
  const reportOf = new Map(reports.map(one => [one.providerId, one]));
  const reported = new Set(reports.flatMap(one => one.targets));
  const unreported = providers.filter(({ id }) => !reportOf.get(id)?.isComplete);
  const owners = new Map(
    discovered
      .filter(target => !reported.has(target))
      .map(target => [target, findOwner(target, unreported)]),
  );
  return providers.map(config => {
    const { isComplete, held = [], targets = [] } = reportOf.get(config.id) ?? {};
    const assigned = [...owners].flatMap(([target, owner]) =>
      owner === config ? [target] : [],
    );
    const repositories = toKnownRepositories([...targets, ...assigned]);
    return {
      config,
      knownBy: isComplete ? 'report' : 'entities',
      memory: { repositories, held },
    };
  });
}

function findOwner(
  target: string,
  providers: readonly ProviderConfig[],
): ProviderConfig | undefined {
  const onHost = providers.filter(one => one.host === new URL(target).host);
  const candidates = onHost.length > 0 ? onHost : providers;
  return candidates.find(one => wouldGive(one, target)) ?? candidates[0];
}

/** As far as that can be told without asking Bitbucket. */
function wouldGive({ filters, catalogPaths }: ProviderConfig, target: string): boolean {
  const read = parseTarget(target);
  return (
    read !== undefined &&
    assessAddress(read, filters) === undefined &&
    matchCatalogPaths(catalogPaths, [read.path]).length > 0
  );
}

/**
 * Compares what providers have in the catalog with what they are to have after their runs.
 *
 * @param contents - of all providers: what one lets go of, another may give
 * @param runs - by id, of those that were looked at
 * @returns by id, of the same
 */
export function compareWithCatalog(
  catalog: LiveCatalog,
  contents: readonly CatalogContent[],
  runs: ReadonlyMap<string, Run>,
): Map<string, CatalogDifference> {
  const ids = new Set(contents.map(one => one.config.id));
  // The catalog drops what comes from a provider that is not configured.
  const dropped = catalog.reports.filter(one => !ids.has(one.providerId));
  const lost = new Set(dropped.flatMap(one => one.targets));
  const present = new Set([
    ...[...catalog.shown].filter(target => !lost.has(target)),
    ...contents.flatMap(targetsBefore),
  ]);
  const differences = new Map<string, CatalogDifference>();
  for (const content of contents) {
    const run = runs.get(content.config.id);
    const others = contents.filter(one => one !== content);
    const keepers = others.map(one => toKeeper(one, runs.get(one.config.id)));
    if (run) {
      differences.set(content.config.id, {
        url: catalog.url,
        ...compareOne(content, run, {
          isPresent: target => present.has(target),
          isGivenElsewhere: target => keepers.some(keeps => keeps(target)),
        }),
      });
    }
  }
  return differences;
}

function compareOne(
  content: CatalogContent,
  run: Run,
  catalog: Readonly<
    Record<'isPresent' | 'isGivenElsewhere', (target: string) => boolean>
  >,
): Omit<CatalogDifference, 'url'> {
  const { heldBack, heldBackReason, removed } = run.reconciliation;
  const after = targetsAfter(content, run);
  const added = [...after].filter(target => !catalog.isPresent(target));
  const leaving = (locations: readonly CatalogLocation[]) =>
    toTargets(locations).filter(target => !catalog.isGivenElsewhere(target));
  const held = leaving(heldBack);
  return {
    knownBy: content.knownBy,
    added: added.sort(),
    removed: leaving(removed).sort(),
    heldBack: held.sort(),
    ...(held.length > 0 && { heldBackReason }),
    unchanged: after.size - added.length - held.length,
  };
}

/** Tells what a provider goes on giving; without a run, what it may go on giving. */
function toKeeper(
  content: CatalogContent,
  run: Run | undefined,
): (target: string) => boolean {
  if (!run && content.knownBy === 'entities') {
    return target => wouldGive(content.config, target);
  }
  const kept = run ? targetsAfter(content, run) : new Set(targetsBefore(content));
  return target => kept.has(target);
}

function targetsBefore({ memory }: CatalogContent): string[] {
  return toTargets(locationsOf(memory.repositories));
}

function targetsAfter(content: CatalogContent, { reconciliation }: Run): Set<string> {
  const removed = new Set(toTargets(reconciliation.removed));
  const left = targetsBefore(content).filter(target => !removed.has(target));
  return new Set([...left, ...toTargets(reconciliation.locations)]);
}

function toTargets(locations: readonly CatalogLocation[]): string[] {
  return [...new Set(locations.map(one => one.file.targetUrl))];
}
