/**
 * Reads, after each run, which files the catalog could not use, and logs the new errors. For a
 * file that this run has found, the catalog has a result by the next run.
 */

import { CatalogReporter, FailingRepository } from '../catalog/CatalogReporter';
import { readConflicts, ReadConflictsOptions } from '../conflicts/ConflictReporter';
import { Run } from '../discovery/performRun';
import { RunLog } from './RunLog';

/** Options for {@link CatalogErrorDetector}. */
export interface CatalogErrorDetectorOptions extends ReadConflictsOptions {
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
