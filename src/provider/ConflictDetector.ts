/**
 * Looks, after each run, whether the catalog has taken what it was given, and says so
 * where it has not. What goes wrong here is logged and changes nothing else.
 */

import { stringifyEntityRef } from '@backstage/catalog-model';
import { ConflictServices } from '../conflicts/createConflictServices';
import { distinctConflicts } from '../conflicts/describeConflicts';
import { EmittedEntity } from '../conflicts/ConflictStore';
import { toLocations, uniqueByKey } from '../discovery/locations';
import { Run } from '../discovery/performRun';
import { CatalogLocation } from '../discovery/types';
import { toChunks } from '../store/DiscoveryDatabase';
import { yieldToEventLoop } from '../util/clock';
import { providerName, toLocationEntity } from './locationEntities';
import { RunLog } from './RunLog';

/** What the detector of one provider works with. */
export interface ConflictDetectorOptions extends ConflictServices {
  readonly providerId: string;
  readonly log: RunLog;
}

/** Detects conflicts of one provider. */
export class ConflictDetector {
  readonly #options: ConflictDetectorOptions;

  constructor(options: ConflictDetectorOptions) {
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
    const { state, mutation, locations } = reconciliation;
    const { log, providerId, reporter, resolver, store } = this.#options;
    const isMore = mutation === 'add-only' && state !== undefined;
    const given = isMore ? uniqueByKey(toLocations(state.repositories)) : locations;
    resolver.check();
    try {
      const emitted = emittedBatches(given, providerId);
      await store.recordRun(providerId, providerName(providerId), emitted);
      const disputed = await reporter.of(providerId);
      log.conflicts(distinctConflicts(disputed.flatMap(one => one.conflicts)));
    } catch (error) {
      log.conflictsUnreadable(error);
    }
  }
}

/** In batches, so that others get their turn in between. */
async function* emittedBatches(
  locations: readonly CatalogLocation[],
  providerId: string,
): AsyncGenerator<EmittedEntity[]> {
  for (const some of toChunks(locations)) {
    yield some.map(location => ({
      entityRef: stringifyEntityRef(toLocationEntity(location, providerId).entity),
      targetUrl: location.file.targetUrl,
      isLocation: location.file.entity === undefined,
    }));
    await yieldToEventLoop();
  }
}
