/**
 * Checks, after each run, whether the catalog has accepted the emitted entities and which files
 * it could not use, and logs both. For a file that this run has found, the catalog has a result
 * by the next run. A failure here is logged and has no other effect.
 */

import { stringifyEntityRef } from '@backstage/catalog-model';
import { CatalogReporter, FailingRepository } from '../catalog/CatalogReporter';
import { readConflicts, ReadConflictsOptions } from '../conflicts/ConflictReporter';
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
      const batches = toEmittedBatches(emitted);
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
): AsyncGenerator<EmittedEntity[]> {
  for (const chunk of toChunks(locations)) {
    yield chunk.map(location => ({
      entityRef: stringifyEntityRef(toLocationEntity(location)),
      targetUrl: location.file.targetUrl,
      isLocation: location.file.entity === undefined,
    }));
    await yieldToEventLoop();
  }
}

/** Options for {@link CatalogErrorDetector}. */
interface CatalogErrorDetectorOptions extends ReadConflictsOptions {
  readonly providerId: string;
  readonly inCatalog: Pick<CatalogReporter, 'failing'>;
  readonly log: Pick<RunLog, 'catalogErrors'>;
}

/** Detects the catalog's errors for the files of one provider. */
export class CatalogErrorDetector {
  /** Identities of the errors that this replica has already logged. */
  #logged: ReadonlySet<string> = new Set();

  constructor(private readonly options: CatalogErrorDetectorOptions) {}

  /**
   * Logs the new errors. Call it once the run is applied.
   *
   * @remarks Does nothing after an aborted run, which must end without delay.
   */
  async afterRun({ failure }: Pick<Run, 'failure'>): Promise<void> {
    if (failure?.kind === 'aborted') {
      return;
    }
    const { inCatalog, log, providerId } = this.options;
    const conflicts = await readConflicts(providerId, this.options);
    const failing = (await inCatalog.failing(providerId, conflicts))?.flatMap(
      withoutTakenNames,
    );
    if (failing) {
      const fresh = failing.filter(repository =>
        getIdentities(repository).some(id => !this.#logged.has(id)),
      );
      this.#logged = new Set(failing.flatMap(getIdentities));
      log.catalogErrors(fresh, failing.length);
    }
  }
}

/** Leaves out taken names: the log reports them as conflicts. */
function withoutTakenNames({ report, errors }: FailingRepository): FailingRepository[] {
  const others = errors.filter(error => error.reason !== 'name-taken');
  return others.length > 0 ? [{ report, errors: others }] : [];
}

/** Without the message, which may contain a time. */
function getIdentities({ report, errors }: FailingRepository): string[] {
  return errors.map(({ entityRef, reason }) =>
    JSON.stringify([report.repositoryId, entityRef, reason]),
  );
}
