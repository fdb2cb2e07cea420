/**
 * Looks, after each run, what the catalog could not use, and says what of it is new. What it
 * makes of a file that this run has found, it knows by the next one.
 */

import { CatalogReporter, FailingRepository } from '../catalog/CatalogReporter';
import { readConflicts, ReadConflictsOptions } from '../conflicts/ConflictReporter';
import { Run } from '../discovery/performRun';
import { RunLog } from './RunLog';

/** What the detector of one provider works with. */
export interface CatalogErrorDetectorOptions extends ReadConflictsOptions {
  readonly providerId: string;
  readonly inCatalog: Pick<CatalogReporter, 'failing'>;
  readonly log: Pick<RunLog, 'catalogErrors'>;
}

/** Detects errors of one provider. */
export class CatalogErrorDetector {
  readonly #options: CatalogErrorDetectorOptions;
  /** Told by this replica already. */
  #told: ReadonlySet<string> = new Set();

  constructor(options: CatalogErrorDetectorOptions) {
    this.#options = options;
  }

  /**
   * To be called once the run is applied.
   *
   * @remarks Not after a run that was aborted: that one is to come to its end at once.
   */
  async afterRun({ failure }: Pick<Run, 'failure'>): Promise<void> {
    if (failure?.kind === 'aborted') {
      return;
    }
    const { inCatalog, log, providerId } = this.#options;
    const conflicts = await readConflicts(providerId, this.#options);
    const failing = (await inCatalog.failing(providerId, conflicts))?.flatMap(
      withoutTakenNames,
    );
    if (failing) {
      const fresh = failing.filter(one =>
        getIdentities(one).some(id => !this.#told.has(id)),
      );
      this.#told = new Set(failing.flatMap(getIdentities));
      log.catalogErrors(fresh, failing.length);
    }
  }
}

/** These are conflicts, which the log tells of as such. */
function withoutTakenNames({ report, errors }: FailingRepository): FailingRepository[] {
  const others = errors.filter(one => one.reason !== 'name-taken');
  return others.length > 0 ? [{ report, errors: others }] : [];
}

/** Without the message, which may tell a moment. */
function getIdentities({ report, errors }: FailingRepository): string[] {
  return errors.map(({ entityRef, reason }) =>
    JSON.stringify([report.repositoryId, entityRef, reason]),
  );
}
