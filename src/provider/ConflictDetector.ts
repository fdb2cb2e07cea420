/**
 * Checks, after each run, whether the catalog has accepted the emitted entities, and logs
 * those that it has not. A failure here is logged and has no other effect.
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

/** Options for {@link ConflictDetector}. */
export interface ConflictDetectorOptions extends ConflictServices {
  readonly providerId: string;
  readonly log: RunLog;
}

/** Detects the conflicts of one provider. */
export class ConflictDetector {
  constructor(private readonly options: ConflictDetectorOptions) {}

  /**
   * Logs the conflicts. Call it once the run is applied and its report is stored.
   *
   * @remarks Does nothing after an aborted run, which must end without delay.
   */
  async afterRun({ failure, reconciliation }: Run): Promise<void> {
    if (failure?.kind === 'aborted') {
      return;
    }
    const { state, mutation, locations } = reconciliation;
    const { log, providerId, reporter, resolver, store } = this.options;
    const holdsMore = mutation === 'add-only' && state !== undefined;
    const emitted = holdsMore ? uniqueByKey(toLocations(state.repositories)) : locations;
    resolver.check();
    try {
      const batches = toEmittedBatches(emitted, providerId);
      await store.recordRun(providerId, providerName(providerId), batches);
      const disputed = await reporter.of(providerId);
      log.conflicts(distinctConflicts(disputed.flatMap(({ conflicts }) => conflicts)));
    } catch (error) {
      log.conflictsUnreadable(error);
    }
  }
}

/** Yields to the event loop between the batches. */
async function* toEmittedBatches(
  locations: readonly CatalogLocation[],
  providerId: string,
): AsyncGenerator<EmittedEntity[]> {
  for (const chunk of toChunks(locations)) {
    yield chunk.map(location => ({
      entityRef: stringifyEntityRef(toLocationEntity(location, providerId).entity),
      targetUrl: location.file.targetUrl,
      isLocation: location.file.entity === undefined,
    }));
    await yieldToEventLoop();
  }
}
