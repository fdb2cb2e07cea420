/**
 * Looks, after each run, whether the catalog has taken what it was given, and says so
 * where it has not. What goes wrong here is logged and changes nothing else.
 */

import { stringifyEntityRef } from '@backstage/catalog-model';
import { distinctConflicts, ProviderIds } from '../conflicts/describeConflicts';
import { locationsOf, uniqueByKey } from '../discovery/locations';
import { Run } from '../discovery/performRun';
import { CatalogLocation } from '../discovery/types';
import { ConflictReport } from '../conflicts/ConflictReport';
import { ConflictStore, GivenEntity } from '../conflicts/ConflictStore';
import { ConflictResolver } from '../conflicts/ConflictResolver';
import { providerName, toLocationEntity } from './locationEntities';
import { RunLog } from './RunLog';

/** What conflicts are kept in and read from. */
export interface ConflictBooks {
  readonly store: ConflictStore;
  readonly report: ConflictReport;
  readonly resolver: ConflictResolver;
  /** Of this configuration. */
  readonly providers: ProviderIds;
}

/** What the watch of one provider works with. */
export interface ConflictWatchOptions extends ConflictBooks {
  readonly providerId: string;
  readonly log: RunLog;
}

/** Watches for one provider. */
export class ConflictWatch {
  readonly #options: ConflictWatchOptions;

  constructor(options: ConflictWatchOptions) {
    this.#options = options;
  }

  /**
   * To be called once the run is applied and its report is kept.
   *
   * @remarks Not after a run that was aborted: that one is to come to its end at once.
   */
  async afterRun({ failure, reconciliation }: Run): Promise<void> {
    if (failure?.kind === 'aborted') {
      return;
    }
    const { memory, locations } = reconciliation;
    const { log, providerId, providers, report, resolver, store } = this.#options;
    resolver.check();
    const given = memory ? uniqueByKey(locationsOf(memory.repositories)) : locations;
    try {
      await store.compareGiven(
        providerName(providerId),
        given.map(one => toGiven(one, providerId)),
        new Set(providers.keys()),
      );
      const disputed = await report.of(providerId);
      log.conflicts(distinctConflicts(disputed.flatMap(one => one.conflicts)));
    } catch (error) {
      log.conflictsUnreadable(error);
    }
  }
}

function toGiven(location: CatalogLocation, providerId: string): GivenEntity {
  return {
    entityRef: stringifyEntityRef(toLocationEntity(location, providerId).entity),
    targetUrl: location.file.targetUrl,
    isLocation: location.file.entity === undefined,
  };
}
