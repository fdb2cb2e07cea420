/**
 * The log of a run: one INFO line with its summary, progress during a long run, WARN where
 * somebody should act, DEBUG for each repository.
 */

import { LoggerService } from '@backstage/backend-plugin-api';
import { CustomErrorBase, stringifyError } from '@backstage/errors';
import { FailingRepository } from '../catalog/CatalogReporter';
import { ProviderConfig } from '../config/types';
import { Conflict, findDuplicateEntities } from '../conflicts/describeConflicts';
import { Run, RunFailure } from '../discovery/performRun';
import { describeSummary } from '../discovery/summarizeRun';
import { DiscoveryProgress, RepositoryResult } from '../discovery/types';
import { Clock, forEachInTurns } from '../util/clock';
import { formatAddress, formatPlural, listExamples, quote } from '../util/text';
import { providerName } from './locationEntities';
import { RequestCounts } from './createClient';

/** Minimum time between two progress lines of a run. */
const PROGRESS_INTERVAL_MS = 5_000;

/** Writes the log of one provider's runs. */
export class RunLog {
  readonly #logger: LoggerService;
  #lastProgressMs = 0;

  constructor(
    logger: LoggerService,
    private readonly config: ProviderConfig,
    private readonly clock: Pick<Clock, 'now'>,
  ) {
    this.#logger = logger.child({ provider: providerName(config.id), host: config.host });
  }

  startedImmediately(reason: string): void {
    this.#logger.info(`Discovery runs now, ahead of its schedule: ${reason}`);
  }

  started(): void {
    this.#lastProgressMs = this.clock.now();
    this.#logger.debug('Discovery starts');
  }

  progressed(progress: DiscoveryProgress): void {
    const nowMs = this.clock.now();
    if (nowMs - this.#lastProgressMs < PROGRESS_INTERVAL_MS) {
      return;
    }
    this.#lastProgressMs = nowMs;
    this.#logger.info(
      progress.kind === 'listing'
        ? `Discovery in progress: ${progress.listed} repositories listed`
        : `Discovery in progress: ${progress.checked} of ${progress.total} repositories checked`,
    );
  }

  stateUnreadable(error: unknown): void {
    this.#logger.warn(
      `The content of the catalog could not be read, so this run removes nothing: ${error}`,
    );
  }

  catalogErrorsUnreadable(error: unknown): void {
    this.#logger.warn(
      `Data of the catalog about its files could not be read, so this run checks only repositories that are due: ${error}`,
    );
  }

  reassertFailed(error: unknown): void {
    this.#logger.warn(
      `Locations that another provider has released could not be added to the catalog; the next run adds them: ${error}`,
    );
  }

  checkpointFailed(error: unknown): void {
    this.#logger.warn(`Interim results of the run could not be saved: ${error}`);
  }

  recordFailed(error: unknown): void {
    this.#logger.warn(`The record of the run could not be saved: ${error}`);
  }

  heldBack(reason: string): void {
    const path = this.#reportPath;
    this.#logger.warn(
      `Removals are held back: ${reason}. GET ${path} lists them; to remove them now, POST ${path}/removals/approve`,
    );
  }

  get #reportPath(): string {
    return `/api/catalog/bitbucket-server/discoveries/${encodeURIComponent(this.config.id)}`;
  }

  /** Logs all conflicts in one line, and each with its remedy at DEBUG. */
  conflicts(conflicts: readonly Conflict[]): void {
    if (conflicts.length === 0) {
      return;
    }
    for (const { explanation, remedy } of conflicts) {
      this.#logger.debug(`${explanation} ${remedy}`);
    }
    const examples = listExamples(conflicts, ({ explanation }) => explanation, ' ');
    this.#logger.warn(`${entitiesAre(conflicts.length)} claimed twice: ${examples}`);
  }

  conflictsUnreadable(error: unknown): void {
    this.#logger.warn(
      `It could not be checked whether the catalog has accepted everything: ${error}`,
    );
  }

  /** @param problem - cause and remedy, in sentences */
  accessProblem(problem: string): void {
    this.#logger.warn(problem);
  }

  webhooksNotKept(error: unknown): void {
    this.#logger.warn(`Changes without a webhook could not be counted: ${error}`);
  }

  /**
   * Logs all repositories with new errors in one line; nothing if there are none.
   *
   * @param fresh - repositories with new errors
   * @param total - number of all repositories with errors
   */
  catalogErrors(fresh: readonly FailingRepository[], total: number): void {
    if (fresh.length === 0) {
      return;
    }
    const examples = listExamples(fresh, ({ report, errors: [first] }) => {
      const { projectKey, repositorySlug: slug } = report;
      const text = first ? `${quote(first.message, 200)} ${first.remedy}` : '';
      return `${formatAddress({ projectKey, slug })}: ${text}`;
    });
    this.#logger.warn(
      `The catalog could not use all files of ${formatRepositories(total)}, ${fresh.length} of them with new errors: ${examples} GET ${this.#reportPath}/repositories?errors=true lists them`,
    );
  }

  approved(count: number): void {
    this.#logger.info(
      `Carried out ${formatPlural(count, 'removal')} that had been held back, after an approval`,
    );
  }

  async finished(run: Run, requests: RequestCounts): Promise<void> {
    await forEachInTurns(run.result.repositories.values(), repository =>
      this.#logger.debug(describeRepository(repository)),
    );
    this.#warnAboutListing(run);
    this.#warnAboutReassignedIds(run);
    this.#warnAboutUnknown(run);
    this.#warnAboutDuplicates(run);
    if (run.reconciliation.heldBackReason) {
      this.heldBack(run.reconciliation.heldBackReason);
    }
    const seconds = (run.finishedAtMs - run.startedAtMs) / 1000;
    const head = run.failure
      ? `Discovery failed after ${seconds} s: ${describeFailure(run.failure, this.config.host)}`
      : `Discovery finished in ${seconds} s with ${requests.total} requests:`;
    const message = `${head} ${describeSummary(run.summary)}`;
    const { reasons: _, ...counts } = run.summary;
    this.#logger.info(message, {
      ...counts,
      requests: requests.total,
      retries: requests.retries,
      rateLimited: requests.rateLimited,
      durationSeconds: seconds,
    });
  }

  #warnAboutListing({ result, failure }: Run): void {
    if (failure) {
      return;
    }
    for (const { projectKey, problem, gone } of result.listing.problems) {
      this.#logger.warn(
        gone
          ? `Project ${projectKey} does not exist: ${problem.detail}`
          : `Project ${projectKey} could not be listed, so its repositories stay as they are: ${problem.detail}`,
      );
    }
    if (result.listing.unreadable > 0) {
      this.#logger.warn(
        `Skipped ${formatPlural(result.listing.unreadable, 'item')} of the listing, not readable as a repository`,
      );
    }
  }

  /**
   * Warns about ids that now belong to other repositories.
   *
   * @remarks The Locations of the former repositories stay until Bitbucket answers, for each
   * by its name, that it is gone.
   */
  #warnAboutReassignedIds({ result }: Run): void {
    const { reassigned = [] } = result;
    if (reassigned.length === 0) {
      return;
    }
    const examples = listExamples(reassigned, known => {
      const { repository } = result.repositories.get(known.repositoryId) ?? {};
      return `${formatAddress(known)}${repository ? `, now ${formatAddress(repository)}` : ''}`;
    });
    this.#logger.warn(
      `The ids of ${reassigned.length} known repositories now belong to repositories of another name and project (${examples}). Unless those were moved and renamed, another server answers at ${this.config.host}: check apiBaseUrl`,
    );
  }

  #warnAboutUnknown({ result, summary, failure }: Run): void {
    if (summary.unknown === 0 || failure) {
      return;
    }
    const all = [...result.repositories.values()].filter(
      ({ outcome }) => outcome.kind === 'unknown',
    );
    const unknown = all.filter(repository => !hasTooManyFiles(repository));
    const overfull = all.filter(hasTooManyFiles);
    if (overfull.length > 0) {
      this.#logger.warn(
        `${listExamples(overfull, describeRepository)}. The catalog keeps what it has of them, and nothing new is added: narrow catalogPath, or increase maxFilesPerRepository`,
      );
    }
    if (unknown.length > 0) {
      this.#logger.warn(
        `${formatRepositories(unknown.length)} could not be checked, without any change in the catalog: ${listExamples(unknown, describeRepository)}`,
      );
    }
  }

  #warnAboutDuplicates({ result }: Run): void {
    const duplicates = findDuplicateEntities(result.repositories.values());
    if (duplicates.length === 0) {
      return;
    }
    const examples = listExamples(
      duplicates,
      ({ key, repositories }) =>
        `${key} by ${listExamples(repositories, formatAddress, ', ')}`,
    );
    this.#logger.warn(
      `${entitiesAre(duplicates.length)} defined by more than one repository, and the catalog takes the last of them: ${examples}`,
    );
  }
}

