/**
 * Computes what the next complete run would change in a live catalog. Pure: the preview
 * starts from the Locations in the catalog, as a scheduled run starts from its stored state,
 * so that the engine itself decides which Locations are removed, held back or kept.
 */

import { ProviderConfig } from '../config/types';
import { toLocations } from '../discovery/locations';
import { Run } from '../discovery/performRun';
import { CatalogLocation, ProviderState } from '../discovery/types';
import { matchCatalogPaths } from '../filters/catalogPaths';
import { assessAddress } from '../filters/steps';
import { toKnownRepositories } from '../store/readCatalogBaseline';
import { parseTarget } from '../util/parseUrls';
import { LiveCatalog } from './BackstageCatalog';
import { CatalogDifference } from './previewDocument';

/** The Locations of one provider in a catalog. */
export interface CatalogContent {
  readonly config: ProviderConfig;
  readonly knownBy: CatalogDifference['knownBy'];
  /** In the form in which a run loads it. */
  readonly state: ProviderState;
}

/**
 * Assigns the Locations in a catalog to the providers.
 *
 * @remarks The report of a provider lists its Locations exactly. If there is none, because the
 * backend runs the published module or no run has finished, a Location does not show which
 * provider emitted it: each one is assigned to the first provider that would emit it.
 *
 * @param providers - all configured providers
 */
export function findContents(
  { discovered, reports }: LiveCatalog,
  providers: readonly ProviderConfig[],
): CatalogContent[] {
  const reportById = new Map(reports.map(report => [report.providerId, report]));
  const reported = new Set(reports.flatMap(report => report.targets));
  const unreported = providers.filter(({ id }) => !reportById.get(id)?.isComplete);
  const owners = new Map(
    discovered
      .filter(target => !reported.has(target))
      .map(target => [target, findOwner(target, unreported)]),
  );
  return providers.map(config => {
    const { isComplete, held = [], targets = [] } = reportById.get(config.id) ?? {};
    const assigned = [...owners].flatMap(([target, owner]) =>
      owner === config ? [target] : [],
    );
    const repositories = toKnownRepositories([...targets, ...assigned]);
    return {
      config,
      knownBy: isComplete ? 'report' : 'entities',
      state: { repositories, held },
    };
  });
}

function findOwner(
  target: string,
  providers: readonly ProviderConfig[],
): ProviderConfig | undefined {
  const onHost = providers.filter(provider => provider.host === new URL(target).host);
  const candidates = onHost.length > 0 ? onHost : providers;
  return candidates.find(provider => wouldEmit(provider, target)) ?? candidates[0];
}

/** As far as this can be decided without a request to Bitbucket. */
function wouldEmit({ filters, catalogPaths }: ProviderConfig, target: string): boolean {
  const file = parseTarget(target);
  return (
    file !== undefined &&
    assessAddress(file, filters) === undefined &&
    matchCatalogPaths(catalogPaths, [file.path]).length > 0
  );
}

/**
 * Compares the Locations that providers have in the catalog with those after their runs.
 *
 * @param contents - of all providers: a Location that one drops may be emitted by another
 * @param runs - the runs by provider id; only of the previewed providers
 * @returns the differences by provider id, of the same providers
 */
export function compareWithCatalog(
  catalog: LiveCatalog,
  contents: readonly CatalogContent[],
  runs: ReadonlyMap<string, Run>,
): Map<string, CatalogDifference> {
  const ids = new Set(contents.map(content => content.config.id));
  // The catalog drops the Locations of a provider that is not configured.
  const dropped = catalog.reports.filter(report => !ids.has(report.providerId));
  const lost = new Set(dropped.flatMap(report => report.targets));
  const sides = contents.map(content => toSide(content, runs.get(content.config.id)));
  const present = new Set([
    ...[...catalog.shown].filter(target => !lost.has(target)),
    ...sides.flatMap(side => side.before),
  ]);
  return new Map(
    sides.flatMap(({ content, run, after }) => {
      const different = sides.filter(side => side.content !== content);
      const leaving = (locations: readonly CatalogLocation[] = []) =>
        toTargets(locations)
          .filter(target => !different.some(side => side.keeps(target)))
          .sort();
      const added = [...after].filter(target => !present.has(target)).sort();
      const heldBack = leaving(run?.reconciliation.heldBack);
      const difference: CatalogDifference = {
        url: catalog.url,
        knownBy: content.knownBy,
        added,
        removed: leaving(run?.reconciliation.removed),
        heldBack,
        heldBackReason:
          heldBack.length > 0 ? run?.reconciliation.heldBackReason : undefined,
        unchanged: after.size - added.length - heldBack.length,
      };
      return run ? [[content.config.id, difference] as const] : [];
    }),
  );
}

/** The targets of a provider before and after its run; without a run, those it may emit. */
function toSide(content: CatalogContent, run: Run | undefined) {
  const before = toTargets(toLocations(content.state.repositories));
  const removed = new Set(toTargets(run?.reconciliation.removed ?? []));
  const after = new Set([
    ...before.filter(target => !removed.has(target)),
    ...toTargets(run?.reconciliation.locations ?? []),
  ]);
  const keeps = (target: string) =>
    run || content.knownBy === 'report'
      ? after.has(target)
      : wouldEmit(content.config, target);
  return { content, run, before, after, keeps };
}

function toTargets(locations: readonly CatalogLocation[]): string[] {
  return [...new Set(locations.map(location => location.file.targetUrl))];
}
