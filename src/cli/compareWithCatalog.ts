/**
 * What the next complete run would change in a live catalog. Pure: the preview runs on what
 * the catalog holds as a scheduled run does on what it remembers, so that what is removed,
 * held back or kept is the engine's own decision.
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

/** What one provider has in a catalog. */
export interface CatalogContent {
  readonly config: ProviderConfig;
  readonly knownBy: CatalogDifference['knownBy'];
  /** As a run remembers it. */
  readonly state: ProviderState;
}

/**
 * Tells what each provider has in a catalog.
 *
 * @remarks Its own report says so exactly. Where there is none, since the backend runs the
 * published module or no run has come to its end, Locations do not tell which provider made
 * them: each counts for the first one that would emit it.
 *
 * @param providers - all that are configured
 */
export function findContents(
  { discovered, reports }: LiveCatalog,
  providers: readonly ProviderConfig[],
): CatalogContent[] {
  const reportById = new Map(reports.map(one => [one.providerId, one]));
  const reported = new Set(reports.flatMap(one => one.targets));
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
  const onHost = providers.filter(one => one.host === new URL(target).host);
  const candidates = onHost.length > 0 ? onHost : providers;
  return candidates.find(one => wouldEmit(one, target)) ?? candidates[0];
}

/** As far as that can be told without asking Bitbucket. */
function wouldEmit({ filters, catalogPaths }: ProviderConfig, target: string): boolean {
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
 * @param contents - of all providers: what one releases, another may emit
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
  const sides = contents.map(one => toSide(one, runs.get(one.config.id)));
  const present = new Set([
    ...[...catalog.shown].filter(target => !lost.has(target)),
    ...sides.flatMap(one => one.before),
  ]);
  return new Map(
    sides.flatMap(({ content, run, after }) => {
      const others = sides.filter(one => one.content !== content);
      const leaving = (locations: readonly CatalogLocation[] = []) =>
        toTargets(locations)
          .filter(target => !others.some(one => one.keeps(target)))
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

/** What a provider has in the catalog, and goes on emitting; without a run, what it may emit. */
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
  return [...new Set(locations.map(one => one.file.targetUrl))];
}