function hasTooManyFiles({ outcome }: RepositoryResult): boolean {
  return outcome.kind === 'unknown' && outcome.reason === 'too-many-files';
}

function formatRepositories(count: number): string {
  return formatPlural(count, 'repository', 'repositories');
}

function entitiesAre(count: number): string {
  return count === 1 ? '1 entity is' : `${count} entities are`;
}

/** Describes a result, such as `PAY/api absent: no-catalog-file`. */
function describeRepository({ repository, outcome }: RepositoryResult): string {
  const name = formatAddress(repository);
  switch (outcome.kind) {
    case 'registered':
      return `${name} registered: ${outcome.files.map(file => quote(file.path)).join(', ')}`;
    case 'unknown':
      return `${name} unknown: ${outcome.reason} (${outcome.detail})`;
    default:
      return `${name} ${outcome.kind}: ${outcome.reason}`;
  }
}

/** A run that failed. It removed nothing; what it found was added. */
export class DiscoveryRunError extends CustomErrorBase {
  override name = 'DiscoveryRunError' as const;

  constructor(failure: RunFailure, host: string) {
    super(describeFailure(failure, host));
  }
}

/** Describes in sentences why a run failed. */
export function describeFailure(failure: RunFailure, host: string): string {
  const kept = 'Nothing was removed from the catalog; what was found was added.';
  switch (failure.kind) {
    case 'listing':
      return `The repositories of ${host} could not be listed completely: ${failure.detail}. ${kept}`;
    case 'aborted':
      return `Discovery on ${host} was stopped before its end (${stringifyError(failure.error)}). ${kept} The next run continues with the repositories that were not checked. If \`schedule.timeout\` ended it, increase that.`;
    case 'failed':
      return `Discovery on ${host} failed: ${stringifyError(failure.error)}. ${kept}`;
    default:
      return failure satisfies never;
  }
}
